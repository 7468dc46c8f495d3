"""The site's settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, request, session, url_for
from sqlalchemy import select

from commentsvc.accounts.permissions import Permission
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.settings_form import LABELLED, NUMBERS, SettingsForm
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site

SAVED = "review_settings_saved"


@review.get("/<site_key>/settings")
def settings(site_key: str) -> Any:
    """The form as saved."""
    site = site_for(site_key, Permission.MANAGE_SITE)
    form = SettingsForm.of_site(site)
    # What the tuning page proposes: typed in, not saved.
    proposed = {name: value[:20] for name, value in request.args.items() if name.startswith("hold_") and name in form.values and value}
    form.values |= proposed
    return _settings_page(site, form, saved=session.pop(SAVED, None) == site.id, proposed=sorted(proposed))


@review.post("/<site_key>/settings")
def save_settings(site_key: str) -> Any:
    """All settings at once; 422 with the errors beside the fields, 409 when another admin was first."""
    asked = site_for(site_key, Permission.MANAGE_SITE)
    form = SettingsForm.typed(request.form)
    # Locked, so that of two who save at once the second sees what the first did.
    site = db.session.scalar(
        select(Site).where(Site.id == asked.id).with_for_update().execution_options(populate_existing=True)
    )
    if site is None:
        raise NotFound("There is no such site.")
    if request.form.get("version", type=int) != site.version:
        # Saving again takes the new version with it, and overwrites knowingly.
        return _settings_page(site, form, theirs=SettingsForm.of_site(site)), 409
    values = form.read(site.policy)
    if values is None:
        return _settings_page(site, form), 422
    for name, value in values.items():
        setattr(site, name, value)
    site.version += 1
    db.session.commit()
    session[SAVED] = site.id
    return redirect(url_for("review.settings", site_key=site.key))


def _settings_page(
    site: Site, form: SettingsForm, *, theirs: SettingsForm | None = None, saved: bool = False,
    proposed: Sequence[str] = (),
) -> str:
    return page(
        "settings.html", site, here="settings", form=form, numbers=NUMBERS, labels=LABELS, labelled=LABELLED, saved=saved, proposed=proposed,
        theirs=theirs, differing=form.differing(theirs) if theirs else [],
    )
