"""From rows to what the schemas name. Pure but for the signing of cursors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from commentsvc.accounts.badges import Badge, badges
from commentsvc.accounts.models import User
from commentsvc.accounts.public_ids import public_id
from commentsvc.accounts.roles import roles_of
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import ThreadPage, replies_cursor
from commentsvc.comments.tree import Node
from commentsvc.database import utcnow
from commentsvc.moderation.bios import bio_reason, profile_of
from commentsvc.moderation.models import REJECT_REASONS, Decision, LegalNotice, Reason
from commentsvc.moderation.queue import Card
from commentsvc.page_cache import PageCache
from commentsvc.sites.models import Article, Site
from commentsvc.sites.rows import ArticleRow, SiteRow

WHAT_NEXT = {
    Status.PENDING: "It is being checked and appears by itself, usually within seconds; until then only you see it.",
    Status.HELD: "A community manager will read it before it appears; until then only you see it.",
    Status.PUBLISHED: "Everybody can read it.",
    Status.REJECTED: "It was not published. You can write another comment that keeps to the guidelines.",
    Status.WITHDRAWN: "You took it back; nobody reads it any more.",
}
# Reasons the pipeline may reject for, beside those a community manager chooses from.
REASON_TEXTS = REJECT_REASONS | {Reason.CLOSED: "The conversation was closed"}


def user_values(user: User) -> dict[str, Any]:
    """A person about herself."""
    profile = profile_of(user.id)
    return {
        "bio": profile.bio, "bio_offered": None if profile.offered is None else {"text": profile.offered, "state": profile.state, "reason": profile.reason, "reason_text": bio_reason(profile) or None},
        "history_private": profile.history_private,
        "id": user.id, "email": user.email, "display_name": user.display_name, "language": user.language, "created_at": user.created_at,
        "roles": [{"site_key": grant.site.key, "role": grant.role} for grant in roles_of(user)],
        "scopes": None if user.scopes is None else sorted(user.scopes),
    }


def article_values(article: Article | ArticleRow, site: Site | SiteRow) -> dict[str, Any]:
    """An article as everybody sees it."""
    return {
        "id": article.id, "site_key": site.key, "url": article.url, "title": article.title,
        "section": article.section, "closed": article.closed, "premoderated": article.premoderated,
        "comment_count": article.comment_count, "created_at": article.created_at,
    }


def badge_values(shown: Sequence[Badge]) -> list[dict[str, Any]]:
    """The badges beside a name."""
    return [{"kind": badge.kind, "field": badge.field or None} for badge in shown]


def node_values(node: Node, site_id: int) -> dict[str, Any]:
    """A comment of a thread with the replies shown under it."""
    c = node.comment
    left = node.more_replies
    author = None
    if c.author_id:
        author = {
            "id": c.author_id, "name": c.author_name, "role": c.author_role, "badges": badge_values(badges(c.author_role, c.expert, c.member)),
            "profile": public_id(site_id, c.author_id) if c.has_profile else None,
        }
    return {
        "id": c.id, "parent_id": c.parent_id, "author": author,
        "status": c.status, "body_html": c.body_html, "created_at": c.created_at, "edited_at": c.edited_at,
        "featured": c.featured_at is not None, "pinned": c.pinned,
        "votes": {"up": c.up, "down": c.down}, "reply_count": c.reply_count,
        "replies": [node_values(reply, site_id) for reply in node.replies], "replies_left": left,
        "replies_next": _replies_next(node) if left else None,
    }


def _replies_next(node: Node) -> str | None:
    last = node.replies[-1].comment if node.replies else None
    return replies_cursor(node.comment, last, len(node.replies))


def thread_values(article: Article | ArticleRow, page: ThreadPage) -> dict[str, Any]:
    """A page of a conversation, for the schema."""
    return {
        "article": article_values(article, article.site), "comments": [node_values(n, article.site_id) for n in page.nodes],
        "next": page.next, "left": page.left,
    }


def thread_json(article: Article | ArticleRow, page: ThreadPage, kept: PageCache[bytes]) -> bytes:
    """The same page as ThreadSchema would dump it (a test says so), in a fraction of its time.

    Threads that read as they did are taken from `kept`, which saves a quarter of that again; not those of another day,
    for the cursors in them expire.
    """
    day = utcnow().date()
    comments = []
    for thread in page.threads:
        key = (day, article.site_id, thread)
        found = kept.get(key)
        if found is None:
            found = _node_json(node_values(thread.node, article.site_id))
            kept.put(key, found)
        comments.append(orjson.Fragment(found))
    values = {"article": article_values(article, article.site) | {"id": str(article.id)}, "comments": comments, "next": page.next, "left": page.left}
    return orjson.dumps(values, option=orjson.OPT_UTC_Z)


def _node_json(values: dict[str, Any]) -> bytes:
    stack = [values]
    while stack:
        comment = stack.pop()
        comment["id"] = str(comment["id"])
        if comment["parent_id"] is not None:
            comment["parent_id"] = str(comment["parent_id"])
        if comment["author"] is not None:
            comment["author"]["id"] = str(comment["author"]["id"])
        stack.extend(comment["replies"])
    return orjson.dumps(values, option=orjson.OPT_UTC_Z)


def public_values(comment: Comment) -> dict[str, Any]:
    """One comment as any reader sees it; what a removed one said, and who said it, stays here."""
    values = {
        "id": comment.id, "article_id": comment.article_id, "parent_id": comment.parent_id,
        "status": comment.status, "created_at": comment.created_at, "edited_at": comment.edited_at,
        "reply_count": comment.reply_count, "featured": False,
    }
    if comment.status == Status.PUBLISHED:
        return values | _said(comment) | {"featured": comment.featured_at is not None}
    # Readers are not told whether a person or the author's own record is behind it.
    status = Status.WITHDRAWN if comment.status == Status.WITHDRAWN else Status.REJECTED
    return values | {"status": status.value, "author": None, "body_html": "", "votes": {"up": 0, "down": 0}}


def own_values(
    comment: Comment, reason: tuple[str, str | None] | None, author: User, *, posted: bool = False
) -> dict[str, Any]:
    """One's own comment: what became of it, why (the reason, and what the site calls it), and what happens next.

    `posted` while she is shadowed.
    """
    rejected = comment.status == Status.REJECTED
    known, words = (Reason(reason[0]), reason[1]) if rejected and reason else (None, None)
    return public_values(comment) | _said(comment, author) | {
        "status": Status.PUBLISHED.value if posted else comment.status, "body": comment.body, "reason": known.value if known else None,
        "reason_text": words or REASON_TEXTS.get(known, REASON_TEXTS[Reason.OTHER]) if known else None,
        "what_next": "It is posted." if posted else WHAT_NEXT[Status(comment.status)],
    }


def judged_values(comment: Comment) -> dict[str, Any]:
    """A comment as a community manager sees it, whatever its status."""
    return _said(comment) | {
        "id": comment.id, "status": comment.status, "body": comment.body, "created_at": comment.created_at,
        "edited_at": comment.edited_at, "version": comment.version, "featured": comment.featured_at is not None,
        "depth": comment.depth, "reply_count": comment.reply_count,
    }


def _said(comment: Comment, author: User | None = None) -> dict[str, Any]:
    who = author or comment.author
    return {
        "author": {"id": who.id, "name": who.display_name, "role": comment.author_role},
        "body_html": comment.body_html, "votes": {"up": comment.up, "down": comment.down},
    }


def person_values(user: User | None) -> dict[str, Any] | None:
    """Somebody's id and name."""
    return None if user is None else {"id": user.id, "name": user.display_name}


