"""Download everything: what the service knows of a person, as JSON for programs and HTML for herself."""

from __future__ import annotations

import datetime as dt
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from typing import IO, Any

import orjson
from flask import current_app
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Revision
from commentsvc.database import Base, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision
from commentsvc.privacy.places import PLACES
from commentsvc.privacy.training import exports_with
from commentsvc.sites.models import Article, Site

JSON_NAME, HTML_NAME = "my-data.json", "my-data.html"
IN_MEMORY = 5_000_000  # bytes; a longer archive is written to a temporary file
BATCH = 500


def takeout(user: User) -> dict[str, Any]:
    """Everything about one person, as JSON can say it; each place of PLACES is a section.

    Comments come with their revisions and the decisions on them, without colleagues' notes and without who decided.
    """
    sites: dict[int, str] = {site_id: key for site_id, key in db.session.execute(select(Site.id, Site.key))}  # noqa: C416 - rows
    sections: list[dict[str, Any]] = []
    for place, what in PLACES.items():
        if not what.shown:
            continue
        name, _, column = place.partition(".")
        table = Base.metadata.tables[name]
        found = db.session.execute(
            select(*(table.c[shown] for shown in what.shown)).where(table.c[column] == user.id).order_by(*table.primary_key)
        ).mappings()
        rows = [_said(dict(row), sites) for row in found]
        if rows:
            sections.append({"name": place, "title": what.title, "rows": rows})
    mails = db.session.scalars(select(Mail).where(Mail.recipient == user.email).order_by(Mail.id)) if user.email else ()
    if kept := [{"subject": m.subject, "created_at": m.created_at, "sent_at": m.sent_at} for m in mails]:
        sections.append({"name": "mails.recipient", "title": "Mails of the last days", "rows": kept})
    if held := exports_with(user):
        rows = [{"export": h.export_id, "made_at": h.created_at, "comments": h.comments, "used_for": h.used_for} for h in held]
        sections.append({"name": "training_exports", "title": "Exports for training that hold my comments", "rows": rows})
    return {
        "format": "commentsvc takeout", "format_version": 1, "made_at": utcnow(),
        "account": {"id": user.id, "display_name": user.display_name, "email": user.email, "language": user.language, "created_at": user.created_at},
        "comments": _comments(user, sites), "sections": sections,
    }


def takeout_zip(user: User) -> IO[bytes]:
    """The takeout as a zip of `my-data.json` and `my-data.html`, from its first byte; the caller closes it."""
    data = takeout(user)
    page = current_app.jinja_env.get_template("account/my_data_file.html").render(data=data)
    file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - handed to the caller
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(JSON_NAME, orjson.dumps(data, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        archive.writestr(HTML_NAME, page)
    file.seek(0)
    return file


def _said(row: dict[str, Any], sites: dict[int, str]) -> dict[str, Any]:
    """The row with the site's key in place of its number."""
    if "site_id" in row:
        row = {"site": sites.get(row["site_id"])} | {name: value for name, value in row.items() if name != "site_id"}
    return row


def _comments(user: User, sites: dict[int, str]) -> list[dict[str, Any]]:
    rows = db.session.execute(
        select(Comment, Article.url, Article.title).join(Article, Article.id == Comment.article_id)
        .where(Comment.author_id == user.id).order_by(Comment.id)
    ).all()
    revisions: dict[int, list[dict[str, Any]]] = defaultdict(list)
    decisions: dict[int, list[dict[str, Any]]] = defaultdict(list)
    ids = [row[0].id for row in rows]
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        for r in _of(Revision, some):
            revisions[r.comment_id].append({"number": r.number, "body": r.body, "state": r.state, "created_at": r.created_at})
        for d in _of(Decision, some):
            decisions[d.comment_id].append({
                "from": d.from_status, "to": d.to_status, "reason": d.reason, "at": d.created_at,
                "by": "the service" if d.actor_id is None else "me" if d.actor_id == user.id else "a Community Manager",
            })
    return [
        {
            "id": c.id, "site": sites.get(c.site_id), "article": {"url": url, "title": title}, "in_reply_to": c.parent_id,
            "status": c.status, "created_at": c.created_at, "edited_at": c.edited_at, "body": c.body, "body_html": c.body_html,
            "votes": {"up": c.up, "down": c.down}, "revisions": revisions[c.id], "decisions": decisions[c.id],
        }
        for c, url, title in rows
    ]


def _of(model: Any, comment_ids: Sequence[int]) -> Any:
    return db.session.scalars(select(model).where(model.comment_id.in_(comment_ids)).order_by(model.id))


def file_name(user: User, now: dt.datetime) -> str:
    """What the browser calls the download."""
    return f"comments-{user.id}-{now:%Y-%m-%d}.zip"
