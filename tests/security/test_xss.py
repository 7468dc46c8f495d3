"""Every vector through our Markdown: what comes out is a known tag, an address, or text."""

from __future__ import annotations

from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest

from commentsvc.markup import LONGEST_WORD, TAGS, render
from tests.security.vectors import RUN, vectors


class Seen(HTMLParser):
    """The tags and attributes of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.addresses: list[str] = []
        self.others: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name == "href"]

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def test_there_are_enough_vectors_and_each_is_armed() -> None:
    assert len(vectors()) >= 500
    assert all(RUN in v or "evil.example" in v or "<script>parent.xss" in v or v.count("data:") or "&#" in v or "referrer" in v for v in vectors())


@pytest.mark.parametrize("chunk", range(8))
def test_no_vector_leaves_more_than_tags_and_addresses(chunk: int) -> None:
    for vector in vectors()[chunk::8]:
        seen = Seen(render(vector))
        assert seen.tags <= TAGS, vector
        assert seen.attributes <= {"href", "rel"}, vector
        assert not seen.others, vector
        assert all(urlsplit(a).scheme in {"http", "https", "mailto"} for a in seen.addresses), (vector, seen.addresses)


def test_cleaning_twice_changes_nothing() -> None:
    """What the second parser reads differently from the first is how mutated markup gets through."""
    import nh3

    for vector in vectors():
        once = render(vector)
        again = nh3.clean(once, tags=TAGS, attributes={"a": {"href"}, "*": set()}, url_schemes={"http", "https", "mailto"}, url_relative="deny", link_rel="ugc nofollow noopener")
        assert again == once, vector


def test_addresses_are_not_looked_for_in_words_that_nobody_writes() -> None:
    assert "<a " in render("https://news.example/" + "a" * 1000)
    assert "<a " not in render("https://news.example/" + "a" * LONGEST_WORD)
