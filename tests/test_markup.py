from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from commentsvc import markup
from commentsvc.markup import MENTIONS, SPOILER, TAGS, mentioned_in, numbers_in, render


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


@given(st.lists(st.sampled_from(["www", "localhost", "example", "com", "127", "http", "/", "//", ".", ". ", "-", " ", "\n", "(", "é", "中。", "．com", "．"]), max_size=12).map("".join))
def test_where_no_address_is_looked_for_there_is_none(body: str) -> None:
    assume(not markup._IN_ADDRESSES.search(body))
    assert "<a " not in markup._markdown.render(body, {"people": None})


@given(st.text(max_size=300))
def test_any_text_gives_only_known_tags(body: str) -> None:
    html = render(body)
    assert set(re.findall(r"<\s*([a-zA-Z0-9]+)", html)) <= TAGS


def test_deep_nesting_does_not_stall() -> None:
    assert render("> " * 5000 + "x")
    assert render("[" * 5000)
    assert render("*a " * 2000)


PEOPLE = {7: "Ada Lovelace", 8: "Ünal <b>Öz</b>"}


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ("@Ada Lovelace#7 is right", {7}), ("(@ada#7)", {7}), ("@ADA LOVELACE#7", {7}), ("@Ünal <b>Öz</b>#8", {8}),
        ("||@Ada#7||", {7}), ("> **@Ada#7**", {7}),
        ("@Bob#7", set()), ("flat #7", set()), ("ada@Ada#7", set()), ("@ Ada#7", set()), ("@Ada#70", set()), ("@Ada#9", set()),
        ("@#7", set()), ("`@Ada#7`", set()), ("\\@Ada#7", set()), ("@Ada\n#7", set()),
    ],
)
def test_a_mention_is_of_whom_both_its_name_and_its_number_mean(body: str, named: set[int]) -> None:
    html = render(body, PEOPLE)
    assert mentioned_in(html) == named
    assert "<b>" not in html


def test_nobody_is_mentioned_by_markup_that_was_typed() -> None:
    assert mentioned_in(render('<bdi class="mention" data-user="7">@Ada</bdi> [x](https://e.example/?data-user="7")', PEOPLE)) == set()


def test_a_text_calls_ten_people_at_most() -> None:
    many = {number: f"P{number}" for number in range(1, 40)}
    body = " ".join(f"@{name}#{number}" for number, name in many.items())
    assert len(numbers_in(body)) == MENTIONS
    assert len(mentioned_in(render(body, {number: many[number] for number in numbers_in(body)}))) == MENTIONS


@pytest.mark.parametrize(
    ("body", "spoilers"),
    [
        ("||the butler||", 1), ("**||a||** and ||b||", 2), ("||**a** `c`||", 1), ("a || b || c", 0), ("||||", 0), ("|| ||", 0), ("||a", 0),
        ("`||a||`", 0), ("> ||a||\n\n- ||b||", 2),
    ],
)
def test_a_spoiler_is_closed_until_it_is_opened(body: str, spoilers: int) -> None:
    html = render(body)
    assert html.count('<details class="spoiler">') == html.count("</details>") == html.count(SPOILER) == spoilers
    assert not re.search(r"<p>[^/]*<details", html)  # a browser would end the paragraph there


@pytest.mark.parametrize("body", ["||" * 2500, "||a " * 1200, "||a||" * 1000, "[||a" * 1000, "||[" * 1600, "@" * 5000, "@a#1" * 1200, "@a #" * 1200])
def test_hostile_nesting_of_spoilers_and_mentions_is_quick_and_well_formed(body: str) -> None:
    began = time.process_time()
    html = render(body, {1: "a"})
    assert time.process_time() - began < 2
    assert html.count("<details") == html.count("</details>")
    assert set(re.findall(r"<([a-z0-9]+)", html)) <= TAGS
