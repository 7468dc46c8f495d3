"""What the service is held against: the least that a Flask route can do for the same purpose.

`raw` does nothing; `insert` stores a row durably; `comment` does so with the rows that a post leaves, in their own tables with
all their indexes; `page.json` and `page.html` read the same rows
as the service by Core, unpack them by position and do no more than encode them.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import gzip
import hashlib
import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

import orjson
from flask import Flask, Response, request
from sqlalchemy import (
    Connection,
    Engine,
    Row,
    and_,
    bindparam,
    create_engine,
    event,
    insert,
    select,
    text,
)

from commentsvc.accounts.models import SiteBadge, User
from commentsvc.comments.models import Comment, Revision
from commentsvc.comments.threads import COLUMNS, ROOTS_PER_PAGE

URL = "BENCHMARK_DATABASE_URL"
FOLDER = "BENCHMARK_FOLDER"
GZIP_LEVEL = 5
ID, DEPTH, AUTHOR, HTML, CREATED = (
    [c.name for c in COLUMNS].index(name) for name in ("id", "depth", "display_name", "body_html", "created_at")
)

app = Flask(__name__)


def make_engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def connect(connection: sqlite3.Connection, _record: object) -> None:
            connection.isolation_level = None
            for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000"):
                connection.execute(f"PRAGMA {pragma}")

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN")

    return engine


engine = make_engine(os.environ.get(URL, "sqlite://"))
# A read needs no transaction on PostgreSQL; SQLite's own costs next to nothing.
reading = engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "postgresql" else engine
lock_file = (Path(os.environ.get(FOLDER, ".")) / "floor.lock").open("w") if FOLDER in os.environ else None

ROOTS = (
    select(*COLUMNS)
    .join_from(Comment.__table__, User.__table__, User.__table__.c.id == Comment.__table__.c.author_id)
    .outerjoin(SiteBadge.__table__, and_(SiteBadge.site_id == Comment.site_id, SiteBadge.user_id == Comment.author_id))
    .where(Comment.article_id == bindparam("article"), Comment.parent_id.is_(None), Comment.listed)
    .order_by(Comment.created_at.desc(), Comment.id.desc())
    .limit(ROOTS_PER_PAGE + 1)
)
REPLIES = (
    select(*COLUMNS)
    .join_from(Comment.__table__, User.__table__, User.__table__.c.id == Comment.__table__.c.author_id)
    .outerjoin(SiteBadge.__table__, and_(SiteBadge.site_id == Comment.site_id, SiteBadge.user_id == Comment.author_id))
    .where(Comment.root_id.in_(bindparam("roots", expanding=True)), Comment.preview, Comment.listed)
)
INSERT = text("insert into floor_posts (author_id, body, created_at) values (:author_id, :body, current_timestamp)")


COMMENT, REVISION = insert(Comment.__table__), insert(Revision.__table__)  # type: ignore[arg-type]


def create_table(target: Engine) -> None:
    """The one table that `insert` writes to."""
    kind = "integer primary key" if target.dialect.name == "sqlite" else "bigserial primary key"
    with target.begin() as connection:
        connection.execute(
            text(f"create table floor_posts (id {kind}, author_id bigint not null, body text not null, created_at timestamp)")
        )


@contextmanager
def one_writer() -> Iterator[None]:
    """Writers of a SQLite file take turns here; SQLite's own retrying makes some wait long."""
    if lock_file is None or engine.dialect.name != "sqlite":
        yield
        return
    fcntl.flock(lock_file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(lock_file, fcntl.LOCK_UN)


@app.route("/raw", methods=["GET", "POST"])
def raw() -> Response:
    """Answer."""
    return Response(b'{"status":"ok"}', mimetype="application/json")


@app.post("/insert")
def store() -> Response:
    """Parse the post, store it in one table, answer when it is durable."""
    body = str(json.loads(request.get_data())["body"])
    with one_writer(), engine.begin() as connection:
        connection.execute(INSERT, {"author_id": 1, "body": body})
    return Response(b'{"status":"stored"}', 201, mimetype="application/json")


@app.post("/comment")
def store_comment() -> Response:
    """As `store`, but a comment and its first revision, which wait to be screened."""
    sent = json.loads(request.get_data())
    body, parent, now = str(sent["body"]), sent.get("parent_id"), dt.datetime.now(dt.UTC)
    of_site = {"site_id": int(request.args["site"]), "created_at": now, "body": body}
    comment = {
        **of_site, "article_id": int(request.args["article"]), "author_id": int(request.args["author"]), "body_html": body,
        "body_hash": hashlib.sha256(body.encode()).hexdigest()[:32], "language": "en", "section": "",
        "parent_id": parent and int(parent), "root_id": parent and int(parent), "depth": 1 if parent else 0,
    }
    with one_writer(), engine.begin() as connection:
        [stored] = connection.execute(COMMENT, comment).inserted_primary_key or [None]
        connection.execute(REVISION, {**of_site, "comment_id": stored})
    return Response(b'{"status":"pending"}', 201, mimetype="application/json")


def _rows(article: int) -> Sequence[Row[*tuple[Any, ...]]]:
    with reading.connect() as connection:
        roots = connection.execute(ROOTS, {"article": article}).all()[:ROOTS_PER_PAGE]
        replies = connection.execute(REPLIES, {"roots": [row[ID] for row in roots]}).all()
    return [*roots, *replies]


def _encoded(body: bytes, mimetype: str) -> Response:
    if "gzip" not in request.headers.get("Accept-Encoding", ""):
        return Response(body, mimetype=mimetype)
    return Response(gzip.compress(body, GZIP_LEVEL), mimetype=mimetype, headers={"Content-Encoding": "gzip"})


@app.get("/page.json")
def page_json() -> Response:
    """A page's rows as flat JSON."""
    names = [c.key for c in COLUMNS]
    data = [dict(zip(names, [*row[:CREATED], row[CREATED].timestamp(), *row[CREATED + 1 :]], strict=True)) for row in _rows(int(request.args["article"]))]
    return _encoded(orjson.dumps({"comments": data}), "application/json")


@app.get("/page.html")
def page_html() -> Response:
    """A page's stored fragments, joined."""
    parts = [
        f'<article id="c{row[ID]}" class="depth-{row[DEPTH]}"><b>{escape(row[AUTHOR])}</b>{row[HTML]}</article>'
        for row in _rows(int(request.args["article"]))
    ]
    return _encoded("".join(parts).encode(), "text/html")
