"""What another model would have said of old comments, and, when asked, acting on it."""

from __future__ import annotations

import dataclasses
import datetime as dt
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists, func, select

from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.moderation.claims import Claim
from commentsvc.moderation.decide import counted_flags, decide
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.moderation.scoring import explain, score_each
from commentsvc.moderation.screen import Keep, Read, decide_all
from commentsvc.moderation.urgency import file_held
from commentsvc.screening.phases import toxicity
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Finding, Submission, Verdict
from commentsvc.screening.toxicity import LABELS, ModelInfo, ToxicityScorer
from commentsvc.sites.models import Article, Site

CHUNK = 32  # read at once, between two looks at whether to stop
SEEN = (Status.PUBLISHED, Status.HELD, Status.REJECTED)


@dataclass(frozen=True)
class Selection:
    """Which comments: of one site or all, posted since a moment, up to the last id when it began."""

    site: Site | None = None
    since: dt.datetime | None = None
    until_id: int = 0


@dataclass(frozen=True, slots=True)
class Old:
    """A comment with its last screening, as it stood when it was read."""

    id: int
    version: int
    site_id: int
    article_id: int
    status: str
    body: str
    by_person: bool  # a person has decided on it: nothing here overrules her
    findings: Sequence[Mapping[str, Any]] | None  # None: it was never screened here
    scores: Mapping[str, float] | None
    model_sha256: str | None
    section: str = ""  # of the paper


@dataclass(frozen=True, slots=True)
class Change:
    """One comment under the new model."""

    old: Old
    scores: Mapping[str, float]
    finding: Finding | None  # of the new model, where its scores speak against the comment

    @property
    def outcome(self) -> str:
        """What would become of it; see `OUTCOMES`."""
        holds = self.finding is not None
        if self.old.by_person:
            return "person_decided"
        if self.old.status == Status.PUBLISHED:
            return "published_would_be_held" if holds else "published_stays"
        if self.old.status == Status.REJECTED:
            only_model = not self.rest_objects and self.old.scores is not None
            return "rejected_would_pass" if only_model and not holds else "rejected_stays"
        return "held_stays" if holds or self.rest_objects else "held_would_pass"

    @property
    def rest_objects(self) -> bool:
        """Something else than the model's scores spoke against it, or nobody knows."""
        if self.old.findings is None or self.old.scores is None:
            return True
        against = {Verdict.HOLD.value, Verdict.REJECT.value}
        return any(f.get("verdict") in against and f.get("phase") != "toxicity" for f in self.old.findings)

    @property
    def largest(self) -> float:
        """The largest change of a label's score; 0 where there were none before."""
        before = self.old.scores or {}
        return max((abs(self.scores[k] - before[k]) for k in self.scores if k in before), default=0.0)


OUTCOMES: dict[str, str] = {
    "published_stays": "published, and would be again",
    "published_would_be_held": "published, would be held",
    "held_would_pass": "held, would be published",
    "held_stays": "held, and would be again",
    "rejected_would_pass": "rejected by a rule, the model would let it pass",
    "rejected_stays": "rejected, and stays so",
    "person_decided": "decided by a person, left alone",
    "unreadable": "not readable for the new model, left alone",
}


