"""A bio is screened as a comment is before others read it; until then the one before stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import BioState, Profile, User
from commentsvc.accounts.permissions import Role
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.i18n import in_language
from commentsvc.moderation.bios import (
    MAX_ATTEMPTS,
    approve_bio,
    bio_reason,
    bios_waiting,
    decide_bio,
    held_bios,
    profile_of,
    reject_bio,
    screen_bio,
    set_bio,
    take_bio_down,
)
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.reasons import SiteReason
from commentsvc.moderation.sanctions import impose
from commentsvc.screening.policy import Policy
from commentsvc.screening.scoring_process import ScorerDied
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer
from commentsvc.sites.models import Site
from tests.factories import make_article, make_comment, make_site, make_user
from tests.moderation.stand_ins import Reader

SPAM = SiteReason("spam", "Spam or advertising", Reason.SPAM)


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(policy=Policy(banned_phrases=("snake oil",), suspect_phrases=("bells",), reject_clear=True))


@pytest.fixture
def ada(site: Site) -> User:
    person = make_user("Ada")
    make_comment(make_article(site), person)
    return person


def said(user: User, text: str, scorer: ToxicityScorer) -> Profile:
    """What becomes of a text once the model has read it."""
    set_bio(user, text)
    db.session.commit()
    while screen_bio(lambda: scorer, lease=30):
        pass
    return profile_of(user.id)


def test_a_harmless_one_is_read_by_others_once_the_model_has_read_it(ada: User, scorer: ToxicityScorer) -> None:
    set_bio(ada, "  I ring\r\n\r\n\r\n\r\nat St\u202e Anne’s.  ")
    db.session.commit()
    waiting = profile_of(ada.id)
    assert (waiting.bio, waiting.offered, waiting.state) == ("", "I ring\n\nat St Anne’s.", BioState.PENDING)
    assert bios_waiting()
    assert screen_bio(lambda: scorer, lease=30)
    passed = profile_of(ada.id)
    assert (passed.bio, passed.offered, passed.state) == ("I ring\n\nat St Anne’s.", None, None)
    assert not bios_waiting()


@pytest.mark.parametrize(("text", "state"), [
    ("I sell snake oil.", BioState.REJECTED),
    ("I sell snаke 0il.", BioState.REJECTED),
    ("I ring bells.", BioState.HELD),
    ("https://a.example https://b.example https://c.example https://d.example", BioState.HELD),
    ("You are all stupid idiots, go and die.", BioState.HELD),
])
def test_what_a_comment_would_be_stopped_for_stops_it_and_the_old_one_stands(ada: User, scorer: ToxicityScorer, text: str, state: BioState) -> None:
    assert said(ada, "I like rain.", scorer).bio == "I like rain."
    stopped = said(ada, text, scorer)
    assert (stopped.bio, stopped.offered) == ("I like rain.", text)
    assert stopped.state in ({state} if state == BioState.HELD and "stupid" not in text else {state, BioState.REJECTED})
    assert stopped.findings


def test_it_has_to_pass_every_site_that_knows_her(ada: User, site: Site, scorer: ToxicityScorer) -> None:
    other = make_site(policy=Policy(suspect_phrases=("rain",)))
    assert said(ada, "I like rain.", scorer).state is None
    make_comment(make_article(other), ada)
    assert said(ada, "I like rain and sun.", scorer).state == BioState.HELD
    assert (held_bios(site), held_bios(other), held_bios(make_site())) == (1, 1, 0)


def test_staff_are_not_read_by_themselves(site: Site) -> None:
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    assert set_bio(manager, "I ring bells.").bio == "I ring bells."


def test_who_is_sanctioned_is_read_first(ada: User, site: Site, scorer: ToxicityScorer) -> None:
    boss = make_user(role=Role.ADMIN, site=site)
    impose(ada, SanctionKind.ALWAYS_REVIEW, actor=boss, site=site, reason=Reason.SPAM)
    assert said(ada, "I like rain.", scorer).state == BioState.HELD


@pytest.mark.parametrize(("text", "fits"), [
    ("x" * 300, True), ("x" * 301, False), ("👨‍👩‍👧‍👦" * 40, True), ("é" * 300, True), ("e\u0301" * 300, True), ("\n".join("x" * 12), True), ("\n".join("x" * 13), False),
])
def test_characters_are_counted_as_people_count_them(ada: User, text: str, fits: bool) -> None:
    if fits:
        set_bio(ada, text)
    else:
        with pytest.raises(Invalid) as refused:
            set_bio(ada, text)
        assert refused.value.field == "bio"


def test_nothing_can_be_said_at_once_and_taken_back_too(ada: User, scorer: ToxicityScorer) -> None:
    said(ada, "I like rain.", scorer)
    set_bio(ada, "I like sun.")
    assert set_bio(ada, "I like rain.").offered is None
    assert set_bio(ada, "").bio == ""


def test_a_manager_decides_on_the_text_she_read_alone(ada: User, site: Site, scorer: ToxicityScorer) -> None:
    mia = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    number = said(ada, "I ring bells.", scorer).number
    set_bio(ada, "I ring bells loudly.")
    with pytest.raises(Conflict):
        approve_bio(site, ada, number, actor=mia)
    number = profile_of(ada.id).number
    reject_bio(site, ada, number, actor=mia, reason=SPAM)
    with pytest.raises(Conflict):
        reject_bio(site, ada, number, actor=mia, reason=SPAM)
    assert profile_of(ada.id).bio == ""
    approve_bio(site, ada, number, actor=mia)  # after all
    assert profile_of(ada.id).bio == "I ring bells loudly."
    take_bio_down(site, ada, number, actor=mia, reason=SPAM)
    taken = profile_of(ada.id)
    assert (taken.bio, taken.offered, taken.state) == ("", "I ring bells loudly.", BioState.REJECTED)
    with pytest.raises(Conflict):
        take_bio_down(site, ada, number, actor=mia, reason=SPAM)


def test_a_decision_carries_its_reason_to_her_page_and_her_mail(ada: User, site: Site, scorer: ToxicityScorer) -> None:
    site.reasons = [{"key": "noise", "words": "Too loud for the paper", "category": "off_topic"}]
    ada.language = "de"
    mia = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    number = said(ada, "I ring bells.", scorer).number
    assert bio_reason(profile_of(ada.id)) == ""  # held: nothing is decided
    for missing in ("", "no such reason"):
        with pytest.raises(Invalid) as refused:
            decide_bio(site, ada, number, "reject", missing, actor=mia)
        assert refused.value.field == "reason"
    decide_bio(site, ada, number, "reject", "noise", actor=mia)
    db.session.commit()
    rejected = profile_of(ada.id)
    assert (rejected.reason, bio_reason(rejected)) == (Reason.OFF_TOPIC, "Too loud for the paper")
    [mail] = db.session.scalars(select(Mail).where(Mail.kind == "bio_rejected"))
    assert (mail.recipient, mail.subject) == (ada.email, "Was Sie über sich sagen")
    assert "Grund: Too loud for the paper." in mail.text
    assert "/account/profile" in mail.text
    decide_bio(site, ada, number, "approve", "", actor=mia)
    assert (profile_of(ada.id).reason, profile_of(ada.id).reason_words) == (None, "")
    decide_bio(site, ada, number, "take_down", "spam", actor=mia)
    assert db.session.scalars(select(Mail.text).where(Mail.kind == "bio_rejected").order_by(Mail.id.desc())).first().count("Spam oder Werbung") == 1  # type: ignore[union-attr]
    with in_language("fr"):
        assert bio_reason(profile_of(ada.id)) == "Spam ou publicité"
    with pytest.raises(Invalid):
        decide_bio(site, ada, number, "burn", "spam", actor=mia)


def test_what_a_program_rejects_later_is_written_to_her_and_says_so(ada: User, site: Site, scorer: ToxicityScorer) -> None:
    set_bio(ada, "I like rain.")
    db.session.commit()
    site.policy_data = Policy(banned_phrases=("rain",), reject_clear=True).to_data()  # by the time the model reads it
    db.session.commit()
    assert screen_bio(lambda: scorer, lease=30)
    assert profile_of(ada.id).state == BioState.REJECTED
    assert bio_reason(profile_of(ada.id))
    [mail] = db.session.scalars(select(Mail).where(Mail.kind == "bio_rejected"))
    assert "without a person" in mail.text


class Dying(Reader):
    """Ends with every text."""

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        if texts == ["I like rain."]:
            raise ScorerDied("gone")
        return super().score(texts)


def test_a_text_that_ends_the_model_gets_a_person_in_the_end(ada: User) -> None:
    set_bio(ada, "I like rain.")
    db.session.commit()
    for _ in range(MAX_ATTEMPTS):
        assert screen_bio(Dying, lease=30)
        assert profile_of(ada.id).state == BioState.PENDING
    assert screen_bio(Dying, lease=30)
    assert profile_of(ada.id).state == BioState.HELD


class Away(Reader):
    """A model that fails on everything."""

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        raise ScoringError("the model file is corrupt")


def test_while_the_model_is_away_it_waits_and_is_not_blamed(ada: User) -> None:
    set_bio(ada, "I like rain.")
    db.session.commit()
    with pytest.raises(ScoringError):
        screen_bio(Away, lease=30)
    waiting = profile_of(ada.id)
    assert (waiting.state, waiting.attempts, waiting.claimed_until) == (BioState.PENDING, 0, None)


class Meanwhile(Reader):
    """She changes the text while it is read."""

    def __init__(self, user: User) -> None:
        super().__init__()
        self.user = user

    def score(self, texts: Sequence[str]) -> list[Mapping[str, float]]:
        set_bio(self.user, "You toxic people.")
        db.session.commit()
        return super().score(texts)


def test_a_verdict_on_an_earlier_text_is_none_on_the_new_one(ada: User) -> None:
    set_bio(ada, "I like rain.")
    db.session.commit()
    screen_bio(lambda: Meanwhile(ada), lease=30)
    changed = profile_of(ada.id)
    assert (changed.bio, changed.offered, changed.state) == ("", "You toxic people.", BioState.PENDING)


def test_what_another_worker_reads_is_left_alone_until_its_lease_ends(ada: User) -> None:
    set_bio(ada, "I like rain.")
    profile = profile_of(ada.id)
    profile.claimed_until = utcnow() + dt.timedelta(seconds=30)
    db.session.commit()
    assert not bios_waiting()
    assert not screen_bio(Reader, lease=30)
    profile_of(ada.id).claimed_until = utcnow() - dt.timedelta(seconds=1)
    db.session.commit()
    assert screen_bio(Reader, lease=30)
    assert profile_of(ada.id).bio == "I like rain."
