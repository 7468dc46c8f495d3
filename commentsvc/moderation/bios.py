"""What a person says about herself: screened as a comment is before others read it; until then the text before stands.

An account belongs to all sites, and so does its bio: it has to pass the rules of every site that knows the person, and
those who review any of them can decide on it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    update,
)

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import BioState, Profile, SiteBadge, SiteRole, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission
from commentsvc.characters import too_many
from commentsvc.comments.models import Comment
from commentsvc.database import follow_up, utcnow, write_intent
from commentsvc.delivery.email import queue_mail
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, translate
from commentsvc.moderation.models import REJECT_REASONS, Reason
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.reasons import SiteReason, reason_named
from commentsvc.moderation.sanctions import in_force, lock_person
from commentsvc.moderation.scoring import probe, score_each
from commentsvc.moderation.statements import home_of
from commentsvc.screening.phases import (
    banned_phrases,
    links,
    sanction,
    suspect_phrases,
    toxicity,
    trusted_author,
)
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import Policy
from commentsvc.screening.scoring_process import ScorerDied
from commentsvc.screening.submission import Outcome, Submission, Verdict
from commentsvc.screening.toxicity import ScoringError, ToxicityScorer
from commentsvc.sites.models import Site

log = structlog.get_logger()

BIO_LENGTH: Final = 300  # characters, as people count them
BIO_LINES: Final = 12
JOINERS: Final = "\u200c\u200d"  # Persian, Indic scripts and emoji are written with them; other signs that show nothing go
MAX_ATTEMPTS: Final = 3  # of the model, until a person gets it
CLOCKS_DIFFER: Final = dt.timedelta(minutes=10)  # a claim that ends later was made by a clock that was ahead
# What of a comment's phases a text without an article is asked.
PHASES: Final = (trusted_author, sanction, banned_phrases, suspect_phrases, links, toxicity)
SUBJECT: Final = N_("What you say about yourself")
REJECTED: Final = N_("A community manager of %(site)s has read what you want to say about yourself and has not accepted it. Others go on reading what stood before.")
TAKEN_DOWN: Final = N_("A community manager of %(site)s has taken down what you say about yourself.")
BY_PROGRAM: Final = N_("A program has read what you want to say about yourself and has not accepted it, without a person. Others go on reading what stood before.")
OUTCOMES: Final = ("approve", "reject", "take_down")  # what a community manager can do with a bio
WORST_FIRST: Final = (Verdict.REJECT, Verdict.WAIT, Verdict.HOLD, Verdict.PUBLISH)
STATES: Final = {Verdict.REJECT: BioState.REJECTED, Verdict.HOLD: BioState.HELD, Verdict.WAIT: BioState.PENDING}


def profile_of(user_id: int) -> Profile:
    """The person's profile; one that says nothing, and is not in the database, where she has none."""
    return db.session.get(Profile, user_id, populate_existing=True) or _new(user_id)


def clean_bio(text: str) -> str:
    """The text to keep, with its line breaks; Invalid says how much is too much."""
    lines = [" ".join("".join(c for c in line if c.isprintable() or c in JOINERS or c.isspace()).split()) for line in _as_text(text).split("\n")]
    text = "\n".join(lines).strip()
    while "\n\n\n" in text:
        text = text.replace("\n\n\n", "\n\n")
    if over := too_many(text, BIO_LENGTH):
        raise Invalid(
            "This is %(over)s characters too long; the limit is %(most)s.", field="bio", code="bio_too_long", values={"over": over, "most": BIO_LENGTH},
        )
    if text.count("\n") >= BIO_LINES:
        raise Invalid("A bio has at most %(most)s lines.", field="bio", code="bio_too_long", values={"most": BIO_LINES})
    return text


