"""What workers report, and what is wrong: for the health page and the console.

It is kept in the database, so that web processes know what workers know. Nothing has to be
acknowledged: an alarm is computed from what is so now, and is gone when that is.
"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.comments.models import Comment
from commentsvc.database import Base, UtcDateTime, utcnow
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.moderation.claims import PENDING, POSTED
from commentsvc.screening.toxicity import ModelInfo
from commentsvc.sites.models import Site

REPORT_SECONDS = 10  # between two reports of a worker
# Three reports missed, and a little: a worker that is stopped, dead, or cannot write.
SILENT_AFTER = dt.timedelta(seconds=40)
FORGOTTEN_AFTER = dt.timedelta(hours=1)
# With a worker at hand a posted comment waits for milliseconds.
LONG_WAIT = dt.timedelta(seconds=60)
# A worker decides tens of comments a second: only a rush of thousands takes it as long.
LONG_BACKLOG = dt.timedelta(minutes=10)
LEAST_DISK = 64 * 1024 * 1024
ERROR_LENGTH = 500


class Worker(Base):
    """A worker process as it last reported; a row goes when its worker ends in order."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(String(120), primary_key=True)  # host:process:start
    started_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    seen_at: Mapped[dt.datetime] = mapped_column(UtcDateTime)
    model_name: Mapped[str | None] = mapped_column(String(100))
    model_version: Mapped[str | None] = mapped_column(String(50))
    model_sha256: Mapped[str | None] = mapped_column(String(64))
    error: Mapped[str | None] = mapped_column(String(ERROR_LENGTH))  # None: the model works
    error_since: Mapped[dt.datetime | None] = mapped_column(UtcDateTime)
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    problem: Mapped[str | None] = mapped_column(String(ERROR_LENGTH))  # though a model works


@dataclass(frozen=True)
class Alarm:
    """Something that keeps comments from being screened, in words for people and programs.

    `kind`: "model" (a worker's model does not answer), "worker" (none reports), "choice" (a newly
    chosen model does not load, the one before goes on), "backlog" (one works, and comments wait), "disk".
    """

    kind: str
    message: str
    since: dt.datetime | None = None
    error: str = ""
    model: str = ""
    worker: str = ""

    def to_data(self) -> dict[str, Any]:
        return {
            "kind": self.kind, "message": self.message, "error": self.error or None, "model": self.model or None,
            "worker": self.worker or None, "since": self.since.isoformat() if self.since else None,
        }


@dataclass(frozen=True)
class Backlog:
    """How many comments wait for the model, and since when the longest of them."""

    number: int
    oldest: dt.datetime | None

    @property
    def seconds(self) -> float:
        return max((utcnow() - self.oldest).total_seconds(), 0.0) if self.oldest else 0.0


@dataclass(frozen=True)
class Health:
    """Everything the health page says of screening; `posted` is the backlog without what was imported."""

    backlog: Backlog
    posted: Backlog
    workers: Sequence[Worker]
    alarms: Sequence[Alarm]

    def standing(self, worker: Worker) -> str:
        """`working`, `failing` where its model does not answer, `silent` where it has not reported of late."""
        if not _present([worker]):
            return "silent"
        return "working" if worker.error is None else "failing"

    def to_data(self) -> dict[str, Any]:
        return {
            "pending": self.backlog.number, "oldest_pending_seconds": round(self.backlog.seconds, 1),
            "alarms": [alarm.to_data() for alarm in self.alarms],
            "workers": [
                {
                    "id": w.id, "started_at": w.started_at.isoformat(), "seen_at": w.seen_at.isoformat(),
                    "model": _model(w) or None, "sha256": w.model_sha256, "error": w.error,
                    "error_since": w.error_since.isoformat() if w.error_since else None,
                }
                for w in self.workers
            ],
        }


