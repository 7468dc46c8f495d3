"""Versions of what is set on a site, differences between them, phrases and reasons."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.differences import differences
from commentsvc.moderation.models import Reason
from commentsvc.moderation.phrase_lists import Given, adding, phrase_rows, read_phrases, removing
from commentsvc.moderation.reasons import (
    SiteReason,
    canned_messages,
    check_messages,
    check_reasons,
    filled,
    messages_for,
    reasons_of,
)
from commentsvc.moderation.settings import (
    change_settings,
    first_version,
    get_version,
    go_back,
    lock_site,
    settings_data,
    versions_of,
)
from commentsvc.screening.policy import MAX_PHRASES, Policy, check_policy
from commentsvc.sites.languages import check_language
from commentsvc.sites.models import Site
from tests.factories import make_site, make_user


@pytest.fixture
def site(app: Flask) -> Site:
    return lock_site(make_site().id)


def set_policy(site: Site, **values: Any) -> Any:
    return change_settings(site, {"policy": replace(site.policy, **values)}, actor=None, via="command")


def test_the_first_change_keeps_what_was_there_before(site: Site) -> None:
    before = settings_data(site)
    made = set_policy(site, max_links=9)
    assert [v.number for v in versions_of(site)] == [2, 1]
    assert get_version(site, 1).data == before
    assert made.changes == [{"path": ["policy", "max_links"], "added": 0, "removed": 0}]
    assert site.policy_version == 2


def test_nothing_changed_is_no_version_but_moves_the_site(site: Site) -> None:
    version = site.version
    assert set_policy(site) is None
    assert (site.policy_version, site.version) == (0, version + 1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.fixed_dictionaries({}, optional={
    "max_links": st.integers(0, 1000), "premoderate": st.booleans(), "close_after_days": st.integers(0, 100),
    "banned_phrases": st.lists(st.sampled_from(["one", "two", "three four"]), unique=True).map(tuple),
    "sections": st.dictionaries(st.sampled_from(["Sport", "Politics"]), st.fixed_dictionaries({"max_links": st.integers(0, 9)})),
}), min_size=1, max_size=4))
def test_going_back_to_any_version_makes_the_settings_equal_to_it(app: Flask, steps: list[dict[str, Any]]) -> None:
    site = lock_site(make_site().id)
    for step in steps:
        set_policy(site, **step)
    for version in list(versions_of(site)):
        wanted = get_version(site, version.number)
        with contextlib.suppress(Conflict):
            go_back(site, wanted, actor=None, via="command")
        now = settings_data(site)
        assert not differences(now, wanted.data)
        assert now["policy"] == wanted.data["policy"]


def test_a_version_of_an_earlier_release_has_defaults_for_what_came_later(site: Site) -> None:
    first_version(site, actor=None, via="command")
    set_policy(site, max_links=9, close_after_days=3)
    old = get_version(site, 1)
    old.data = {"name": site.name, "policy": {"max_links": 4, "of_another_release": 1}, "origins": ["nonsense", "https://a.example"]}
    go_back(site, old, actor=None, via="command")
    assert site.policy == replace(Policy(), max_links=4)
    assert (site.origins, site.language, site.closing_days) == (["https://a.example"], "en", None)


def test_going_back_to_what_no_release_allows_is_refused(site: Site) -> None:
    first_version(site, actor=None, via="command")
    set_policy(site, max_links=9)
    old = get_version(site, 1)
    old.data = old.data | {"policy": {"max_links": -1}}
    with pytest.raises(Invalid):
        go_back(site, old, actor=None, via="command")


def test_a_difference_names_fields_and_what_came_and_went() -> None:
    before = {"policy": Policy(banned_phrases=("a", "b"), sections={"Sport": {"max_links": 1}}).to_data(), "name": "Post"}
    after = {"policy": Policy(banned_phrases=("b", "c"), hold_at={"threat": 0.2}).to_data(), "name": "The Post"}
    found = {d.path: d for d in differences(before, after)}
    phrases = found["policy", "banned_phrases"]
    assert (phrases.added, phrases.removed) == (("c",), ("a",))
    assert (found["policy", "sections", "Sport", "max_links"].before, found["policy", "sections", "Sport", "max_links"].after) == (1, None)
    assert (found["name",].before, found["name",].after) == ("Post", "The Post")
    assert ("policy", "hold_at", "threat") in found
    assert not differences(before, before)


def test_who_added_a_phrase_is_kept_whatever_changes_it(site: Site) -> None:
    ada, ben = make_user("Ada"), make_user("Ben")
    site = lock_site(site.id)
    change_settings(site, adding(site, [Given("one", "banned", "Why not")])[0], actor=ada, via="console")
    change_settings(site, {"policy": replace(site.policy, suspect_phrases=("two",))}, actor=ben, via="api")
    change_settings(site, adding(site, [Given("one", "suspect")])[0], actor=ben, via="console")
    assert {r.phrase: (r.list, r.note, r.by_id) for r in phrase_rows(site)} == {
        "one": ("suspect", "Why not", ada.id), "two": ("suspect", "", ben.id),
    }
    change_settings(site, removing(site, ["one", "unknown"])[0], actor=ben, via="console")
    assert [r.phrase for r in phrase_rows(site)] == ["two"]
    assert set(site.phrase_notes or {}) == {"two"}


def test_a_list_takes_so_many_and_no_more(site: Site) -> None:
    many = [Given(f"word{n}", "banned") for n in range(MAX_PHRASES)]
    values, tally = adding(site, many)
    assert tally.added == MAX_PHRASES
    with pytest.raises(Invalid, match="20,001"):
        adding(site, [*many, Given("another", "banned")])
    assert check_policy(values["policy"])


def test_a_list_beyond_what_a_form_carries_is_refused() -> None:
    with pytest.raises(Invalid, match="900 kB"):
        read_phrases("word\n" * 180_001, "suspect")


@given(st.text(max_size=300))
def test_any_text_is_phrases_or_a_sentence_about_what_is_wrong(text: str) -> None:
    with contextlib.suppress(Invalid):
        for one in read_phrases(text, "suspect"):
            check_policy(Policy(suspect_phrases=(one.phrase,)))


def test_reasons_are_the_sites_with_the_built_in_ones_always_there() -> None:
    kept = check_reasons([{"key": "court", "words": " In  court ", "category": "other"}, {"key": "spam", "words": "Ads", "hidden": True}])
    reasons = reasons_of(Site(reasons=kept))
    assert reasons[:2] == (SiteReason("court", "In court", Reason.OTHER), SiteReason("spam", "Ads", Reason.SPAM, True))
    assert len(reasons) == 10
    assert len(reasons_of(Site())) == 9


@pytest.mark.parametrize(
    "given",
    [
        [{"key": "Court", "words": "x", "category": "other"}], [{"key": "approved", "words": "x", "category": "other"}],
        [{"key": "court", "words": "x", "category": "approved"}], [{"key": "court", "words": " ", "category": "other"}],
        [{"key": "spam", "words": "x"}, {"key": "spam", "words": "y"}], [{"key": f"k{n}", "words": "x", "category": "other"} for n in range(41)],
    ],
)
def test_reasons_that_make_no_sense_are_refused(given: list[dict[str, Any]]) -> None:
    with pytest.raises(Invalid):
        check_reasons(given)


def test_messages_are_offered_by_reason_and_language_and_filled_once() -> None:
    site = Site(language="de", messages=check_messages([
        {"reason": "", "language": "en", "text": "Dear {name}"}, {"reason": "spam", "language": "en", "text": "Ads, {name}?"},
        {"reason": "spam", "language": "de_at", "text": "Werbung?"}, {"reason": "abuse", "language": "de", "text": "Nein."},
    ], reasons_of(Site())))
    assert [m.language for m in canned_messages(site)] == ["en", "en", "de-AT", "de"]
    assert [m.text for m in messages_for(site, "spam")] == ["Werbung?", "Ads, {name}?", "Dear {name}"]
    assert [m.text for m in messages_for(site, "spam", "en")] == ["Ads, {name}?", "Dear {name}", "Werbung?"]
    assert filled("Dear {name} of {site}: {else}", name="{site}", site="Post") == "Dear {site} of Post: {else}"


@pytest.mark.parametrize(("written", "kept"), [("EN", "en"), ("pt_br", "pt-BR"), ("zh-hant-tw", "zh-Hant-TW"), ("es-419", "es-419")])
def test_a_language_is_kept_as_it_is_usually_written(written: str, kept: str) -> None:
    assert check_language(written) == kept


@pytest.mark.parametrize("written", ["", "e", "in English", "de-", "de<script>", "x" * 40, "ｅｎ"])
def test_what_is_no_language_is_refused(written: str) -> None:
    with pytest.raises(Invalid):
        check_language(written)


def test_the_policys_sections_are_checked() -> None:
    wrong: tuple[dict[str, Any], ...] = (
        {"": {}}, {"x" * 101: {}}, {"A": {"max_length": 5}}, {"A": {"max_links": -1}}, {"A": {"hold_at": {"nice": 0.5}}},
        {"A": {"hold_at": 3}}, {"A": {"premoderate": 1}}, {"A": {"max_links": True}}, {"A": {}, " a ": {}}, {f"s{n}": {} for n in range(201)},
    )
    for sections in wrong:
        with pytest.raises(Invalid):
            check_policy(Policy(sections=sections))


def test_what_is_set_is_committed_with_its_version(site: Site) -> None:
    set_policy(site, max_links=9)
    db.session.rollback()
    assert versions_of(site) == []
    assert db.session.get_one(Site, site.id, populate_existing=True).policy == Policy()
