"""The console in another language than English: its names, its dates, and what its scripts say."""

from __future__ import annotations

import datetime as dt
import re
from gettext import c2py
from pathlib import Path

import pytest

from commentsvc import i18n
from commentsvc.errors import Invalid, TooSoon
from commentsvc.figures.durations import percent, short_time
from commentsvc.i18n import NN_, number, score
from commentsvc.moderation.queue import Queue
from commentsvc.pages import date_words, datetime_words, day_words
from commentsvc.review.script_words import TEXTS, script_words
from commentsvc.review.words import EMPTY_QUEUES, LABEL_NAMES, QUEUE_NAMES

pytestmark = pytest.mark.once

STATIC = Path(i18n.__file__).parent / "static"
MOMENT = dt.datetime(2026, 11, 26, 14, 5, tzinfo=dt.UTC)
SAID = re.compile(r'\bt\("([^"]+)"')
COUNTED = re.compile(r'\btn\([^"]+"([^"]+)", "([^"]+)"')


def test_each_text_of_the_scripts_is_offered_in_other_languages() -> None:
    with i18n.in_language("de"):
        counted = {one for one, forms in script_words().items() if isinstance(forms, dict)}
    script = (STATIC / "review.js").read_text()
    assert len(SAID.findall(script)) > 40
    assert set(SAID.findall(script)) <= set(TEXTS)
    assert {one for one, _ in COUNTED.findall(script)} == counted


def test_a_script_gets_the_plural_forms_that_the_browser_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = "n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100>=11 ? 4 : 5"
    forms = tuple(f"%(num)s form {number}" for number in range(6))
    monkeypatch.setattr(i18n, "_catalogue", lambda _tag: i18n.Catalogue({"%(num)s new": forms, "Undo": "تراجع"}, c2py(rule)))
    assert script_words() == {}
    with i18n.in_language("ar"):
        words = script_words()
    assert words["Undo"] == "تراجع"
    assert words["%(num)s new"] == {name: f"%(num)s form {n}" for n, name in enumerate(("zero", "one", "two", "few", "many", "other"))}


def test_names_are_given_in_the_reader_s_language(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {"Held": "Angehalten", "No held comments": "Nichts angehalten", "Rude": "Grob"}
    monkeypatch.setattr(i18n, "_catalogue", lambda tag: i18n.Catalogue(texts if tag == "de" else {}, c2py("n != 1")))
    assert (QUEUE_NAMES[Queue.HELD], LABEL_NAMES["toxicity"][0]) == ("Held", "Rude")
    with i18n.in_language("de"):
        assert dict(QUEUE_NAMES.items())[Queue.HELD] == "Angehalten"
        assert EMPTY_QUEUES[Queue.HELD][0] == "Nichts angehalten"
        assert LABEL_NAMES.get("toxicity", ("", ""))[0] == "Grob"


def test_dates_and_numbers_are_written_as_the_language_has_them() -> None:
    assert date_words(MOMENT) == "26 November 2026"
    assert day_words(MOMENT) == "26 November"
    assert datetime_words(MOMENT) == "26 November 2026, 14:05"
    assert (number(12345), percent(0.0004), short_time(5400)) == ("12,345", "under 0.1 %", "1.5 h")
    assert (score(0.7), score(0.704), score(1, 1)) == ("0.70", "0.70", "1.0")
    with i18n.in_language("de"):
        assert date_words(MOMENT) == "26. November 2026"
        assert datetime_words(MOMENT) == "26. November 2026, 14:05"
        assert number(12345) == "12.345"
        assert score(0.7) == "0,70"


@pytest.mark.parametrize(("tag", "expected"), [("en", "2,000"), ("de", "2.000"), ("fr", "2\u202f000"), ("ar", "2,000")])
def test_thousands_in_what_is_refused_are_kept_apart_as_the_language_does(tag: str, expected: str) -> None:
    refused = Invalid("A message has 1 to %(most)s characters.", values={"most": 2000})
    with i18n.in_language(tag):
        assert expected in refused.told
    assert "2,000" in refused.message  # programs are told it in English
    wait = TooSoon(NN_("Wait %(num)d minute.", "Wait %(num)d minutes."), retry_after=86400, values={"num": 1440})
    with i18n.in_language(tag):
        assert "1440" in wait.told