@dataclass
class Report:
    """What would change; constant in size however many comments were read."""

    model: dict[str, str] = field(default_factory=dict)
    read: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    # Label -> [comments scored before and now, sum of changes, sum of their sizes, over before, over now]
    labels: dict[str, list[float]] = field(default_factory=lambda: {label: [0.0] * 5 for label in LABELS})
    largest: list[list[Any]] = field(default_factory=list)  # heap of [size, id, outcome, label, before, now]
    applied: dict[str, int] = field(default_factory=lambda: {"screenings": 0, "published": 0, "held": 0})
    last_id: int = 0

    def add(self, change: Change, policy: Policy, keep: int) -> None:
        """Count one comment in."""
        self.outcomes[change.outcome] += 1
        before = change.old.scores or {}
        for label, sums in self.labels.items():
            now = change.scores.get(label)
            was = before.get(label)
            if now is None or was is None:
                continue
            limit = policy.hold_at.get(label, 1.0)
            for n, value in enumerate((1, now - was, abs(now - was), was >= limit, now >= limit)):
                sums[n] += value
        if change.largest > 0:
            label = max((k for k in change.scores if k in before), key=lambda k: abs(change.scores[k] - before[k]))
            row = [change.largest, change.old.id, change.outcome, label, before[label], change.scores[label]]
            (heapq.heappush if len(self.largest) < keep else heapq.heappushpop)(self.largest, row)

    def to_data(self) -> dict[str, Any]:
        """For programs, and to go on from."""
        return dataclasses.asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Report:
        return cls(**{f.name: data[f.name] for f in dataclasses.fields(cls)})

    def summary(self) -> dict[str, Any]:
        """The report as it is printed: means instead of sums, largest changes first."""
        return {
            "model": self.model, "comments": self.read, "outcomes": self.outcomes, "applied": self.applied,
            "labels": {
                label: {
                    "compared": int(n), "mean_change": round(total / n, 4) if n else None,
                    "mean_absolute_change": round(size / n, 4) if n else None,
                    "over_limit_before": int(was), "over_limit_now": int(now),
                }
                for label, (n, total, size, was, now) in self.labels.items()
            },
            "largest_changes": [
                {
                    "comment": row[1], "outcome": row[2], "label": row[3],
                    "before": round(row[4], 4), "now": round(row[5], 4),
                }
                for row in sorted(self.largest, reverse=True)
            ],
        }


def last_id() -> int:
    """The newest comment there is: what comes in later is screened by the worker."""
    return db.session.scalar(select(func.max(Comment.id))) or 0


def count(selection: Selection, after: int = 0) -> int:
    """How many comments will be read."""
    return db.session.scalar(select(func.count()).select_from(_chosen(select(Comment.id), selection, after).subquery())) or 0


def rescore(
    selection: Selection, model: ToxicityScorer, report: Report, *,
    apply: bool = False, hold: bool = False, keep: int = 20,
) -> Iterator[Report]:
    """Go on from `report.last_id` to the end, yielding the report after each few comments.

    Only reads, unless `apply`: then each gets a new Screening (the older ones stay), and one that
    the system held for the model's scores alone is published where the new model has nothing
    against it; with `hold`, one that the system published is held where it has. Whatever a person
    ever decided on is left alone, and so is what was rejected. Nothing is open while the model
    works; writes are a few comments each.
    """
    policies = _policies()
    report.model = dataclasses.asdict(model.info)
    while found := _read(selection, report.last_id):
        scored = score_each(model, [old.body for old in found])
        changes = []
        for old, scores in zip(found, scored, strict=True):
            report.read += 1
            if not scores:
                report.outcomes["unreadable"] += 1
                continue
            policy = policies[old.site_id].within(old.section)
            finding = toxicity(Submission(body=old.body, policy=policy, submitted_at=utcnow(), scores=scores))
            change = Change(old, scores, finding)
            report.add(change, policy, keep)
            # One whose last screening is this model's has been done: the command goes on from there.
            held_now = hold and change.outcome == "published_would_be_held"
            if apply and not old.by_person and (held_now or old.model_sha256 != model.info.sha256):
                changes.append(change)
        if changes:
            _apply(changes, model, policies, report, hold=hold)
        report.last_id = found[-1].id
        yield report


def _chosen(query: Any, selection: Selection, after: int) -> Any:
    query = query.where(
        Comment.status.in_([s.value for s in SEEN]), Comment.id > after, Comment.id <= selection.until_id
    )
    if selection.site is not None:
        query = query.where(Comment.site_id == selection.site.id)
    if selection.since is not None:
        query = query.where(Comment.created_at >= selection.since)
    return query


def _policies() -> dict[int, Policy]:
    found = {site.id: site.policy for site in db.session.scalars(select(Site))}
    db.session.rollback()
    return found