def decision_values(decision: Decision, actor: User | None) -> dict[str, Any]:
    """A decision; `actor` is who made it."""
    return {
        "id": decision.id, "comment_id": decision.comment_id, "from_status": decision.from_status,
        "to_status": decision.to_status, "reason": decision.reason, "site_reason": decision.site_reason, "note": decision.note,
        "message": decision.message, "batch": decision.batch,
        "actor": person_values(actor), "undoes_id": decision.undoes_id, "created_at": decision.created_at,
    }


def modlog_values(decisions: Sequence[Decision]) -> list[dict[str, Any]]:
    """Decisions with what they were about."""
    return [
        decision_values(d, d.actor) | {
            "article": card_article(d.comment.article), "author": person_values(d.comment.author),
            "body": d.comment.body, "status": d.comment.status,
        }
        for d in decisions
    ]


def card_values(card: Card) -> dict[str, Any]:
    """A card of the review queue."""
    screening = card.screening
    model = None
    if screening is not None and screening.model_name is not None:
        model = {"name": screening.model_name, "version": screening.model_version, "sha256": screening.model_sha256}
    return {
        "comment": judged_values(card.comment),
        "parent": judged_values(card.parent) if card.parent is not None else None,
        "article": card_article(card.comment.article), "author_record": card.record,
        "findings": screening.findings if screening else [], "scores": screening.scores if screening else None,
        "model": model,
        "flags": [
            {"user": person_values(f.user), "reason": f.reason, "text": f.text, "created_at": f.created_at, "counted": f.counted}
            for f in card.flags
        ],
        "legal_notices": [notice_values(notice) for notice in card.notices],
        "decisions": [decision_values(d, d.actor) for d in card.decisions], "version": card.comment.version,
        "edit": None if card.edit is None else {
            "revision": card.edit.number, "status": card.comment.edit_status, "body": card.edit.body, "reason": card.edit.reason,
        },
    }


def notice_values(notice: LegalNotice, decided_by: User | None = None) -> dict[str, Any]:
    """A legal notice for those who decide; `decided_by` is who did."""
    names = ("comment_id", "kind", "status", "created_at", "revision", "explanation", "name", "email", "decided_at", "decision_id", "answer")
    return {"number": notice.puid, "decided_by": person_values(decided_by)} | {name: getattr(notice, name) for name in names}


def card_article(article: Article) -> dict[str, Any]:
    """An article as a card names it."""
    return {"id": article.id, "url": article.url, "title": article.title}
