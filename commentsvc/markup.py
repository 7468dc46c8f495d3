"""Markdown as readers write it, to HTML that is safe to put on any page.

Two things are ours. `||text||` is a spoiler. `@Ada Lovelace#17` mentions a person of this conversation: the number says
who it is, and the name before it is for the eye. Names repeat, have spaces, read from the right and change, so that a
name alone could not say who is meant; a number alone would say nothing to whoever reads the text in a form, a mail or a feed.
Both together are plain characters, which survive any keyboard, paste and diff. The name may be shortened, as people do
("@Ada#17"), but has to begin hers: nobody can be made to stand behind another name, and "flat #17" mentions nobody.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

TAGS = {
    "p", "br", "em", "strong", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a",
    "bdi",  # a mention
    "div", "details", "summary",  # a spoiler, and the paragraph around it: <p> may hold none
}
_ATTRIBUTES: dict[str, set[str]] = {"a": {"href"}, "bdi": {"data-user"}, "*": set()}  # "*": not even a title
_CLASSES = {"bdi": {"mention"}, "details": {"spoiler"}}

# Characters in a row without a space in which addresses are looked for: the search takes the square
# of their number, and no address that anybody could follow is longer.
LONGEST_WORD = 2000
LONGEST_NAME = 200
MENTIONS = 10
"""Whom a text can mention; more names are plain text, so that nobody calls a whole conversation together."""

SPOILER = "<summary>Spoiler</summary>"
"""What stands for a spoiler before it is opened. Surfaces put the reader's own word in its place."""

_NUMBER = re.compile(r"#([0-9]{1,18})(?![0-9\w])", re.ASCII)
_MENTIONED = re.compile(r'<bdi [^<>]*data-user="([0-9]{1,18})"')  # no text that was typed has a "<" in HTML


def _fold(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def _mention_at(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """What the "@" there may mention: name, number, and where it ends."""
    if at and (text[at - 1].isalnum() or text[at - 1] in "_@"):  # an e-mail address
        return
    line = text[at + 1 : at + 1 + LONGEST_NAME + 20].partition("\n")[0]
    for found in _NUMBER.finditer(line):
        name = line[: found.start()]
        if name and not name[0].isspace() and not name[-1].isspace():
            yield name, int(found[1]), at + 1 + found.end()


def numbers_in(body: str) -> set[int]:
    """The people a text may mention, by their numbers; MENTIONS at most, the first."""
    found: dict[int, None] = {}
    at = body.find("@")
    while at >= 0 and len(found) < MENTIONS:
        found.update((number, None) for _, number, _ in _mention_at(body, at))
        at = body.find("@", at + 1)
    return set(list(found)[:MENTIONS])


def mentioned_in(html: str) -> set[int]:
    """The people that the HTML of `render` mentions."""
    return {int(number) for number in _MENTIONED.findall(html)}


def renamed(body: str, number: int, old: str, new: str) -> str:
    """The text with the person's name in its mentions exchanged; what mentions nobody stays."""
    parts: list[str] = []
    done, at = 0, body.find("@")
    while at >= 0:
        for name, found, end in _mention_at(body, at):
            if found == number and _fold(old).startswith(_fold(name)):
                parts += [body[done : at + 1], new, f"#{number}"]
                done = end
                break
        at = body.find("@", max(at + 1, done))
    return "".join(parts) + body[done:]


def _mention(state: StateInline, silent: bool) -> bool:
    people: Mapping[int, str] = state.env.get("people") or {}
    if not people or state.src[state.pos] != "@":
        return False
    for name, number, end in _mention_at(state.src, state.pos):
        if end <= state.posMax and _fold(people.get(number, "")).startswith(_fold(name) or "\n"):
            if not silent:
                token = state.push("mention", "bdi", 0)
                token.content, token.meta = name, {"user": number}
            state.pos = end
            return True
    return False


def _spoiler(state: StateInline, silent: bool) -> bool:
    start = state.pos + 2
    if not state.src.startswith("||", state.pos) or state.linkLevel or state.level >= state.md.options.maxNesting:
        return False
    end = state.src.find("||", start, state.posMax)
    # "a || b || c" is logic and no secret.
    if end <= start or state.src[start].isspace() or state.src[end - 1].isspace():
        return False
    if not silent:
        most = state.posMax
        state.push("spoiler_open", "details", 1)
        state.pos, state.posMax = start, end
        state.md.inline.tokenize(state)
        state.push("spoiler_close", "details", -1)
        state.posMax = most
    state.pos = end + 2
    return True


def _make_room(state: StateCore) -> None:
    """A paragraph with a spoiler is a <div>: a browser would end a <p> where the spoiler begins."""
    for before, token, after in zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False):
        if token.type == "inline" and any(child.type == "spoiler_open" for child in token.children or ()):
            before.tag = after.tag = "div"


def _mention_html(_renderer: RendererHTML, tokens: list[Token], at: int, _options: OptionsDict, _env: EnvType) -> str:
    token = tokens[at]
    name = token.content.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f'<bdi class="mention" data-user="{token.meta["user"]}">@{name}</bdi>'


def _spoiler_html(_renderer: RendererHTML, _tokens: list[Token], _at: int, _options: OptionsDict, _env: EnvType) -> str:
    return f'<details class="spoiler">{SPOILER}'


def _parser(*, linkify: bool) -> MarkdownIt:
    parser = MarkdownIt("zero", {"linkify": linkify, "breaks": True, "html": False, "maxNesting": 20}).enable([
        "paragraph", "text", "newline", "escape", "backticks", "fence", "blockquote", "list",
        "emphasis", "strikethrough", "link", "autolink", "linkify", "entity", "balance_pairs",
    ])
    parser.inline.add_terminator_char("|")
    parser.inline.ruler.before("emphasis", "mention", _mention)
    parser.inline.ruler.before("emphasis", "spoiler", _spoiler)
    parser.core.ruler.push("make_room", _make_room)
    parser.add_render_rule("mention", _mention_html)
    parser.add_render_rule("spoiler_open", _spoiler_html)
    return parser


_markdown, _without_bare_links = _parser(linkify=True), _parser(linkify=False)
# In every bare address one of these stands; to look for one where none does took as long as all the rest.
_IN_ADDRESSES = re.compile(r"\.\S|[@:]|//")


def render(body: str, people: Mapping[int, str] | None = None) -> str:
    """The HTML of a comment's Markdown: a fixed set of tags, no attributes but links' own and a mention's number.

    `people` are those who can be mentioned, by number. Links lead to absolute addresses and carry `rel="ugc nofollow noopener"`;
    headings, images, tables and raw HTML stay text. Where a word is longer than LONGEST_WORD, bare addresses stay text too.
    """
    bare = _IN_ADDRESSES.search(body) and not any(len(word) > LONGEST_WORD for word in body.split())
    parser = _markdown if bare else _without_bare_links
    return nh3.clean(
        parser.render(body, {"people": people}),
        tags=TAGS,
        attributes=_ATTRIBUTES,
        allowed_classes=_CLASSES,
        url_schemes={"http", "https", "mailto"},
        url_relative="deny",  # it would lead into this service, and "//elsewhere" away from it
        link_rel="ugc nofollow noopener",
    )


def begins(name: str, typed: str) -> bool:
    """Whether the name, or one of its words, begins with what somebody typed."""
    wanted = _fold(typed)
    words = _fold(name).split(" ")
    return any(" ".join(words[i:]).startswith(wanted) for i in range(len(words)))


