"""May my comments train the moderation model? Asked per purpose, off by default, every answer kept in a ledger."""

from __future__ import annotations

import datetime as dt
import enum
import hashlib
import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import aliased

from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_, language, translate
from commentsvc.privacy.models import Consent

FIRST = "0" * 64  # stands for the hash before the first entry
TRIES = 20  # as many people may press the button at once


class Purpose(enum.StrEnum):
    """What somebody may agree to, each by itself."""

    TRAIN_MODERATION = "train_moderation"


@dataclass(frozen=True)
class Text:
    """What is asked, as shown; whoever changes a word gives it the next version."""

    version: int
    question: str
    explanation: str

    def shown(self) -> Shown:
        """The words as a page has them in the present language: where they are not translated, in English."""
        question, explanation = translate(self.question, None), translate(self.explanation, None)
        spoken = "en" if (question, explanation) == (self.question, self.explanation) else language()
        return Shown(spoken, hashlib.sha256(f"{question}\n{explanation}".encode()).hexdigest())


@dataclass(frozen=True)
class Shown:
    """Which words somebody had before her: their language, and what they are known again by."""

    language: str
    sha256: str


TEXTS: dict[Purpose, Text] = {
    Purpose.TRAIN_MODERATION: Text(
        version=1,
        question=N_("May my comments train the moderation model?"),
        explanation=N_(
            "The publisher who runs this service may then use your comments, and how they were decided, to train the program that "
            "screens comments for abuse. Your name and address are not part of it. You can say no again at any time: your comments are "
            "left out of everything exported from then on, and this page names what was exported before."
        ),
    ),
}


def parse_purpose(text: str) -> Purpose:
    """The purpose of that name; Invalid lists them."""
    try:
        return Purpose(text)
    except ValueError:
        raise Invalid(f"purpose must be one of: {', '.join(Purpose)}.", field="purpose") from None


def consents_of(user: User) -> dict[Purpose, Consent | None]:
    """Her latest answer to each purpose; None where she was never asked, which is a no."""
    latest = select(func.max(Consent.id)).where(Consent.user_id == user.id).group_by(Consent.purpose)
    found = {c.purpose: c for c in db.session.scalars(select(Consent).where(Consent.id.in_(latest)))}
    return {purpose: found.get(purpose.value) for purpose in Purpose}


def history_of(user: User) -> Sequence[Consent]:
    """All her answers, the latest first."""
    return db.session.scalars(select(Consent).where(Consent.user_id == user.id).order_by(Consent.id.desc())).all()


def record_consent(user: User, purpose: Purpose, *, granted: bool, seen: str | None = None) -> Consent | None:
    """Write her answer to the question as it stands today in the present language; flushes. None when it is what holds already.

    `seen` is the SHA-256 of the words on the page she answered from; Conflict where they are others by now. A no to
    what she never agreed to is written too: that she was asked is worth knowing.
    """
    text = TEXTS[purpose]
    shown = text.shown()
    if seen is not None and seen != shown.sha256:
        raise Conflict("This text has changed since you read it. Read it again, then answer.")
    standing = consents_of(user)[purpose]
    if standing is not None and standing.granted == granted and standing.text_version == text.version:
        return None
    for _ in range(TRIES):
        entry = Consent(
            user_id=user.id, purpose=purpose.value, granted=granted, text_version=text.version, text_sha256=shown.sha256,
            language=None if shown.language == "en" else shown.language,
            created_at=utcnow(), previous_hash=head(),
        )
        entry.hash = hash_of(entry)
        try:
            with db.session.begin_nested():
                db.session.add(entry)
        except IntegrityError:  # somebody else's came first: this one follows it
            continue
        return entry
    raise Conflict("Many people answer at this moment. Try again.")


def head() -> str:
    """The hash of the ledger's last entry."""
    return db.session.scalar(select(Consent.hash).order_by(Consent.id.desc()).limit(1)) or FIRST


def hash_of(entry: Consent) -> str:
    """SHA-256 over the entry's content and the hash before it, in one form only.

    What was read in English is hashed as it was before there were other languages.
    """
    content: list[object] = [
        entry.previous_hash, entry.user_id, entry.purpose, entry.granted, entry.text_version, entry.text_sha256,
        entry.created_at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
    ]
    if entry.language is not None:
        content.append(entry.language)
    return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def granted_now(purpose: Purpose) -> ColumnElement[bool]:
    """A condition on Consent: it is somebody's latest answer to this purpose, a yes, and to the text as it stands.

    Who agreed to an earlier text is asked again before anything is done under the new one.
    """
    later = aliased(Consent)
    return and_(
        Consent.purpose == purpose.value, Consent.granted, Consent.text_version == TEXTS[purpose].version,
        ~select(later.id).where(later.user_id == Consent.user_id, later.purpose == Consent.purpose, later.id > Consent.id).exists(),
    )


@dataclass(frozen=True)
class Checked:
    """How many entries were read, and what is wrong with the first bad one ("": nothing is)."""

    entries: int
    head: str
    problem: str = ""


def verify() -> Checked:
    """Read the whole ledger and compute every hash again."""
    before, number = FIRST, 0
    # By number: an entry gets its own only when the one before is committed, or is refused.
    entries = db.session.scalars(select(Consent).order_by(Consent.id).execution_options(yield_per=1000, populate_existing=True))
    with closing(entries):
        for entry in entries:
            number += 1
            if entry.previous_hash != before:
                return Checked(number, before, f"Entry {entry.id} does not follow the one before it: one was taken out or put in.")
            if entry.hash != hash_of(entry):
                return Checked(number, before, f"Entry {entry.id} was changed after it was written.")
            before = entry.hash
    return Checked(number, before)
