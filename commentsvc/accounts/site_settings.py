"""A site's settings changed by staff, with their row in the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from commentsvc.accounts.audit import changed, record
from commentsvc.accounts.models import User
from commentsvc.sites.models import Site

SETTINGS = ("name", "welcome", "guidelines", "origins", "policy_data")


def change_site(site: Site, values: Mapping[str, Any], *, by: User) -> None:
    """Set what is given, by the names of the columns; the site's version moves.

    The caller has locked the site's row. Nothing is recorded where nothing differs.
    """
    before = _set(site)
    for name, value in values.items():
        setattr(site, name, value)
    site.version += 1
    if differing := changed(before, _set(site)):
        record(by, "settings.changed", site_id=site.id, subject=f"site:{site.id}", **differing)


def _set(site: Site) -> dict[str, Any]:
    """One level deep, so that what is recorded is the setting that changed and not all of the policy."""
    values = {name: getattr(site, name) for name in SETTINGS}
    return {name: value for name, value in values.items() if name != "policy_data"} | dict(values["policy_data"] or {})
