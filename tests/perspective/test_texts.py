"""Plain text and offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.perspective.texts import MAX_SPANS, from_utf16, parts, plain_text, utf16_offsets

pytestmark = pytest.mark.once

ANY = st.text(st.characters(codec="utf-8") | st.sampled_from("🙂.!\n <>&;/ab"), max_size=60)


@given(ANY)
def test_an_offset_counts_utf_16_units_and_leads_back(text: str) -> None:
    positions = list(range(len(text) + 1))
    offsets = utf16_offsets(text, positions)
    assert offsets == [len(text[:position].encode("utf-16-le")) // 2 for position in positions]
    assert [from_utf16(text, offset) for offset in offsets] == positions


@given(ANY)
def test_each_character_of_stripped_html_knows_where_it_was(text: str) -> None:
    plain = plain_text(text, "HTML")
    assert plain.origins is not None
    assert len(plain.origins) == len(plain.text) + 1
    assert list(plain.origins) == sorted(plain.origins)
    assert plain.origins[-1] == len(text)


@given(ANY)
def test_parts_cover_everything_that_is_said(text: str) -> None:
    found = parts(text)
    assert len(found) <= MAX_SPANS
    assert "".join("".join(text[a:b].split()) for a, b in found) == "".join(text.split())


@pytest.mark.parametrize(("given", "shown"), [
    ("<p>a</p><p>b</p>", "\na\n\nb\n"),
    ("a<br/>b", "a\nb"),
    ("<em>s</em>t<span title='x'>op</span>", "stop"),
    ("&lt;b&gt; &#33; &#x21; &nbsp;&nosuch; &", "<b> ! ! \xa0&nosuch; &"),
    ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
    ("<SCRIPT>x</Script>y<style>z</style>", "\ny\n"),
    ("a<!-- b -->c<!-- d", "ac"),
    ("<!DOCTYPE html><?php x ?>a", "a"),
    ("&#55296;&#0;&#1114112;", "\ufffd\ufffd\ufffd"),
])
def test_html_as_a_reader_sees_it(given: str, shown: str) -> None:
    assert plain_text(given, "HTML").text == shown
