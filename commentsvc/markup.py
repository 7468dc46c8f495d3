"""Markdown as readers write it, to HTML that is safe to put on any page."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

TAGS = {"p", "br", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}

# Characters in a row without a space in which addresses are looked for: the search takes the square
# of their number, and no address that anybody could follow is longer.
LONGEST_WORD = 2000


def _parser(*, linkify: bool) -> MarkdownIt:
    return MarkdownIt("zero", {"linkify": linkify, "breaks": True, "html": False, "maxNesting": 20}).enable([
        "paragraph", "text", "newline", "escape", "backticks", "fence", "blockquote", "list",
        "emphasis", "strikethrough", "link", "autolink", "linkify", "entity", "balance_pairs",
    ])


_markdown, _without_bare_links = _parser(linkify=True), _parser(linkify=False)


def render(body: str) -> str:
    """The HTML of a comment's Markdown: a fixed set of tags, no attributes but links' own.

    Links lead to absolute addresses and carry `rel="ugc nofollow noopener"`; headings, images, tables and raw HTML stay text. Where a
    word is longer than LONGEST_WORD, bare addresses stay text too.
    """
    parser = _without_bare_links if any(len(word) > LONGEST_WORD for word in body.split()) else _markdown
    return nh3.clean(
        parser.render(body),
        tags=TAGS,
        attributes={"a": {"href"}, "*": set()},  # "*": not even a title
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",  # it would lead into this service, and "//elsewhere" away from it
        link_rel="ugc nofollow noopener",
    )
