"""Download everything: what the service knows of a person, as JSON for programs and HTML for herself."""

from __future__ import annotations

import datetime as dt
import tempfile
import zipfile
from collections import defaultdict
from collections.abc import Sequence
from typing import IO, Any, Final

import orjson
from flask import current_app
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.database import Base, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.moderation.models import Decision
from commentsvc.moderation.statements import RULE_NAMES
from commentsvc.privacy.places import PLACES
from commentsvc.privacy.training import exports_with
from commentsvc.sites.models import Article, Site

JSON_NAME, HTML_NAME = "my-data.json", "my-data.html"
IN_MEMORY = 5_000_000  # bytes; a longer archive is written to a temporary file
BATCH = 500


# What the page calls the columns; my-data.json has them by their own names.
NAMES: Final[dict[str, str]] = {
    "active": N_("Active"), "answer": N_("Answer"), "appeal_until": N_("Appeal until"), "article_id": N_("Article"), "asked_at": N_("Asked"),
    "body": N_("Text"), "comment_id": N_("Comment"), "comments": N_("Comments"), "confirmed_at": N_("Confirmed"), "counted": N_("Counted"), "created_at": N_("Made"),
    "decided_at": N_("Decided"), "decision_facts": N_("What it rests on"), "device": N_("Device"), "bio": N_("What others read about me"), "due_at": N_("Due"), "edited_at": N_("Edited"),
    "email": N_("E-mail address"), "ended_at": N_("Ended"), "ending": N_("How it ended"), "ends_at": N_("Ends"), "expires_at": N_("Expires"),
    "expert": N_("Expert"), "explanation": N_("Explanation"), "export": N_("Export"), "from_status": N_("Status before"), "granted": N_("Agreed"), "ground": N_("Ground"),
    "hash": N_("Hash"), "hidden_id": N_("Number of the person"), "history_private": N_("History private"), "issuer": N_("Issuer"), "key": N_("Key"), "kind": N_("Kind"), "language": N_("Language"), "last_seen_at": N_("Last seen"),
    "last_used_at": N_("Last used"), "made_at": N_("Made"), "mail": N_("By mail"), "member": N_("Member"), "message": N_("Message"), "name": N_("Name"), "note": N_("Note"),
    "offered": N_("What others do not read, or not yet"), "offered_at": N_("Written"), "prefix": N_("Begins with"), "puid": N_("Number of the statement"), "purpose": N_("Purpose"), "read_at": N_("Read"), "reason": N_("Reason"),
    "remove_comments": N_("Remove comments"), "revoked_at": N_("Revoked"), "role": N_("Role"), "rule": N_("Rule"), "scopes": N_("Permissions"),
    "sent_at": N_("Sent"), "since": N_("Since"), "site": N_("Site"), "site_id": N_("Site"), "starts_at": N_("Begins"), "state": N_("State"), "statement_id": N_("Statement"), "status": N_("Status"),
    "subject": N_("Subject"), "text": N_("Text"), "text_sha256": N_("SHA-256 of the text"), "text_version": N_("Version of the text"),
    "to_status": N_("Status after"), "used_at": N_("Used"), "used_for": N_("Used for"), "value": N_("Value"), "widget": N_("In the conversation"),
}
STATUSES: Final[dict[str, str]] = {
    Status.PENDING: N_("not screened yet"), Status.HELD: N_("held for a person to read"), Status.PUBLISHED: N_("published"), Status.REJECTED: N_("rejected"),
    Status.WITHDRAWN: N_("withdrawn"),
}
BY: Final[dict[str, str]] = {"the service": N_("the service"), "me": N_("me"), "a Community Manager": N_("a Community Manager")}


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
        sections.append({"name": "mails.recipient", "title": N_("Mails of the last days"), "rows": kept})
    if held := exports_with(user):
        rows = [{"export": h.export_id, "made_at": h.created_at, "comments": h.comments, "used_for": h.used_for} for h in held]
        sections.append({"name": "training_exports", "title": N_("Exports for training that hold my comments"), "rows": rows})
    return {
        "format": "commentsvc takeout", "format_version": 1, "made_at": utcnow(),
        "account": {"id": user.id, "display_name": user.display_name, "email": user.email, "language": user.language, "created_at": user.created_at},
        "comments": _comments(user, sites), "sections": sections,
    }


def takeout_zip(user: User) -> IO[bytes]:
    """The takeout as a zip of `my-data.json` and `my-data.html`, from its first byte; the caller closes it."""
    data = takeout(user)
    page = current_app.jinja_env.get_template("account/my_data_file.html").render(data=data, names=NAMES, statuses=STATUSES, by=BY, rules=RULE_NAMES)
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
