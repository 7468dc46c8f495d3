"""The site's settings: what is general, and the rules of screening."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import redirect, request, url_for

from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.moderation.trial import Trial
from commentsvc.review.blueprint import review
from commentsvc.review.settings_form import GENERAL, LABELLED, SCREENING, SettingsForm, groups
from commentsvc.review.settings_pages import managed, remember_saved, settings_page, why
from commentsvc.review.trial import AskedTrial
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

ENDPOINTS = {GENERAL: "review.settings", SCREENING: "review.screening"}


@review.get("/<site_key>/settings")
def settings(site_key: str) -> Any:
    """What is general, as saved."""
    site = managed(site_key)
    return _form_page(site, SettingsForm.of_site(site, GENERAL))


@review.post("/<site_key>/settings")
def save_settings(site_key: str) -> Any:
    """All fields of the page at once; 422 with the errors beside them, 409 when another admin was first."""
    return _save(managed(site_key), GENERAL)


@review.get("/<site_key>/settings/screening")
def screening(site_key: str) -> Any:
    """The rules of screening, as saved."""
    site = managed(site_key)
    form = SettingsForm.of_site(site, SCREENING)
    # What the tuning page proposes: typed in, not saved.
    proposed = {name: value[:20] for name, value in request.args.items() if name.startswith("hold_") and name in form.values and value}
    form.values |= proposed
    return _form_page(site, form, proposed=sorted(proposed))


@review.post("/<site_key>/settings/screening")
def save_screening(site_key: str) -> Any:
    """As `save_settings`; with `try`, nothing is saved, and a text is tried out against what is typed."""
    site = managed(site_key)
    if "try" in request.form:
        return _try(site)
    return _save(site, SCREENING)


def _save(asked: Site, name: str) -> Any:
    form = SettingsForm.typed(request.form, name)
    site = lock_site(asked.id)
    if request.form.get("version", type=int) != site.version:
        # Saving again takes the new version with it, and overwrites knowingly.
        return _form_page(site, form, theirs=SettingsForm.of_site(site, name)), 409
    values = form.read(site.policy)
    if values is None:
        return _form_page(site, form), 422
    change_settings(site, values, actor=signed_in(), via="console", comment=why())
    db.session.commit()
    remember_saved(site, gettext("Saved."))
    return redirect(url_for(ENDPOINTS[name], site_key=site.key))


def _try(site: Site) -> Any:
    form = SettingsForm.typed(request.form, SCREENING)
    asked = AskedTrial.typed(request.form)
    values = form.read(site.policy)
    if values is None or asked.error:
        return _form_page(site, form, asked=asked), 422
    if asked.too_soon():
        return _form_page(site, form, asked=asked), 429
    db.session.rollback()  # nothing is open while the model reads
    return _form_page(site, form, asked=asked, trial=asked.run(values["policy"]))


def _form_page(
    site: Site, form: SettingsForm, *, theirs: SettingsForm | None = None, asked: AskedTrial | None = None, trial: Trial | None = None,
    proposed: Sequence[str] = (),
) -> str:
    return settings_page(
        "settings.html", site, ENDPOINTS[form.page], form=form, groups=groups(form.page), labels=LABELS, labelled=LABELLED,
        theirs=theirs, differing=form.differing(theirs) if theirs else [], asked=asked or AskedTrial(), trial=trial,
        sections=list(site.policy.sections), proposed=proposed,
    )
