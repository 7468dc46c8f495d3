"""A site that asks its staff for a second factor: from when on, and who has none yet."""

from __future__ import annotations

import datetime as dt

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.sites.models import Site

GRACE_DAYS = 7  # to set one up, unless said otherwise
MOST_DAYS = 90


def require_second_factor(site: Site, *, by: User, days: int = GRACE_DAYS) -> None:
    """From `days` from now on the site's staff need a second factor; until then they are told. Flushes.

    Conflict for an admin who has none herself: she would be the first to stand before a closed door.
    """
    if not 0 <= days <= MOST_DAYS:
        raise Invalid("Give between 0 and %(most)s days.", field="days", values={"most": MOST_DAYS})
    if by.second_factor_at is None:
        raise Conflict("Set up a second factor for your own account first.", code="no_factor")
    _set(site, utcnow() + dt.timedelta(days=days), by)


def allow_without_second_factor(site: Site, *, by: User) -> None:
    """Staff may again do without; flushes."""
    _set(site, None, by)


def _set(site: Site, moment: dt.datetime | None, by: User) -> None:
    before, site.second_factor_from = site.second_factor_from, moment
    said = [at.isoformat(timespec="seconds") if at else None for at in (before, moment)]
    record(by, "settings.changed", site_id=site.id, subject=f"site:{site.id}", second_factor_from=said)
    db.session.flush()
