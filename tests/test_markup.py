from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.markup import TAGS, render


def test_the_subset_is_rendered() -> None:
    html = render("**bold** _em_ ~~s~~ `code`\n> quote\n\n- a\n- b")
    for tag in ("strong", "em", "s", "code", "blockquote", "ul", "li"):
        assert f"<{tag}>" in html


def test_links_are_marked_as_the_readers_own() -> None:
    html = render("[a](https://example.org/x) and https://example.com")
    assert html.count('rel="ugc nofollow noopener"') == 2


@pytest.mark.parametrize(
    "body",
    [
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "[x](javascript:alert(1))",
        "[x](data:text/html;base64,AAAA)", "![i](https://e.example/i.png)", "<a href='x' onclick='y'>",
        '[x](https://e.example "onmouseover=alert(1)")', "<style>*{}</style>", "\x00<iframe>", "[a](vbscript:x)",
    ],
)
def test_nothing_active_gets_through(body: str) -> None:
    html = render(body)
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= TAGS
    assert not re.search(r"<[^>]*(?:on\w+=|javascript:|data:|vbscript:|style=)", html)


@given(st.text(max_size=300))
def test_any_text_gives_only_known_tags(body: str) -> None:
    html = render(body)
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", html)) <= TAGS


def test_deep_nesting_does_not_stall() -> None:
    assert render("> " * 5000 + "x")
    assert render("[" * 5000)
    assert render("*a " * 2000)