def set_bio(user: User, text: str) -> Profile:
    """Say something else about oneself; flushes. Others read it once it has passed, and nothing at once where it is empty.

    Invalid where it is too long.
    """
    text = clean_bio(text)
    lock_person(user.id)
    profile = _kept(user.id)
    if text == (profile.offered if profile.offered is not None else profile.bio):
        return profile
    profile.number += 1
    if text in {"", profile.bio}:
        profile.bio = text
        _settle(profile)
    else:
        profile.offered, profile.offered_at, profile.attempts, profile.claimed_until = text, utcnow(), 0, None
        _follow(profile, _screened(profile, None))
    db.session.flush()
    return profile


def set_history_private(user: User, private: bool) -> None:
    """Show one's earlier comments on one's page to others, or not; flushes."""
    lock_person(user.id)
    _kept(user.id).history_private = private
    db.session.flush()


# ---- Decisions


def approve_bio(site: Site, user: User, number: int, *, actor: User) -> None:
    """Let others read the text of that number; flushes. Conflict where the person has said something else meanwhile."""
    profile = _judged(user, number)
    if profile.offered is None:
        raise Conflict("This text is shown already, or gone.", code="bio_changed")
    profile.bio = profile.offered
    _settle(profile)
    record(actor, "bio.approved", site_id=site.id, subject=f"user:{user.id}", number=number)
    db.session.flush()


def reject_bio(site: Site, user: User, number: int, *, actor: User, reason: SiteReason) -> None:
    """Not let others read the text of that number, for a reason its author is told by mail; flushes. Conflict as for `approve_bio`.

    It stays where its author and colleagues see it, so that it can be approved after all.
    """
    profile = _judged(user, number)
    if profile.offered is None or profile.state == BioState.REJECTED:
        raise Conflict("This text was decided already.", code="bio_changed")
    profile.state, profile.claimed_until = BioState.REJECTED.value, None
    _state(profile, reason)
    record(actor, "bio.rejected", site_id=site.id, subject=f"user:{user.id}", number=number, reason=reason.key)
    _tell(profile, user, site, REJECTED)
    db.session.flush()


def take_bio_down(site: Site, user: User, number: int, *, actor: User, reason: SiteReason) -> None:
    """Not let others go on reading what they read now, for a reason its author is told by mail; flushes. Conflict as for `approve_bio`.

    Where nothing newer waits it stays, rejected, for its author and colleagues to see, and can be approved again.
    """
    profile = _judged(user, number)
    if not profile.bio:
        raise Conflict("Others read no text of hers already.", code="bio_changed")
    if profile.offered is None:
        profile.offered, profile.offered_at, profile.state = profile.bio, utcnow(), BioState.REJECTED.value
        _state(profile, reason)
    profile.bio = ""
    record(actor, "bio.taken_down", site_id=site.id, subject=f"user:{user.id}", number=number, reason=reason.key)
    _tell(profile, user, site, TAKEN_DOWN, words_of=reason)
    db.session.flush()


def decide_bio(site: Site, user: User, number: int, outcome: str, reason: str, *, actor: User) -> None:
    """What a form or a program asks for; Invalid where it is none of OUTCOMES, or where a reason is missing."""
    if outcome == "approve":
        approve_bio(site, user, number, actor=actor)
    elif outcome == "reject":
        reject_bio(site, user, number, actor=actor, reason=reason_named(site, reason))
    elif outcome == "take_down":
        take_bio_down(site, user, number, actor=actor, reason=reason_named(site, reason))
    else:
        raise Invalid("Choose what should happen.", field="outcome")


def bio_reason(profile: Profile) -> str:
    """Why it was rejected, in the present language; "" where it was not, or before reasons were kept."""
    if profile.reason is None:
        return ""
    return profile.reason_words or translate(REJECT_REASONS.get(Reason(profile.reason), REJECT_REASONS[Reason.OTHER]), None)


def _state(profile: Profile, reason: SiteReason) -> None:
    profile.reason = reason.category.value
    profile.reason_words = "" if reason.words == REJECT_REASONS[reason.category] else reason.words


