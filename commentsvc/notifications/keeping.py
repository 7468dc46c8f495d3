"""Notifications are no archive: what is old is forgotten at night."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import current_app
from sqlalchemy import CursorResult, delete, select

from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.notifications.models import Notification

FORGOTTEN_AT_ONCE = 500


def forget_notifications() -> bool:
    """Delete some of those older than NOTIFICATION_DAYS, read or not; whether there may be more. Flushes."""
    settings: Settings = current_app.config["SETTINGS"]
    before = utcnow() - dt.timedelta(days=settings.NOTIFICATION_DAYS)
    old = select(Notification.id).where(Notification.created_at < before).order_by(Notification.created_at).limit(FORGOTTEN_AT_ONCE)
    gone: CursorResult[Any] = db.session.execute(  # type: ignore[assignment]
        delete(Notification).where(Notification.id.in_(old)).execution_options(synchronize_session=False)
    )
    return gone.rowcount == FORGOTTEN_AT_ONCE
