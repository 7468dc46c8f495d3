"""What the pages of the settings share: their order, and who may open them."""

from __future__ import annotations

from typing import Any

from flask import request, session

from commentsvc.accounts.permissions import Permission
from commentsvc.i18n import N_
from commentsvc.moderation.settings import COMMENT_LENGTH
from commentsvc.review.blueprint import page, site_for
from commentsvc.review.settings_form import typed_text
from commentsvc.review.words import Words
from commentsvc.sites.models import Site

# Endpoint -> what the page is called, in their order.
PAGES: Words[str, str] = Words({
    "review.settings": N_("General"), "review.screening": N_("Screening"), "review.phrases": N_("Phrases"),
    "review.reasons": N_("Reasons and messages"), "review.sections": N_("Sections"), "review.sso": N_("Single sign-on"), "review.history": N_("History"),
    "review.test": N_("Test a text"),
})
SAVED = "review_settings_saved"


def managed(site_key: str) -> Site:
    """The site, for who manages it."""
    return site_for(site_key, Permission.MANAGE_SITE)


def settings_page(template: str, site: Site, endpoint: str, **context: Any) -> str:
    """A page of the settings, with what was just done if anything was."""
    # Two values: the page after a change is the one that says so.
    key, said = session.pop(SAVED, (None, ""))
    return page(
        template, site, here="settings", pages=PAGES, endpoint=endpoint, said=said if key == site.id else "",
        comment_length=COMMENT_LENGTH, typed_comment=typed_text(request.form, "comment"), **context,
    )


def remember_saved(site: Site, said: str) -> None:
    """Have the next page say what was done."""
    session[SAVED] = (site.id, said)


def why() -> str:
    """What the person says about a change, for the history."""
    return " ".join(typed_text(request.form, "comment").split())[:COMMENT_LENGTH]