def _tell(profile: Profile, user: User, site: Site, told: str, *, words_of: SiteReason | None = None) -> None:
    """Write to her, in her language, what became of her text."""
    if user.email is None:  # imported: nobody reads it
        return
    with in_language(user.language or site.language):
        reason = translate(words_of.words, None) if words_of is not None else bio_reason(profile)
        queue_mail(user.email, gettext(SUBJECT), "bio_rejected", name=user.display_name, told=gettext(told, site=site.name), reason=reason)


def _judged(user: User, number: int) -> Profile:
    lock_person(user.id)
    profile = db.session.get(Profile, user.id, populate_existing=True)
    if profile is None:
        raise NotFound("This person says nothing about herself.")
    if profile.number != number:
        raise Conflict("The person has changed the text meanwhile. Read it again.", code="bio_changed")
    return profile


# ---- Screening


def bios_waiting() -> bool:
    """Whether the model has a bio to read; takes no lock, and leaves no transaction open."""
    reading = write_intent.set(False)
    try:
        found = db.session.execute(select(Profile.user_id).where(_free(utcnow())).limit(1)).first()
        db.session.rollback()
    finally:
        write_intent.reset(reading)
    return found is not None


def screen_bio(scorer: Callable[[], ToxicityScorer], *, lease: int) -> bool:
    """Have the model read one bio and follow what the rules make of it; whether there was one. Commits.

    Nothing is open while the model reads. ScoringError when the model fails: the text waits, and is not blamed. One that
    ends the model MAX_ATTEMPTS times is held for a person.
    """
    now = utcnow()
    profile = db.session.scalar(
        select(Profile).where(_free(now)).order_by(Profile.user_id).limit(1)
        .with_for_update(skip_locked=True).execution_options(populate_existing=True)
    )
    if profile is None:
        db.session.rollback()
        return False
    profile.claimed_until, profile.attempts = now + dt.timedelta(seconds=lease), profile.attempts + 1
    user_id, number, body, hopeless = profile.user_id, profile.number, profile.offered or "", profile.attempts > MAX_ATTEMPTS
    db.session.commit()
    scores: Mapping[str, float] = {}
    if not hopeless:
        try:
            scores = _scores(scorer(), body)
        except ScorerDied as died:
            _release(user_id, number, blame=died.blamed)
            log.warning("the model died reading a bio", person=user_id, error=str(died))
            return True
        except ScoringError:
            _release(user_id, number, blame=False)
            raise
    _decide(user_id, number, scores)
    return True


def _scores(model: ToxicityScorer, body: str) -> Mapping[str, float]:
    try:
        return score_each(model, [body])[0]
    except ScorerDied as died:
        if died.blamed:
            probe(model)  # ScoringError: it is the model, whatever it reads
        raise


def _decide(user_id: int, number: int, scores: Mapping[str, float]) -> None:
    lock_person(user_id)
    profile = db.session.get(Profile, user_id, populate_existing=True)
    if profile is not None and profile.number == number and profile.state == BioState.PENDING:
        profile.claimed_until = None
        _follow(profile, _screened(profile, scores))
        if profile.state == BioState.REJECTED:  # she has left the page
            user = db.session.get_one(User, user_id)
            _tell(profile, user, home_of(user_id), BY_PROGRAM)
    db.session.commit()


def _release(user_id: int, number: int, *, blame: bool) -> None:
    db.session.execute(
        update(Profile).where(Profile.user_id == user_id, Profile.number == number)
        .values(claimed_until=None, attempts=Profile.attempts - (0 if blame else 1)).execution_options(synchronize_session=False)
    )
    db.session.commit()