def report(
    worker_id: str, started_at: dt.datetime, info: ModelInfo | None, error: str | None, *, failures: int = 0, problem: str = ""
) -> None:
    """Say that a worker lives and whether its model does; the caller commits."""
    now = utcnow()
    row = db.session.get(Worker, worker_id)
    if row is None:
        row = Worker(id=worker_id, started_at=started_at, seen_at=now, failures=0)
        db.session.add(row)
        db.session.execute(delete(Worker).where(Worker.seen_at < now - FORGOTTEN_AFTER))
    row.seen_at = now
    if info is not None:
        # A name may be a folder's; its end says more than its beginning.
        row.model_name, row.model_version, row.model_sha256 = info.name[-100:], info.version[:50], info.sha256
    row.error = error[:ERROR_LENGTH] if error is not None else None
    row.error_since = (row.error_since or now) if error is not None else None
    row.failures, row.problem = failures, problem[:ERROR_LENGTH] or None
    db.session.flush()


def sign_off(worker_id: str) -> None:
    """A worker ends in order: nobody need wonder where it is. The caller commits."""
    db.session.execute(delete(Worker).where(Worker.id == worker_id))


def a_model_works() -> bool:
    """Whether any worker that reports has a model that answers."""
    return any(w.error is None for w in _present(_workers()))


def backlog(site: Site | None = None, *, posted: bool = False) -> Backlog:
    """What waits for the model, everywhere or on one site; counted from when we took it in.

    With `posted` only what readers posted: an import may take its time.

    Ids follow the order in which comments came in, so the longest waiting one has the lowest.
    """
    # "id > 0" keeps SQLite to the small index of what is pending; else it takes that of all comments for smaller.
    query = select(func.count(), func.min(Comment.id)).where(PENDING, Comment.id > 0)
    if site is not None:
        query = query.where(Comment.site_id == site.id)
    if posted:
        query = query.where(POSTED)
    number, first = db.session.execute(query).one()
    oldest = first and db.session.scalar(
        select(func.coalesce(Comment.accepted_at, Comment.created_at, type_=UtcDateTime())).where(Comment.id == first)
    )
    return Backlog(number, oldest or None)


def health(folder: Path | None = None) -> Health:
    """The state of screening; `folder` is where the service keeps its files."""
    found = _workers()
    waits = backlog()
    posted = backlog(posted=True) if waits.number else waits
    alarms = _alarms(found, waits)
    if _present(found) and posted.seconds > LONG_BACKLOG.total_seconds():
        alarms.append(Alarm("backlog", gettext("A worker reports, and still comments of readers wait."), since=posted.oldest))
    free = free_bytes(folder)
    if free is not None and free < LEAST_DISK:
        message = gettext(
            "The disk of the data folder has %(size)d MB left. Nothing can be stored when it is full.", size=free // (1024 * 1024)
        )
        alarms.append(Alarm("disk", message))
    return Health(waits, posted, found, alarms)


def alarms_of(site: Site) -> tuple[Sequence[Alarm], Backlog]:
    """What a site's community managers should know, and what waits on their site.

    One small statement while all is well.
    """
    found = _workers()
    working = [w for w in _present(found) if w.error is None]
    if working:
        return (), Backlog(0, None)
    waits = backlog(site)
    return _alarms(found, waits), waits


def _workers() -> Sequence[Worker]:
    return db.session.scalars(
        select(Worker).order_by(Worker.started_at, Worker.id).execution_options(populate_existing=True)
    ).all()


def _present(workers: Sequence[Worker]) -> list[Worker]:
    now = utcnow()
    return [w for w in workers if now - w.seen_at <= SILENT_AFTER]


def _alarms(workers: Sequence[Worker], waits: Backlog) -> list[Alarm]:
    present = _present(workers)
    found = [
        Alarm(
            "model", gettext("The model does not answer."), since=w.error_since, error=w.error, model=_model(w), worker=w.id,
        )
        for w in present
        if w.error is not None
    ]
    found += [
        Alarm(
            "choice", gettext("The model that was chosen does not load. The one before goes on working."),
            error=w.problem, model=_model(w), worker=w.id,
        )
        for w in present
        if w.problem is not None
    ]
    if not present and waits.seconds > LONG_WAIT.total_seconds():
        last = max((w.seen_at for w in workers), default=None)
        message = gettext("No worker reports: none runs, or it cannot write to the database.")
        found.append(Alarm("worker", message, since=last or waits.oldest))
    return found


def _model(worker: Worker) -> str:
    return f"{worker.model_name or ''} {worker.model_version or ''}".strip()


def free_bytes(folder: Path | None) -> int | None:
    """What is left on the disk of a folder; None where that cannot be told."""
    if folder is None:
        return None
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
