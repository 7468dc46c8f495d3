"""How many comments came since a page was read: asked again and again, so it costs a 304 while nothing changed."""

from __future__ import annotations

import datetime as dt
import hashlib

from flask import Response, current_app, jsonify, request
from sqlalchemy import bindparam, select

from commentsvc.comments.latest import newest, published_since
from commentsvc.embed.blueprint import embed, for_everybody
from commentsvc.embed.limits import spend
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.sites.models import Article
from commentsvc.web import row_id, settings_of

CACHEABLE = "public, max-age=0, s-maxage=1, stale-while-revalidate=30"
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
LATEST_SINCE = 253_402_300_799_000_000  # the end of the year 9999, the last a datetime can be

_A = Article.__table__.c
_VERSION = select(_A.version, _A.comment_count).where(_A.id == bindparam("article"))


def seen_until(article_id: int) -> int:
    """What a page of this moment has shown, for its later questions: microseconds since 1970, 0 before the first comment."""
    return microseconds(newest(article_id))


def microseconds(last: dt.datetime | None) -> int:
    """When the last comment was published, as pages have it."""
    return 0 if last is None else (last - EPOCH) // dt.timedelta(microseconds=1)


@embed.get("/a/<int:article_id>/news")
def news(article_id: int) -> Response:
    """`new`: comments published since `since`, counted up to 100; `count`: all of the article's. The same for everybody."""
    for_everybody()
    since = _since(request.args.get("since", ""))
    row = db.session.execute(_VERSION, {"article": article_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such article.")
    etag = hashlib.sha256(repr((article_id, row.version, since)).encode()).hexdigest()[:32]
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        spend(settings_of(current_app).LIMIT_READ, "render")
        moment = EPOCH + dt.timedelta(microseconds=since)
        response = jsonify(new=published_since(article_id, moment), count=row.comment_count)
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = CACHEABLE
    return response


def _since(text: str) -> int:
    try:
        since = row_id(text)
    except ValueError:
        since = -1
    if not 0 <= since <= LATEST_SINCE:
        raise Invalid("since is a time in microseconds since 1970, as the page has it.", field="since")
    return since