def _screened(profile: Profile, scores: Mapping[str, float] | None) -> Outcome:
    """The worst that the rules of any site which knows the person make of it; of one nobody knows, the rules as they come."""
    user = db.session.get_one(User, profile.user_id)
    kinds = set(db.session.scalars(select(Sanction.kind).where(Sanction.user_id == user.id, in_force(utcnow()), Sanction.kind != SanctionKind.WARN)))
    hold_for = "sanctioned" if kinds else None
    sites = db.session.scalars(select(Site).where(_knows(Site.id, user.id))).all()
    outcomes = [
        screen(_submission(profile, site.policy, scores, hold_for, staff=Permission.SKIP_SCREENING in PERMISSIONS[user.role_on(site.id)]), PHASES)
        for site in sites
    ] or [screen(_submission(profile, Policy(), scores, hold_for), PHASES)]
    return min(outcomes, key=lambda one: WORST_FIRST.index(one.verdict))


def _submission(profile: Profile, policy: Policy, scores: Mapping[str, float] | None, hold_for: str | None, *, staff: bool = False) -> Submission:
    return Submission(
        body=profile.offered or "", policy=policy, submitted_at=profile.offered_at or utcnow(), author_is_staff=staff, hold_for=hold_for, scores=scores,
    )


def _follow(profile: Profile, outcome: Outcome) -> None:
    if outcome.verdict == Verdict.PUBLISH:
        profile.bio = profile.offered or ""
        _settle(profile)
        return
    profile.state, profile.findings = STATES[outcome.verdict].value, [finding.to_data() for finding in outcome.findings]
    profile.reason, profile.reason_words = (outcome.reason or Reason.OTHER.value) if outcome.verdict == Verdict.REJECT else None, ""
    if outcome.verdict == Verdict.WAIT:
        follow_up(db.session, "screen")


def _settle(profile: Profile) -> None:
    """Nothing is offered any more."""
    profile.offered = profile.state = profile.findings = profile.reason = profile.offered_at = profile.claimed_until = None
    profile.attempts, profile.reason_words = 0, ""


# ---- What waits, and where


# SQLite takes a partial index only when its WHERE stands in the statement to the letter.
HELD: ColumnElement[bool] = Profile.state == literal_column(f"'{BioState.HELD.value}'")
PENDING: ColumnElement[bool] = Profile.state == literal_column(f"'{BioState.PENDING.value}'")


def _free(now: dt.datetime) -> ColumnElement[bool]:
    return and_(PENDING, or_(Profile.claimed_until.is_(None), Profile.claimed_until < now, Profile.claimed_until > now + CLOCKS_DIFFER))


def held_bios(site: Site) -> int:
    """How many bios of the site's people wait for a community manager; one statement."""
    return db.session.scalar(select(func.count()).select_from(Profile).where(HELD, _knows(site.id, Profile.user_id))) or 0


def whose_bio_waits(site: Site) -> Select[int]:
    """The site's people whose bios wait for a community manager."""
    return select(Profile.user_id).where(HELD, _knows(site.id, Profile.user_id))


def _knows(site_id: Any, user_id: Any) -> ColumnElement[bool]:
    """Whether the person wrote on the site, or holds a role or a badge there."""
    return or_(*(
        exists(select(literal(1)).where(whose == user_id, where == site_id))
        for whose, where in (
            (Comment.author_id, Comment.site_id), (SiteRole.user_id, SiteRole.site_id), (SiteBadge.user_id, SiteBadge.site_id),
        )
    ))


def _kept(user_id: int) -> Profile:
    """The person's row, made where there is none; she is locked."""
    profile = db.session.get(Profile, user_id, populate_existing=True)
    if profile is None:
        profile = _new(user_id)
        db.session.add(profile)
    return profile


def _new(user_id: int) -> Profile:
    return Profile(user_id=user_id, bio="", offered=None, state=None, number=0, findings=None, reason=None, reason_words="", offered_at=None, claimed_until=None, attempts=0, history_private=False)


def _as_text(text: str) -> str:
    # PostgreSQL has no place for NUL, nor UTF-8 for lone surrogates.
    return text.replace("\x00", "").encode("utf-8", "ignore").decode().replace("\r\n", "\n").replace("\r", "\n")
