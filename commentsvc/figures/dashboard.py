"""A site's figures over a period, put together from its days: at most seven statements, however much was said."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import and_, func, or_, select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.figures.daily import BANDS, OPEN, PERSON
from commentsvc.figures.days import Period, zone_of
from commentsvc.figures.keeping import counted_at
from commentsvc.figures.models import DailyFigures
from commentsvc.figures.stories import OUTCOMES
from commentsvc.figures.tables import Cell, Column, Kind, Table
from commentsvc.figures.waits import quantile
from commentsvc.i18n import N_, gettext, score
from commentsvc.moderation.models import (
    FLAG_REASONS,
    NOTICE_KINDS,
    REJECT_REASONS,
    Appeal,
    AppealStatus,
    LegalNotice,
    NoticeStatus,
)
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site

TOP_REPORTERS = 20
# How long what waits at the end of a day has waited, in days: (from, name, title).
AGES: tuple[tuple[int, str, str], ...] = (
    (0, "same_day", N_("Held the same day")), (1, "one_day", N_("1 day")), (2, "days", N_("2 to 6 days")), (7, "week", N_("7 days and more")),
)
APPEALS: dict[str, str] = {
    AppealStatus.OPEN: N_("Not decided"), AppealStatus.UPHELD: N_("The rejection stands"), AppealStatus.OVERTURNED: N_("Overturned"),
    AppealStatus.SETTLED: N_("Taken back without it"), AppealStatus.DROPPED: N_("Withdrawn by the author"),
}
NOTICES: dict[str, str] = {
    NoticeStatus.OPEN: N_("Not decided"), NoticeStatus.UPHELD: N_("Comment rejected"), NoticeStatus.DISMISSED: N_("Comment kept"),
    NoticeStatus.MOOT: N_("Comment withdrawn"),
}
NOBODY = N_("A person who has left")


@dataclass(frozen=True)
class Noticed:
    """A legal notice: what it claims, how it stands, and after how many seconds a person decided, where one did."""

    kind: str
    status: str
    seconds: float | None


@dataclass(frozen=True)
class Oldest:
    """Who has waited longest in the held queue, by the time of the comment."""

    comment_id: int
    created_at: dt.datetime


class Figures:
    """What a period's days add up to. Days without a row are days on which nothing happened."""

    def __init__(
        self, period: Period, days: Mapping[str, Mapping[str, Any]], stays: Mapping[str, Mapping[str, int]],
        names: Mapping[int, str], appeals: Mapping[str, int], notices: Sequence[Noticed], *, today: str, oldest: Oldest | None, counted: dt.datetime | None, recounting: bool = False,
    ) -> None:
        self.period, self._days, self._stays, self._names, self._appeals = period, days, stays, names, appeals
        self._notices = notices
        self.today, self.oldest, self.counted_at, self.recounting = today, oldest, counted, recounting

    def data(self) -> Iterable[Mapping[str, Any]]:
        """Of each day on which something happened."""
        return self._days.values()

    # Sums

    def _sum(self, name: str) -> Counter[str]:
        total: Counter[str] = Counter()
        for data in self._days.values():
            total.update(data[name])
        return total

    def _rows(self, name: str) -> dict[str, list[int]]:
        total: dict[str, list[int]] = {}
        for data in self._days.values():
            for key, numbers in data[name].items():
                total[key] = _added(total.get(key), numbers)
        return total

    @cached_property
    def outcomes(self) -> Counter[str]:
        """What became of the comments that were posted in the period."""
        return self._sum("outcomes")

    @cached_property
    def posted(self) -> int:
        """Comments posted in the period."""
        return self.outcomes.total()

    @cached_property
    def waits(self) -> Counter[int]:
        """Times to decision of held comments, in bins."""
        return _bins(self._sum("waits"))

    @property
    def median(self) -> float | None:
        """Half of the held comments that people decided on waited at most so many seconds."""
        return quantile(self.waits, 0.5)

    @property
    def p95(self) -> float | None:
        """Of twenty, nineteen waited at most so many seconds."""
        return quantile(self.waits, 0.95)

    @cached_property
    def held(self) -> list[int]:
        """Of the comments that were held and judged: how many people approved, and rejected."""
        return _total([data["held"] for data in self._days.values()])

    @property
    def missed(self) -> int:
        """Published automatically, and rejected by a person later."""
        return self._sum("missed").total()

    @property
    def waiting(self) -> int:
        """How many comments waited in the queue at the end of the period: now, where it ends today."""
        last = self.period.last.isoformat()
        return sum(self._backlog(last).values())

    def _backlog(self, day: str) -> Counter[str]:
        """What waited at the end of a day, by how many days it had; of today, until now."""
        end = dt.date.fromisoformat(day)
        found: Counter[str] = Counter()
        for held_on, left in self._stays.items():
            if held_on > day:
                continue
            number = sum(n for left_on, n in left.items() if left_on > day)
            if number:
                found[_age((end - dt.date.fromisoformat(held_on)).days)] += number
        return found

    # Tables

    @cached_property
    def volume(self) -> Table:
        """Comments by day and by what became of them."""
        names = [name for name in OUTCOMES if self.outcomes[name]] or ["published_model"]
        rows: list[list[Cell]] = [
            [day, sum(self._of(day, "outcomes").values()), *(self._of(day, "outcomes").get(name, 0) for name in names)]
            for day in self.period
        ]
        columns = (_DAY, Column("posted", N_("Posted")), *(Column(name, OUTCOMES[name]) for name in names))
        return Table("volume", gettext("Comments by day and outcome"), columns, rows)

    @cached_property
    def share(self) -> Table:
        """What became of the period's comments."""
        rows: list[list[Cell]] = [[gettext(title), self.outcomes[name], _share(self.outcomes[name], self.posted)] for name, title in OUTCOMES.items() if self.outcomes[name]]
        return Table(
            "outcomes", gettext("What became of them"),
            (Column("outcome", N_("Outcome"), Kind.TEXT), Column("comments", N_("Comments")), Column("share", N_("Share"), Kind.SHARE)), rows,
        )

    @cached_property
    def decided(self) -> Table:
        """How long held comments waited, by the day of the decision."""
        rows: list[list[Cell]] = []
        for day in self.period:
            bins = _bins(self._of(day, "waits"))
            rows.append([day, sum(bins.values()), quantile(bins, 0.5), quantile(bins, 0.95)])
        return Table(
            "waits", gettext("Time to decision of held comments"),
            (_DAY, Column("decided", N_("Decided")), Column("median", N_("Median"), Kind.SECONDS), Column("p95", N_("95th percentile"), Kind.SECONDS)),
            rows,
        )

    @cached_property
    def backlog(self) -> Table:
        """What waited at the end of each day, by how long it had."""
        rows: list[list[Cell]] = []
        for day in self.period:
            found = self._backlog(day)
            rows.append([day, found.total(), *(found[name] for _, name, _ in AGES)])
        return Table(
            "backlog", gettext("Waiting at the end of each day"),
            (_DAY, Column("waiting", N_("Waiting")), *(Column(name, title) for _, name, title in AGES)), rows,
        )

    @cached_property
    def people(self) -> Table:
        """What each person decided, most first."""
        counted = sorted(self._rows("people").items(), key=lambda one: (-one[1][0], self._name(one[0])))
        rows: list[list[Cell]] = [[self._name(key), *numbers] for key, numbers in counted]
        titles = (N_("Decisions"), N_("Approved"), N_("Rejected"), N_("Taken back"), N_("Overturned"))
        columns = tuple(Column(name, title) for name, title in zip(PERSON, titles, strict=True))
        return Table("people", gettext("Decisions by person"), (Column("person", N_("Person"), Kind.TEXT), *columns), rows)

    @cached_property
    def hours(self) -> Table:
        """When comments come, and when people decide."""
        counted = self._rows("hours")
        rows: list[list[Cell]] = [[f"{hour:02}:00", *counted.get(str(hour), [0, 0])] for hour in range(24)]
        return Table(
            "hours", gettext("By hour of the day"), (Column("hour", N_("Hour"), Kind.TEXT), Column("posted", N_("Posted")), Column("decided", N_("Decided by people"))), rows
        )

    @cached_property
    def flags(self) -> Table:
        """Why readers flagged."""
        counted = self._sum("flags")
        names = {reason.value: title for reason, title in FLAG_REASONS.items()}
        rows: list[list[Cell]] = [[gettext(names.get(reason, reason)), number] for reason, number in counted.most_common()]
        return Table("flags", gettext("Flags by reason"), (Column("reason", N_("Reason"), Kind.TEXT), Column("flags", N_("Flags"))), rows)

    @cached_property
    def reporters(self) -> Table:
        """Who flagged most, and how often people agreed."""
        counted = sorted(self._rows("reporters").items(), key=lambda one: (-one[1][0], self._name(one[0])))
        rows: list[list[Cell]] = [
            [self._name(key), flags, right, wrong, flags - right - wrong, _share(right, right + wrong)]
            for key, (flags, right, wrong) in counted[:TOP_REPORTERS]
        ]
        return Table(
            "reporters", gettext("Readers who flagged most (up to %(most)d)", most=TOP_REPORTERS),
            (
                Column("reader", N_("Reader"), Kind.TEXT), Column("flags", N_("Flags")), Column("right", N_("Comment rejected")),
                Column("wrong", N_("Comment kept")), Column("open", N_("Not decided")), Column("right_share", N_("Right"), Kind.SHARE),
            ),
            rows,
        )

    @cached_property
    def appeals(self) -> Table:
        """What became of the appeals that were lodged in the period."""
        total = sum(self._appeals.values())
        rows: list[list[Cell]] = [[gettext(title), self._appeals[name], _share(self._appeals[name], total)] for name, title in APPEALS.items() if name in self._appeals]
        return Table(
            "appeals", gettext("Appeals by what became of them"),
            (Column("outcome", N_("Outcome"), Kind.TEXT), Column("appeals", N_("Appeals")), Column("share", N_("Share"), Kind.SHARE)), rows,
        )

    @property
    def overturned_share(self) -> float | None:
        """Of the appeals that somebody judged, how many were right."""
        right = self._appeals.get(AppealStatus.OVERTURNED, 0)
        return _share(right, right + self._appeals.get(AppealStatus.UPHELD, 0))

    @cached_property
    def notices(self) -> Table:
        """What became of the legal notices that came in the period, by what they claim."""
        rows: list[list[Cell]] = []
        for kind, title in NOTICE_KINDS.items():
            became = Counter(one.status for one in self._notices if one.kind == kind)
            if became:
                rows.append([gettext(title), became.total(), *(became[name] for name in NOTICES), _middle(one.seconds for one in self._notices if one.kind == kind)])
        return Table(
            "notices", gettext("Legal notices by what became of them"),
            (
                Column("kind", N_("What they claim"), Kind.TEXT), Column("received", N_("Received")),
                *(Column(name.value, NOTICES[name]) for name in NoticeStatus), Column("median", N_("Median"), Kind.SECONDS),
            ),
            rows,
        )

    @property
    def notices_decided(self) -> int:
        """Of the legal notices that came in the period, how many a person or a program decided; what its author took back was not."""
        return sum(one.status in (NoticeStatus.UPHELD, NoticeStatus.DISMISSED) for one in self._notices)

    @property
    def notices_median(self) -> float | None:
        """Half of the legal notices that people decided waited at most so many seconds."""
        return _middle(one.seconds for one in self._notices)

    @cached_property
    def labels(self) -> Table:
        """Held for a label's score: what people made of it, by how high the score was."""
        counted: dict[str, dict[str, list[int]]] = defaultdict(dict)
        for data in self._days.values():
            for label, bands in data["labels"].items():
                for band, numbers in bands.items():
                    counted[label][band] = _added(counted[label].get(band), numbers)
        rows: list[list[Cell]] = []
        for label in LABELS:
            for band in range(BANDS):
                approved, rejected = counted.get(label, {}).get(str(band), [0, 0])
                if approved or rejected:
                    rows.append([label, gettext("%(low)s to %(high)s", low=score(band / BANDS, 1), high=score((band + 1) / BANDS, 1)), approved, rejected, _share(rejected, approved + rejected)])
        return Table(
            "agreement", gettext("Held for a score: what people decided"), (Column("label", N_("Label"), Kind.TEXT), Column("score", N_("Score"), Kind.TEXT), *_JUDGED), rows
        )

    @cached_property
    def phases(self) -> Table:
        """Held by each rule: what people made of it."""
        counted = self._rows("phases")
        rows: list[list[Cell]] = [[name, *numbers, _share(numbers[1], sum(numbers))] for name, numbers in sorted(counted.items(), key=lambda one: -sum(one[1]))]
        return Table("rules", gettext("Held by rule: what people decided"), (Column("rule", N_("Rule"), Kind.TEXT), *_JUDGED), rows)

    @cached_property
    def missed_reasons(self) -> Table:
        """Why people rejected what had been published automatically."""
        names = {reason.value: title for reason, title in REJECT_REASONS.items()}
        rows: list[list[Cell]] = [[gettext(names.get(reason, reason)), number] for reason, number in self._sum("missed").most_common()]
        return Table("missed", gettext("Published automatically, rejected later"), (Column("reason", N_("Reason"), Kind.TEXT), Column("comments", N_("Comments"))), rows)

    @property
    def tables(self) -> dict[str, Table]:
        """All of them, by key."""
        found = (
            self.volume, self.share, self.decided, self.backlog, self.people, self.hours, self.labels, self.phases, self.missed_reasons,
            self.flags, self.reporters, self.appeals, self.notices,
        )
        return {table.key: table for table in found}

    def _of(self, day: str, name: str) -> Mapping[str, Any]:
        return self._days[day][name] if day in self._days else {}

    def _name(self, key: str) -> str:
        return self._names.get(int(key)) or gettext(NOBODY)


