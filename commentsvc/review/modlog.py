"""Every decision on a site, for its community managers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flask import Response, request

from commentsvc.comments.threads import MAX_LIMIT
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision
from commentsvc.moderation.queue import page_of_modlog, undoable
from commentsvc.review.blueprint import page, reason_words, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.review.presenting import excerpt
from commentsvc.review.words import SYSTEM
from commentsvc.sites.models import Site

PER_PAGE = 50
CSV_HEAD = (
    "decided_at", "by", "from", "to", "reason", "note", "comment_id", "comment_author", "comment", "article",
    "article_url",
)


def _by_people() -> bool:
    return request.args.get("by") == "people"


@review.get("/<site_key>/modlog")
def modlog(site_key: str) -> Any:
    """A page of the decisions; `by=people` leaves the system's out."""
    site = site_for(site_key)
    after = request.args.get("after") or None
    decisions, following = page_of_modlog(site, after, PER_PAGE, by_people=_by_people())
    return page(
        "modlog.html", site, here="modlog", decisions=decisions, more=following, after=after,
        by="people" if _by_people() else None, excerpt=excerpt, undoable=undoable(decisions),
    )


@review.get("/<site_key>/modlog.csv")
def modlog_csv(site_key: str) -> Response:
    """The whole modlog, latest first, under the same filter as the page."""
    site = site_for(site_key)
    return csv_response(f"modlog-{site.key}.csv", CSV_HEAD, _rows(site, by_people=_by_people()))


def _rows(site: Site, *, by_people: bool) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        decisions, after = page_of_modlog(site, after, MAX_LIMIT, by_people=by_people)
        yield from (_row(site, decision) for decision in decisions)
        if after is None:
            return
        for decision in decisions:
            db.session.expunge(decision)  # a modlog of years must not pile up in memory


def _row(site: Site, decision: Decision) -> tuple[object, ...]:
    comment = decision.comment
    return (
        decision.created_at.isoformat(timespec="seconds"),
        decision.actor.display_name if decision.actor else SYSTEM,
        decision.from_status, decision.to_status,
        reason_words(site, decision), decision.note,
        comment.id, comment.author.display_name, comment.body, comment.article.title, comment.article.url,
    )
