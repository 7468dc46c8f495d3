"""Writes records of any format into a site: repeatable, resumable, nothing unscreened made public."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from commentsvc.comments.counts import recount
from commentsvc.comments.models import Comment, Revision, Status, Vote
from commentsvc.comments.ranking import controversy, wilson_lower_bound
from commentsvc.comments.submit import body_hash, clean_body
from commentsvc.database import follow_up, utcnow
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.markup import render
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason
from commentsvc.screening.languages import language_of
from commentsvc.sites.models import TITLE_LENGTH, Article, Site
from commentsvc.sites.origins import canonical_url
from commentsvc.transfer.authors import KEY_LENGTH, Authors
from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason, SourceStatus, in_order
from commentsvc.transfer.report import ImportReport
from commentsvc.transfer.text import believable

# One transaction each: short enough for readers and writers beside it, and all that a kill costs.
BATCH = 500
# What a site's policy may allow at most. Over the policy's own limit, a comment comes in and the
# screening holds it: an old system's limit was another one.
BODY_LENGTH = 50_000
ID_LENGTH = 200
MAX_VOTES = 10_000  # of one comment; more is a mistake of the source

KEPT = {SourceStatus.REJECTED: Status.REJECTED, SourceStatus.WITHDRAWN: Status.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a comment stands: what its replies need to know."""

    id: int
    root_id: int
    depth: int
    article_id: int


