"""Markdown as readers write it, to HTML that is safe to put on any page."""

from __future__ import annotations

import nh3
from markdown_it import MarkdownIt

TAGS = {"p", "br", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a"}

_markdown = (
    MarkdownIt("zero", {"linkify": True, "breaks": True, "html": False, "maxNesting": 20})
    .enable([
        "paragraph", "text", "newline", "escape", "backticks", "fence", "blockquote", "list",
        "emphasis", "strikethrough", "link", "autolink", "linkify", "entity", "balance_pairs",
    ])
)


def render(body: str) -> str:
    """The HTML of a comment's Markdown: a fixed set of tags, no attributes but links' own.

    Links carry `rel="ugc nofollow noopener"`; headings, images, tables and raw HTML stay text.
    """
    return nh3.clean(
        _markdown.render(body),
        tags=TAGS,
        attributes={"a": {"href"}, "*": set()},  # "*": not even a title
        url_schemes={"http", "https", "mailto"},
        link_rel="ugc nofollow noopener",
    )
