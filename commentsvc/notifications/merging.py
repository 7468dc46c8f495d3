"""Two accounts of one person become one, with what she was told, what she follows and how she wants to be told."""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import aliased

from commentsvc.accounts.models import NotificationWish, User
from commentsvc.extensions import db
from commentsvc.moderation.merging import merge as merge_what_she_did
from commentsvc.moderation.people_models import Merge
from commentsvc.notifications.models import Follow, Notification

WHOLE = {"synchronize_session": False}


def merge(kept: User, merged: User, *, actor: User, typed_name: str) -> Merge:
    """As `moderation.merging.merge`, with all of her notifications and followed conversations too; flushes.

    Where both were told, follow or wish something, the kept account's stands, also that it does not follow. Whether writing
    in a conversation begins to follow it is left as the kept account has it.
    """
    row = merge_what_she_did(kept, merged, actor=actor, typed_name=typed_name)
    for table, key in ((Follow, "article_id"), (Notification, "subject"), (NotificationWish, "kind")):
        _move(table, key, kept.id, merged.id)
    db.session.flush()
    return row


def _move(table: type[Follow | Notification | NotificationWish], key: str, kept_id: int, merged_id: int) -> None:
    other = aliased(table)
    double = select(other.user_id).where(other.user_id == kept_id, getattr(other, key) == getattr(table, key)).exists()
    db.session.execute(delete(table).where(table.user_id == merged_id, double).execution_options(**WHOLE))
    db.session.execute(update(table).where(table.user_id == merged_id).values(user_id=kept_id).execution_options(**WHOLE))
