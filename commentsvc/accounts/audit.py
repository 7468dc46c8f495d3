"""The audit log: every action of staff, in a chain of hashes that nobody can change unnoticed.

A row is written unsealed, in the transaction of what it tells: nobody waits for anybody. Every minute a worker seals
what was committed since (`seal`), in the order of ids, each with the hash of its predecessor. Whoever changes, takes
out or puts in a sealed row breaks the chain from there on; whoever can rewrite all of it cannot make it end in a hash
that was noted elsewhere before (`commentsvc audit head`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from sqlalchemy import Select, Table, bindparam, func, select, update
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.models import AuditEntry, AuditHead, User
from commentsvc.accounts.permissions import STAFF, Role
from commentsvc.database import utcnow
from commentsvc.extensions import db

_HEAD: Final = 1
SEALED_AT_ONCE = 1000  # rows in one transaction, so that a backlog holds no lock for long
READ_AT_ONCE = 1000
FACTS_LENGTH = 10_000  # of all facts of a row as JSON: codes and numbers, not texts
VALUE_LENGTH = 200  # of one setting before or after; of a longer one its length and hash are kept
_ACTION = re.compile(r"[a-z]+(?:_[a-z]+)*(?:\.[a-z]+(?:_[a-z]+)*)+")
SUBJECT_LENGTH = 100

# Where an action came from.
BY_SESSION, BY_KEY, BY_COMMAND = "session", "key", "command"


def record(actor: User | None, action: str, *, site_id: int | None = None, subject: str = "", **facts: Any) -> AuditEntry:
    """Add a row to the caller's transaction; `actor` None: whoever has the command line.

    `action` is a code of dotted words such as `role.granted`, `subject` what it was done to such as `user:7`. `facts`
    are small: ids, codes, a setting before and after (`changed`). Never a reader's text or an address: what stands
    here cannot be taken out again. ValueError for what no row may be.
    """
    if not _ACTION.fullmatch(action) or len(action) > 60 or len(subject) > SUBJECT_LENGTH:
        raise ValueError(f"{action!r} on {subject!r} is nothing the audit log can hold")
    if actor is not None and actor.key_id is not None:
        facts["key"] = actor.key_id
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    if len(text) > FACTS_LENGTH:
        raise ValueError(f"the facts of {action!r} have {len(text)} characters")
    entry = AuditEntry(
        at=utcnow(), actor_id=actor.id if actor else None, via=_way_of(actor), action=action, site_id=site_id,
        subject=subject, facts=text,
    )
    db.session.add(entry)
    return entry


def record_own(person: User, action: str, *, site_id: int | None = None, subject: str = "", **facts: Any) -> None:
    """A row for what staff did with their own account, on each site where they are staff: its admins see it there.

    With `site_id` on that site alone. Nothing for readers: what they do with theirs is nobody's business.
    """
    for staffed in staffed_sites(person):
        if site_id in {None, staffed}:
            record(person, action, site_id=staffed, subject=subject or f"user:{person.id}", **facts)


def record_by_command(person: User, action: str, **facts: Any) -> None:
    """A row for what the command line did to an account: on each site where they are staff, else on none."""
    places: list[int | None] = [*staffed_sites(person)]
    for site_id in places or [None]:
        record(None, action, site_id=site_id, subject=f"user:{person.id}", **facts)


def staffed_sites(person: User) -> list[int]:
    """The sites on which the person reviews."""
    return sorted(grant.site_id for grant in person.roles if Role(grant.role) in STAFF)


def changed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """What differs, as name -> [before, after], for the facts of a row; long values by length and hash."""
    return {
        name: [_short(before.get(name)), _short(after.get(name))]
        for name in sorted({*before, *after}) if before.get(name) != after.get(name)
    }


def _short(value: Any) -> Any:
    text = json.dumps(value, sort_keys=True)
    if len(text) <= VALUE_LENGTH:
        return value
    return {"length": len(value) if isinstance(value, str | list) else len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()[:16]}


def _way_of(actor: User | None) -> str:
    if actor is None:
        return BY_COMMAND
    return BY_SESSION if actor.scopes is None else BY_KEY


# The chain.


@dataclass(frozen=True)
class Head:
    """Where the chain ends: how many rows it has, and the hash of the last."""

    position: int
    hash: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.hash.hex()}"


START = Head(0, bytes(32))


_HASHED = ("position", "id", "at", "actor_id", "via", "action", "site_id", "subject", "facts")
EXPORTED = frozenset({*_HASHED, "hash"})


def hash_of(before: bytes, entry: Mapping[str, Any]) -> bytes:
    """The hash of a row, given that of the row before: SHA-256 over both.

    `entry` is as an export has it (`exported`); its facts are hashed as the text that is stored.
    """
    told = [entry[name] for name in _HASHED]
    return hashlib.sha256(before + json.dumps(told, separators=(",", ":")).encode()).digest()


def exported(entry: AuditEntry) -> dict[str, Any]:
    """A row as one line of an export: all that its hash is made of, and the hash."""
    return {
        "position": entry.position, "id": entry.id, "at": entry.at.astimezone(dt.UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id, "via": entry.via, "action": entry.action, "site_id": entry.site_id,
        "subject": entry.subject, "facts": entry.facts, "hash": entry.hash.hex() if entry.hash else None,
    }


def seal() -> int:
    """Chain some of the rows that were committed since the last time; returns how many. Flushes.

    One worker at a time: the head's row is locked. A row whose transaction ended after that of a later id takes its
    place at the end: the chain's order is `position`, and no row is waited for.
    """
    head = _locked_head()
    waiting = db.session.scalars(
        select(AuditEntry).where(AuditEntry.position.is_(None)).order_by(AuditEntry.id).limit(SEALED_AT_ONCE)
        .execution_options(populate_existing=True)
    ).all()
    values = []
    for entry in waiting:
        head.position += 1
        head.hash = hash_of(head.hash, exported(entry) | {"position": head.position})
        values.append({"row": entry.id, "place": head.position, "made": head.hash})
        db.session.expunge(entry)
    if values:
        entries = cast("Table", AuditEntry.__table__)
        db.session.connection().execute(
            update(entries).where(entries.c.id == bindparam("row")).values(position=bindparam("place"), hash=bindparam("made")), values
        )
    db.session.flush()
    return len(values)


def seal_all() -> int:
    """Chain all that was committed, and commit after each part; returns how many."""
    total = 0
    while sealed := seal():
        db.session.commit()
        total += sealed
    db.session.rollback()
    return total


def _locked_head() -> AuditHead:
    locked = select(AuditHead).where(AuditHead.id == _HEAD).with_for_update().execution_options(populate_existing=True)
    head = db.session.scalar(locked)
    if head is not None:
        return head
    try:
        with db.session.begin_nested():
            db.session.add(AuditHead(id=_HEAD, position=START.position, hash=START.hash))
    except IntegrityError:  # two first workers at once
        pass
    return db.session.scalars(locked).one()


def head() -> Head:
    """Where the chain ends now."""
    found = db.session.execute(select(AuditHead.position, AuditHead.hash).where(AuditHead.id == _HEAD)).one_or_none()
    return Head(found.position, found.hash) if found else START


@dataclass(frozen=True)
class Verified:
    """What reading the whole chain found: `problem` is None when every row follows from the one before."""

    head: Head
    problem: str | None = None


def verify(lines: Iterable[Mapping[str, Any]], *, noted: Head | None = None) -> Verified:
    """Read sealed rows in order (`sealed_rows`, or the lines of an export) and stop at the first that does not fit.

    `noted` is a head that was kept elsewhere: the chain must have passed through it.
    """
    end = START
    passed = noted is None or noted == START
    for line in lines:
        place = end.position + 1
        if line["position"] != place:
            return Verified(end, f"Row {place} of the chain is missing; after row {end.position} comes row {line['position']}.")
        made = hash_of(end.hash, line)
        if made.hex() != line["hash"]:
            return Verified(end, f"Row {place} of the chain (id {line['id']}, {line['at']}) is not what was sealed, or a row before it is not.")
        end = Head(place, made)
        if noted is not None and noted.position == place:
            if noted.hash != made:
                return Verified(end, f"Row {place} has not the hash that was noted: the log up to there was written anew.")
            passed = True
    if not passed and noted is not None:
        return Verified(end, f"The chain ends at row {end.position}; row {noted.position} was noted: what came after is gone.")
    return Verified(end)


def sealed_rows() -> Iterator[dict[str, Any]]:
    """All rows of the chain in its order, some at a time."""
    last: int | None = None
    while rows := db.session.scalars(_sealed(last)).all():
        for entry in rows:
            yield exported(entry)
            db.session.expunge(entry)  # a log of years must not pile up in memory
        last = rows[-1].position


def _sealed(last: int | None) -> Select[AuditEntry]:
    query = select(AuditEntry).where(AuditEntry.position.is_not(None)).order_by(AuditEntry.position).limit(READ_AT_ONCE)
    return query if last is None else query.where(AuditEntry.position > last)


@dataclass(frozen=True)
class Waiting:
    """Rows that are not sealed yet: how many, and since when the first of them."""

    count: int
    since: dt.datetime | None


def waiting() -> Waiting:
    """What the next `seal` will take."""
    number, since = db.session.execute(
        select(func.count(), func.min(AuditEntry.at)).where(AuditEntry.position.is_(None))
    ).one()
    return Waiting(number, since)