def _read(selection: Selection, after: int) -> list[Old]:
    """The next comments by id, in two statements; leaves no transaction open and takes no lock."""
    by_person = exists().where(Decision.comment_id == Comment.id, Decision.actor_id.is_not(None))
    query = select(
        Comment.id, Comment.version, Comment.site_id, Comment.article_id, Comment.status, Comment.body, by_person, Article.section,
    ).join(Comment.article)
    reading = write_intent.set(False)
    try:
        rows = db.session.execute(_chosen(query, selection, after).order_by(Comment.id).limit(CHUNK)).all()
        latest = (
            select(func.max(Screening.id))
            .join(Comment, Comment.id == Screening.comment_id)
            .where(Screening.comment_id.in_([row.id for row in rows]), Screening.revision == Comment.revision)
            .group_by(Screening.comment_id)
        )
        screened = {
            s.comment_id: s
            for s in db.session.execute(
                select(Screening.comment_id, Screening.findings, Screening.scores, Screening.model_sha256)
                .where(Screening.id.in_(latest))
            )
        } if rows else {}
        db.session.rollback()
    finally:
        write_intent.reset(reading)
    found = []
    for row_id, version, site_id, article_id, status, body, person, section in rows:
        last = screened.get(row_id)
        found.append(
            Old(
                row_id, version, site_id, article_id, status, body, bool(person),
                last.findings if last else None, (last.scores or None) if last else None,
                last.model_sha256 if last else None, section,
            )
        )
    return found


def _apply(
    changes: Sequence[Change], model: ToxicityScorer, policies: Mapping[int, Policy], report: Report, *, hold: bool
) -> None:
    info = model.info
    by_id = {change.old.id: change for change in changes}
    explained = {
        change.old.id: explain(model, change.old.body, policies[change.old.site_id].within(change.old.section), change.scores)
        for change in changes
        if change.finding is not None
    }

    acted: dict[int, str] = {}  # by id: a few that fail together are tried again one by one

    def act(comment: Comment, one: Read, keep: Keep) -> None:
        change = by_id[one.claim.comment_id]
        acted[comment.id] = ""
        if change.old.model_sha256 != info.sha256:
            finding = change.finding and dataclasses.replace(change.finding, explanation=explained.get(comment.id))
            keep(_screening(comment, change, finding, info))
        note = f"Scored again by {info.name} {info.version}."
        if change.outcome == "held_would_pass":
            decide(comment, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=comment.version, note=note)
            acted[comment.id] = "published"
        elif change.outcome == "published_would_be_held" and hold:
            found = [change.finding.to_data()] if change.finding else []
            file_held(comment, found, change.scores, published=comment.article.comment_count, flags=counted_flags(comment))
            db.session.flush()
            decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=comment.version, note=note)
            acted[comment.id] = "held"

    # decide_all leaves alone what moved on since it was read: a person may just have decided.
    decide_all([Read(Claim(c.old.id, c.old.version, 1), c.old.article_id, c.scores, None) for c in changes], act)
    report.applied["screenings"] += len(acted)
    for what in ("published", "held"):
        report.applied[what] += sum(done == what for done in acted.values())


def _screening(comment: Comment, change: Change, finding: Finding | None, info: ModelInfo) -> Screening:
    """The last screening's findings with the new model's in place of the old one's."""
    others = [dict(f) for f in change.old.findings or () if f.get("phase") != "toxicity"]
    findings = others + ([finding.to_data()] if finding is not None else [])
    verdicts = {f.get("verdict") for f in findings}
    verdict = next((v for v in (Verdict.REJECT, Verdict.HOLD) if v.value in verdicts), Verdict.PUBLISH)
    return Screening(
        site_id=comment.site_id, comment_id=comment.id, revision=comment.revision, verdict=verdict.value,
        findings=findings, scores=dict(change.scores), model_name=info.name, model_version=info.version,
        model_sha256=info.sha256,
    )