_DAY = Column("day", N_("Day"), Kind.DAY)
_JUDGED = (Column("approved", N_("Approved")), Column("rejected", N_("Rejected")), Column("rejected_share", N_("Rejected, of all"), Kind.SHARE))


def today_of(site: Site) -> dt.date:
    """The day it is there."""
    return utcnow().astimezone(zone_of(site.timezone)).date()


def figures_of(site: Site, period: Period) -> Figures:
    """The figures of a site over a period."""
    first, last = period.first.isoformat(), period.last.isoformat()
    rows = db.session.execute(
        select(DailyFigures.day, DailyFigures.zone, DailyFigures.data, DailyFigures.counted_at).where(
            DailyFigures.site_id == site.id,
            # What was held before the period and was still waiting in it belongs to its backlog.
            or_(
                and_(DailyFigures.day >= first, DailyFigures.day <= last),
                and_(DailyFigures.day < first, DailyFigures.last_left >= first),
            ),
        )
    ).all()
    days = {day: data for day, _, data, _ in rows if first <= day <= last}
    ids = {int(key) for data in days.values() for key in (*data["people"], *data["reporters"])}
    names = {row.id: row.display_name for row in db.session.execute(select(User.id, User.display_name).where(User.id.in_(ids)))} if ids else {}
    begin, end = period.moments(zone_of(site.timezone))
    # Few, and decided long after: counted as they are, not by days.
    appeals = db.session.execute(
        select(Appeal.status, func.count().label("number"))
        .where(Appeal.site_id == site.id, Appeal.created_at >= begin, Appeal.created_at < end)
        .group_by(Appeal.status)
    )
    # Every status is named so that the index, which has it before the time, is walked.
    notices = db.session.execute(
        select(LegalNotice.kind, LegalNotice.status, LegalNotice.created_at, LegalNotice.decided_at, LegalNotice.decided_by_id).where(
            LegalNotice.site_id == site.id, LegalNotice.status.in_([*NoticeStatus]), LegalNotice.created_at >= begin, LegalNotice.created_at < end,
        )
    )
    noticed = [
        Noticed(kind, status, (decided - came).total_seconds() if decided is not None and by is not None else None)
        for kind, status, came, decided, by in notices
    ]
    longest = db.session.execute(
        select(Comment.id, Comment.created_at)
        .where(Comment.site_id == site.id, Comment.status == Status.HELD)
        .order_by(Comment.created_at, Comment.id).limit(1)
    ).first()
    return Figures(
        period, days, {day: data["left"] for day, _, data, _ in rows if data["left"]}, names, {row.status: row.number for row in appeals}, noticed,
        today=today_of(site).isoformat(), oldest=Oldest(*longest) if longest else None, counted=counted_at() or max((row.counted_at for row in rows), default=None),
        recounting=any(zone != site.timezone for _, zone, _, _ in rows),
    )


def _age(days: int) -> str:
    return next(name for least, name, _ in reversed(AGES) if days >= least)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _middle(seconds: Iterable[float | None]) -> float | None:
    known = sorted(one for one in seconds if one is not None)
    return known[(len(known) - 1) // 2] if known else None


def _bins(found: Mapping[str, int]) -> Counter[int]:
    return Counter({int(key): number for key, number in found.items()})


def _added(before: Sequence[int] | None, more: Sequence[int]) -> list[int]:
    return list(more) if before is None else [a + b for a, b in zip(before, more, strict=True)]


def _total(rows: Iterable[Sequence[int]]) -> list[int]:
    total = [0, 0]
    for row in rows:
        total = _added(total, row)
    return total


__all__ = ["OPEN", "Figures", "Oldest", "figures_of", "today_of"]
