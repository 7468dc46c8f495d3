"""Examples for the documentation; a test checks each against its schema."""

from __future__ import annotations

from typing import Any

CREDENTIALS: dict[str, Any] = {"email": "ada@example.org", "password": "seven green umbrellas"}

USER: dict[str, Any] = {
    "id": "7", "email": "ada@example.org", "display_name": "Ada Byron", "language": None, "created_at": "2026-03-01T08:30:00Z",
    "bio": "I ring the bells of St Anne’s.", "bio_offered": None, "history_private": False,
    "roles": [{"site_key": "courier", "role": "community_manager"}], "scopes": None,
}
SIGNED_IN: dict[str, Any] = {"token": "cs_9XnS0s2d1v…", "user": USER}

ARTICLE: dict[str, Any] = {
    "id": "12", "site_key": "courier", "url": "https://news.example/harbour-bridge",
    "title": "The harbour bridge reopens", "section": "City", "closed": False, "premoderated": False, "comment_count": 48,
    "created_at": "2026-03-02T05:00:00Z",
}
AUTHOR: dict[str, Any] = {
    "id": "7", "name": "Ada Byron", "role": "member", "badges": [{"kind": "expert", "field": "Bell founding"}], "profile": "kLq0W3v1yBzT8mX2cHfJ9A",
}

REPLY: dict[str, Any] = {
    "id": "345", "parent_id": "341", "author": {
        "id": "9", "name": "Tom Okafor", "role": "community_manager", "badges": [{"kind": "staff", "field": None}], "profile": "Yx5RZk2nQwE7uPa1sDgV4Q",
    },
    "status": "published", "body_html": "<p>It does, from Monday.</p>\n", "created_at": "2026-03-02T07:12:40Z",
    "edited_at": None, "votes": {"up": 3, "down": 0}, "featured": False, "pinned": False, "reply_count": 0, "replies": [], "replies_left": 0,
    "replies_next": None,
}
COMMENT: dict[str, Any] = {
    "id": "341", "parent_id": None, "author": AUTHOR, "status": "published",
    "body_html": "<p>Does the night bus cross it again?</p>\n", "created_at": "2026-03-02T06:58:03.125000Z",
    "edited_at": None, "votes": {"up": 12, "down": 1}, "featured": True, "pinned": False, "reply_count": 4, "replies": [REPLY], "replies_left": 3,
    "replies_next": "WyJyZXBsaWVz…",
}
THREAD: dict[str, Any] = {"article": ARTICLE, "comments": [COMMENT], "next": "WyJyb290czo…", "left": 43}

OWN_COMMENT: dict[str, Any] = {
    "id": "346", "article_id": "12", "parent_id": None, "author": AUTHOR, "status": "published",
    "body_html": "<p>Well done, harbour crew.</p>\n", "created_at": "2026-03-02T09:00:00Z", "edited_at": None,
    "votes": {"up": 0, "down": 0}, "featured": False, "reply_count": 0, "body": "Well done, harbour crew.", "reason": None,
    "reason_text": None, "what_next": "Everybody can read it.",
}
DECISION: dict[str, Any] = {
    "id": "88", "comment_id": "350", "from_status": "held", "to_status": "rejected", "reason": "abuse",
    "site_reason": None, "note": "Second time this week.", "message": "", "batch": None, "actor": {"id": "9", "name": "Tom Okafor"}, "undoes_id": None,
    "created_at": "2026-03-02T09:30:00Z", "version": 3,
}
OUTCOME: dict[str, Any] = {
    "batch": "9f3c1a7be0d24c55", "done": ["350"], "stood": [],
    "refused": [{"comment_id": "351", "message": "Tom Okafor has already published this comment.", "code": "already_decided"}],
}
NOTE: dict[str, Any] = {
    "id": "5", "comment_id": "350", "author": {"id": "9", "name": "Tom Okafor"},
    "text": "I know the author: this is meant as a joke.", "created_at": "2026-03-02T09:28:00Z",
}
QUESTION: dict[str, Any] = {
    "id": "3", "comment_id": "350", "asker": {"id": "8", "name": "Anna Berg"}, "asked": {"id": "9", "name": "Tom Okafor"},
    "text": "Is this the man from the court case?", "created_at": "2026-03-02T09:20:00Z",
}
ASKED: dict[str, Any] = QUESTION | {
    "body": "He should be ashamed.", "article": {"id": "12", "url": ARTICLE["url"], "title": ARTICLE["title"]},
}
