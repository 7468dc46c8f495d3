"""Every place where the database names a person: what she is given of it, and what becomes of it when she goes.

A test walks the schema and fails on a place that is missing here.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from commentsvc.i18n import N_


class Erase(enum.Enum):
    """What happens to a row when the person it names is erased."""

    DELETE = "delete"
    KEEP = "keep"  # names only the number of an account that is anonymous by then
    OWN = "own"  # erasure.py has its own step for it


@dataclass(frozen=True)
class Place:
    """A column that names a person: the columns shown to her ((): none), and what erasure does."""

    erase: Erase
    shown: tuple[str, ...] = ()
    title: str = ""


# "table.column" -> Place. What is not shown is somebody else's, a secret's hash, or says only her own number.
PLACES: Final[dict[str, Place]] = {
    "comments.author_id": Place(Erase.OWN),  # shown with article and revisions
    "votes.user_id": Place(Erase.KEEP, ("site_id", "comment_id", "value", "counted", "created_at"), N_("Votes")),
    "mentions.user_id": Place(Erase.OWN, ("site_id", "comment_id", "created_at"), N_("Comments that mention me")),
    "notifications.user_id": Place(Erase.DELETE, ("site_id", "kind", "comment_id", "created_at", "read_at"), N_("Notifications")),
    "follows.user_id": Place(Erase.DELETE, ("article_id", "active", "since"), N_("Conversations I follow")),
    "notification_wishes.user_id": Place(Erase.DELETE, ("kind", "widget", "mail"), N_("How I want to be notified")),
    "hidden_people.user_id": Place(Erase.DELETE, ("hidden_id", "created_at"), N_("People I hide")),
    "hidden_people.hidden_id": Place(Erase.DELETE),  # who hides her is not hers to know
    "flags.user_id": Place(Erase.OWN, ("site_id", "comment_id", "reason", "text", "counted", "created_at"), N_("Flags")),
    "legal_notices.user_id": Place(
        Erase.OWN, ("site_id", "puid", "comment_id", "kind", "explanation", "name", "email", "status", "created_at", "decided_at", "answer"),
        N_("Legal notices I sent"),
    ),
    "legal_notices.decided_by_id": Place(Erase.KEEP),
    "decisions.actor_id": Place(
        Erase.KEEP, ("site_id", "comment_id", "from_status", "to_status", "reason", "note", "created_at"), N_("Decisions I made"),
    ),
    "site_roles.user_id": Place(Erase.DELETE, ("site_id", "role"), N_("Roles")),
    "site_badges.user_id": Place(Erase.DELETE, ("site_id", "expert", "member"), N_("Badges")),
    "profiles.user_id": Place(Erase.DELETE, ("bio", "offered", "state", "reason", "offered_at", "history_private"), N_("About me")),
    "external_authors.user_id": Place(Erase.DELETE, ("site_id", "key"), N_("Who I was where comments were imported from")),
    "external_identities.user_id": Place(
        Erase.DELETE, ("site_id", "issuer", "subject", "email", "created_at", "last_used_at"), N_("Other ways I sign in"),
    ),
    "external_sign_ins.user_id": Place(Erase.DELETE),
    "hand_overs.user_id": Place(Erase.DELETE),
    "user_sessions.user_id": Place(
        Erase.DELETE, ("device", "created_at", "last_seen_at", "expires_at", "revoked_at"), N_("Devices I signed in on"),
    ),
    "api_keys.user_id": Place(
        Erase.DELETE, ("site_id", "name", "prefix", "scopes", "created_at", "last_used_at", "revoked_at"), N_("API keys"),
    ),
    "password_resets.user_id": Place(Erase.DELETE, ("created_at", "expires_at", "used_at"), N_("Password resets")),
    "email_changes.user_id": Place(Erase.DELETE, ("email", "created_at", "expires_at", "used_at"), N_("Changes of address")),
    "consents.user_id": Place(Erase.KEEP, ("purpose", "granted", "text_version", "language", "text_sha256", "created_at", "hash"), N_("Consents")),
    "statements.user_id": Place(
        Erase.KEEP, ("site_id", "puid", "comment_id", "ground", "explanation", "decision_facts", "created_at", "appeal_until", "ended_at", "ending"),
        N_("Statements of reasons"),
    ),
    "appeals.user_id": Place(
        Erase.OWN, ("site_id", "statement_id", "text", "status", "created_at", "due_at", "decided_at", "answer"), N_("Appeals"),
    ),
    "appeals.decided_by_id": Place(Erase.KEEP),
    "sanctions.user_id": Place(
        Erase.KEEP, ("site_id", "kind", "reason", "message", "rule", "starts_at", "ends_at", "ended_at"), N_("Sanctions"),
    ),
    "sanctions.actor_id": Place(Erase.KEEP),
    "sanctions.ended_by_id": Place(Erase.KEEP),
    "person_notes.user_id": Place(Erase.DELETE),  # colleagues' own words
    "person_notes.author_id": Place(Erase.KEEP, ("site_id", "body", "created_at", "edited_at"), N_("Notes I wrote about people")),
    "review_notes.author_id": Place(Erase.KEEP, ("site_id", "comment_id", "text", "created_at"), N_("Notes I wrote about comments")),
    "questions.asker_id": Place(Erase.KEEP, ("site_id", "comment_id", "text", "created_at"), N_("Questions I asked colleagues")),
    "questions.asked_id": Place(Erase.KEEP),
    "questions.answered_by_id": Place(Erase.KEEP),
    "skips.user_id": Place(Erase.DELETE),
    "desk_claims.user_id": Place(Erase.DELETE),
    "sweeps.user_id": Place(Erase.KEEP),
    "sweeps.actor_id": Place(Erase.KEEP),
    "sweeps.undone_by_id": Place(Erase.KEEP),
    "merges.kept_id": Place(Erase.KEEP),
    "merges.merged_id": Place(Erase.KEEP),
    "merges.actor_id": Place(Erase.KEEP),
    "saved_filters.created_by_id": Place(Erase.KEEP),
    "article_groups.created_by_id": Place(Erase.KEEP),
    "policy_versions.actor_id": Place(Erase.KEEP),
    "invitations.invited_by_id": Place(Erase.KEEP),
    "morning_mails.user_id": Place(Erase.DELETE, ("site_id",), N_("Morning mails I asked for")),
    "morning_mail_days.user_id": Place(Erase.DELETE),
    "passkeys.user_id": Place(Erase.DELETE, ("name", "created_at", "last_used_at"), N_("Passkeys")),
    "totp_secrets.user_id": Place(Erase.DELETE, ("created_at", "confirmed_at"), N_("Authenticator app")),
    "recovery_codes.user_id": Place(Erase.DELETE),
    "sign_in_steps.user_id": Place(Erase.DELETE),
    "erasures.user_id": Place(Erase.KEEP, ("remove_comments", "asked_at", "due_at"), N_("Deletion of the account")),
}