def import_comments(
    site: Site,
    found: Iterable[ImportedComment | Skipped],
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ImportReport:
    """Bring a source's comments into the site, oldest first, and say what became of each.

    New ones are `pending` until they are screened, except those that the source had rejected or
    withdrawn. A comment that is already here is left as it is, so that running this again, or
    after an interruption, adds what is missing. Commits batch by batch; KeyboardInterrupt ends it
    between two, and the report says so. Holds the whole source in memory. Conflict when another
    import writes the same comments.
    """
    started = time.monotonic()
    report = ImportReport(site=site.key)
    fit = _fit(found, report)
    writer = _Writer(site, report)
    ordered, without_place = in_order(
        fit, known=writer.places.keys(), dropped={s.external_id for s in report.skipped}
    )
    report.skip(without_place)
    try:
        for start in range(0, len(ordered), BATCH):
            writer.write(ordered[start : start + BATCH])
            progress(min(start + BATCH, len(ordered)), len(ordered))
        for article_id in sorted(writer.touched):
            recount(article_id)
            db.session.commit()
    except KeyboardInterrupt:
        db.session.rollback()
        report.interrupted = True
    except IntegrityError as error:
        db.session.rollback()
        raise Conflict("Somebody else imports the same comments into this site. Run this again afterwards.") from error
    report.seconds = time.monotonic() - started
    return report


def _fit(found: Iterable[ImportedComment | Skipped], report: ImportReport) -> list[ImportedComment]:
    """The records that can be stored, their texts and addresses cleaned; the others are reported."""
    now = utcnow()
    fit = []
    for record in found:
        report.read += 1
        checked = record if isinstance(record, Skipped) else _checked(record, now)
        if isinstance(checked, Skipped):
            report.skipped.append(checked)
        else:
            fit.append(checked)
    return fit


def _checked(record: ImportedComment, now: dt.datetime) -> ImportedComment | Skipped:
    if not 0 < len(record.external_id) <= ID_LENGTH or len(record.author_key) > KEY_LENGTH:
        return Skipped(record.external_id[:ID_LENGTH], SkipReason.BAD_ID)
    if not believable(record.created_at, now):
        return Skipped(record.external_id, SkipReason.BAD_TIME)
    try:
        url = canonical_url(record.article_url)
    except Invalid:
        return Skipped(record.external_id, SkipReason.BAD_ARTICLE)
    try:
        body = clean_body(record.body, min_length=1, max_length=BODY_LENGTH)
    except Invalid as error:
        reason = SkipReason.TOO_LONG if error.code == "body_too_long" else SkipReason.EMPTY_BODY
        return Skipped(record.external_id, reason)
    return replace(record, body=body, article_url=url)


class _Writer:
    """Writes batches; statements do not grow with a batch but for comments that were decided."""

    def __init__(self, site: Site, report: ImportReport) -> None:
        self._site = site
        self._report = report
        self._authors = Authors(site)
        known = db.session.execute(select(Article.url, Article.id, Article.section).where(Article.site_id == site.id)).all()
        self._articles = {url: article_id for url, article_id, _ in known}
        self._sections = {article_id: section for _, article_id, section in known if section}
        columns = (Comment.external_id, Comment.id, Comment.root_id, Comment.depth, Comment.article_id)
        self.places: dict[str, _Place] = {
            external_id: _Place(row_id, root_id or row_id, depth, article_id)
            for external_id, row_id, root_id, depth, article_id in db.session.execute(
                select(*columns).where(Comment.site_id == site.id, Comment.external_id.is_not(None))
            )
            if external_id is not None
        }
        self.touched: set[int] = set()
        db.session.commit()  # reading held the write lock

    def write(self, batch: Sequence[ImportedComment]) -> None:
        """Store what is not there yet and commit; the report counts it only then."""
        new = [record for record in batch if record.external_id not in self.places]
        self._report.already_there += len(batch) - len(new)
        if not new:
            return
        articles = self._ensure_articles(new)
        new = self._with_parents(new)
        authors = self._authors.made
        self._authors.ensure({record.author_key: record.author_name for record in new})
        self._insert(new)
        votes = self._vote(new)
        decided = self._keep_decisions(new)
        follow_up(db.session, "screen")
        db.session.commit()
        report = self._report
        report.imported += len(new)
        report.articles_made += articles
        report.authors_made += self._authors.made - authors
        report.votes += votes
        report.kept_rejected += decided[Status.REJECTED]
        report.kept_withdrawn += decided[Status.WITHDRAWN]

    def _ensure_articles(self, new: Sequence[ImportedComment]) -> int:
        missing = {r.article_url: r for r in reversed(new) if r.article_url not in self._articles}
        if missing:
            rows = [
                {
                    "site_id": self._site.id, "url": url, "comment_count": 0, "version": 1,
                    "title": " ".join(r.article_title.replace("\x00", "").split())[:TITLE_LENGTH] or url[:TITLE_LENGTH],
                    "created_at": r.created_at,  # of the oldest comment: no format tells the article's own
                }
                for url, r in missing.items()
            ]
            ids = db.session.scalars(insert(Article).returning(Article.id, sort_by_parameter_order=True), rows).all()
            self._articles.update(zip(missing, ids, strict=True))
        return len(missing)

    def _with_parents(self, new: Sequence[ImportedComment]) -> list[ImportedComment]:
        """Leave out replies whose parent stands under another article, and what is below them."""
        kept: list[ImportedComment] = []
        coming: set[str] = set()
        for record in new:
            parent = record.parent_external_id
            place = self.places.get(parent) if parent else None
            if place is not None and place.article_id != self._articles[record.article_url]:
                self._report.skipped.append(Skipped(record.external_id, SkipReason.PARENT_ELSEWHERE))
            elif parent and place is None and parent not in coming:
                self._report.skipped.append(Skipped(record.external_id, SkipReason.PARENT_SKIPPED))
            else:
                kept.append(record)
                coming.add(record.external_id)
        return kept

    def _insert(self, new: Sequence[ImportedComment]) -> None:
        """Insert in order, so that ids follow time, then tell each reply its parent's id."""
        if not new:
            return
        site_id = self._site.id
        ids = db.session.scalars(
            insert(Comment).returning(Comment.id, sort_by_parameter_order=True),
            [
                {
                    "site_id": site_id, "article_id": self._articles[r.article_url], "external_id": r.external_id,
                    "author_id": self._authors.user_id(r.author_key), "author_role": self._authors.role(r.author_key),
                    "body": r.body, "body_html": render(r.body), "body_hash": body_hash(r.body),
                    "created_at": r.created_at, "status": Status.PENDING.value, "language": language_of(r.body),
                    "section": self._sections.get(self._articles[r.article_url], ""),
                    "up": _bounded(r.up), "down": _bounded(r.down),
                    "top_score": wilson_lower_bound(_bounded(r.up), _bounded(r.down)),
                    "controversy": controversy(_bounded(r.up), _bounded(r.down)),
                }
                for r in new
            ],
        ).all()
        replies = []
        for record, row_id in zip(new, ids, strict=True):
            article_id = self._articles[record.article_url]
            self.touched.add(article_id)
            if record.parent_external_id is None:
                self.places[record.external_id] = _Place(row_id, row_id, 0, article_id)
                continue
            above = self.places[record.parent_external_id]
            self.places[record.external_id] = _Place(row_id, above.root_id, above.depth + 1, article_id)
            replies.append({"id": row_id, "parent_id": above.id, "root_id": above.root_id, "depth": above.depth + 1})
        if replies:
            db.session.execute(update(Comment), replies)
        db.session.execute(
            insert(Revision),
            [
                {"site_id": site_id, "comment_id": self.places[r.external_id].id, "number": 1, "body": r.body, "created_at": r.created_at}
                for r in new
            ],
        )

    def _vote(self, new: Sequence[ImportedComment]) -> int:
        """Cast the source's votes as rows, for the counts are computed from them.

        Sources give numbers, not names: the n-th vote of every comment is cast by the same
        nameless voter of this site.
        """
        most = max((_bounded(r.up) + _bounded(r.down) for r in new), default=0)
        made = self._authors.made
        self._authors.ensure({_voter(n): "A reader" for n in range(most)})
        self._authors.made = made  # nobody that wrote anything
        rows = [
            {
                "site_id": self._site.id, "comment_id": self.places[r.external_id].id, "created_at": r.created_at,
                "user_id": self._authors.user_id(_voter(n)), "value": 1 if n < _bounded(r.up) else -1,
            }
            for r in new
            for n in range(_bounded(r.up) + _bounded(r.down))
        ]
        if rows:
            db.session.execute(insert(Vote), rows)
        return len(rows)

    def _keep_decisions(self, new: Sequence[ImportedComment]) -> dict[Status, int]:
        """Reject and withdraw what the source had; a Decision says that it was imported so."""
        counts = dict.fromkeys(KEPT.values(), 0)
        for record in new:
            to = KEPT.get(record.status)
            if to is not None:
                comment = db.session.get_one(Comment, self.places[record.external_id].id)
                decide(comment, to, actor=None, reason=Reason.IMPORTED, seen=comment.version)
                counts[to] += 1
        return counts


def _voter(number: int) -> str:
    return f"voter:{number}"


def _bounded(votes: int) -> int:
    return max(0, min(votes, MAX_VOTES))
