"""The only way of comments to training: `commentsvc training export`, of whoever agreed, with a manifest that says so.

Nothing else in the product reads comments for training (a test and `lint-imports` say so).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import orjson
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.merging import accounts_of
from commentsvc.moderation.models import Decision
from commentsvc.privacy.consents import TEXTS, Purpose, granted_now, verify
from commentsvc.privacy.models import Consent, TrainingExport, TrainingExportConsent
from commentsvc.sites.models import Site

COMMENTS, MANIFEST = "comments.jsonl", "manifest.json"
USE_LENGTH = 500
_PURPOSE: Final = Purpose.TRAIN_MODERATION


@dataclass(frozen=True)
class HeldIn:
    """An export that holds comments of somebody, how many, and what it was used for."""

    export_id: int
    created_at: dt.datetime
    comments: int
    used_for: str


def export_training(folder: Path, site: Site | None = None, progress: Callable[[int], object] = lambda _: None) -> TrainingExport:
    """Write the comments of everybody who agrees today, with how they were decided, into a new folder.

    `comments.jsonl`: a line each with `text`, `outcome` (published or rejected), `reason`, `decided_by` (person or system), `posted`
    (the day) and `consent` (the entry in the ledger); no name, address or number of a person, and no two comments are told to be
    of one author but by their consent. Pending, held and withdrawn comments are left out, and what was imported:
    its authors were never asked. `manifest.json`: the export's number, the hash of the file, the text that was agreed to, the head of the
    ledger, what it was used for (nothing yet: see `note_in_manifest`), and the consents. Commits. Conflict where the ledger has been tampered with, Invalid where the folder is in use.
    """
    checked = verify()
    if checked.problem:
        raise Conflict(f"The consent ledger is not intact, so nothing is exported. {checked.problem}", code="ledger_broken")
    if folder.exists() and any(folder.iterdir()):
        raise Invalid(f"{folder} is not empty: an export gets a folder of its own.", field="folder")
    folder.mkdir(parents=True, exist_ok=True)
    counted: Counter[int] = Counter()
    digest = hashlib.sha256()
    with _private(folder / COMMENTS) as file:
        for number, row in enumerate(_agreed(site), 1):
            line = orjson.dumps(_line(row), option=orjson.OPT_APPEND_NEWLINE)
            digest.update(line)
            file.write(line)
            counted[row.consent] += 1
            if number % 1000 == 0:
                progress(number)
    export = TrainingExport(
        site_id=site.id if site else None, comments=counted.total(), sha256=digest.hexdigest(), used_for="", created_at=utcnow()
    )
    db.session.add(export)
    db.session.flush()
    db.session.add_all(
        TrainingExportConsent(export_id=export.id, consent_id=consent, comments=number) for consent, number in sorted(counted.items())
    )
    text = TEXTS[_PURPOSE]
    manifest = {
        "format": "commentsvc training export", "format_version": 1, "export": export.id, "made_at": export.created_at.isoformat(),
        "site": site.key if site else None, "purpose": _PURPOSE.value,
        "agreed_to": {"version": text.version, "question": text.question, "explanation": text.explanation, "sha256": text.shown().sha256},
        "file": COMMENTS, "sha256": export.sha256, "comments": export.comments, "ledger_head": checked.head,
        "used_for": export.used_for, "consents": sorted(counted),
    }
    db.session.commit()  # before the manifest: a folder without one is no export, and one that has it is on record
    with _private(folder / MANIFEST) as file:
        file.write(orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return export


def record_use(export_id: int, use: str) -> TrainingExport:
    """Note what an export was used for, after what is noted already; flushes. Those whose comments it holds see it."""
    export = db.session.get(TrainingExport, export_id)
    if export is None:
        raise NotFound(f"There is no training export {export_id}.")
    use = " ".join(use.split())
    noted = f"{export.used_for}; {use}" if export.used_for else use
    if not use or len(noted) > USE_LENGTH:
        raise Invalid(f"Say in at most {USE_LENGTH} characters, with what is noted already, which model was trained.", field="use")
    export.used_for = noted
    db.session.flush()
    return export


def note_in_manifest(folder: Path, export: TrainingExport) -> None:
    """Write into the export's own manifest what it was used for. Invalid where the folder holds no such export, or not what was exported."""
    path = folder / MANIFEST
    try:
        manifest = orjson.loads(path.read_bytes())
        told = (manifest["export"], manifest["sha256"])
        with (folder / COMMENTS).open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"{folder} holds no training export: {error}", field="folder") from error
    if told != (export.id, export.sha256) or found != export.sha256:
        raise Invalid(f"{folder} does not hold export {export.id} as it was made.", field="folder")
    anew = path.with_suffix(".partial")
    anew.unlink(missing_ok=True)
    with _private(anew) as file:
        file.write(orjson.dumps({**manifest, "used_for": export.used_for}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    anew.replace(path)


def exports() -> Sequence[TrainingExport]:
    """All exports, the latest first."""
    return db.session.scalars(select(TrainingExport).order_by(TrainingExport.id.desc())).all()


def exports_with(user: User) -> list[HeldIn]:
    """The exports that hold comments of hers, whatever she says today and whichever of her accounts wrote them, the latest first."""
    rows = db.session.execute(
        select(TrainingExport.id, TrainingExport.created_at, func.sum(TrainingExportConsent.comments), TrainingExport.used_for)
        .join(TrainingExportConsent, TrainingExportConsent.export_id == TrainingExport.id)
        .join(Consent, Consent.id == TrainingExportConsent.consent_id)
        .where(Consent.user_id.in_(accounts_of(user.id)))
        .group_by(TrainingExport.id, TrainingExport.created_at, TrainingExport.used_for)
        .order_by(TrainingExport.id.desc())
    )
    return [HeldIn(*row) for row in rows]


def _agreed(site: Site | None) -> Iterator[Any]:
    """Decided comments whose authors agree, with the latest decision on what they say; in one pass, a thousand rows in memory.

    A decision on an edit that others do not read is one on another text.
    """
    latest = (
        select(func.max(Decision.id)).where(Decision.comment_id == Comment.id, Decision.revision == Comment.revision)
        .correlate(Comment).scalar_subquery()
    )
    query = (
        select(Comment.body, Comment.status, Comment.created_at, Decision.reason, Decision.actor_id, Consent.id.label("consent"))
        .join(Consent, Consent.user_id == Comment.author_id)
        .join(Decision, Decision.id == latest)
        .where(
            granted_now(_PURPOSE), Comment.status.in_([Status.PUBLISHED, Status.REJECTED]), Comment.external_id.is_(None),
        )
        .order_by(Comment.id)
    )
    if site is not None:
        query = query.where(Comment.site_id == site.id)
    return iter(db.session.execute(query.execution_options(yield_per=1000)))


def _line(row: Any) -> dict[str, object]:
    return {
        "text": row.body, "outcome": row.status, "reason": row.reason, "decided_by": "system" if row.actor_id is None else "person",
        "posted": row.created_at.date().isoformat(), "consent": row.consent,
    }


def _private(path: Path) -> IO[bytes]:
    """A new file that its owner alone can read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
