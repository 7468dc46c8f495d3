"""A text tried out: what every phase finds, and what would happen. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app, request
from markupsafe import Markup

from commentsvc.errors import TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.engine import engine
from commentsvc.moderation.trial import NO_MODEL, TEXT_LENGTH, Kind, Trial, try_text
from commentsvc.review.blueprint import review
from commentsvc.review.presenting import finding_text, marked_text
from commentsvc.review.settings_form import too_long, typed_text
from commentsvc.review.settings_pages import managed, settings_page
from commentsvc.review.words import PHASE_NAMES, Words
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Finding
from commentsvc.sites.models import Site
from commentsvc.web import limit_key, settings_of, spend

KIND_NAMES: Words[Kind, str] = Words({
    Kind.MEMBER: N_("A member"), Kind.NEW: N_("A new author"), Kind.STAFF: N_("Staff"),
})


@dataclass
class AskedTrial:
    """What is in the fields: the text, who wrote it, and where."""

    text: str = ""
    author: Kind = Kind.MEMBER
    section: str = ""
    error: str = ""

    kinds = KIND_NAMES
    most = TEXT_LENGTH

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> AskedTrial:
        text = typed_text(form, "try_text").encode("utf-8", "ignore").decode()
        kind = form.get("try_author", "")
        asked = cls(text, Kind(kind) if kind in set(Kind) else Kind.MEMBER, typed_text(form, "try_section"))
        if not text.strip():
            asked.error = gettext("Write a text to try.")
        elif len(text) > TEXT_LENGTH:
            asked.error = too_long(len(text) - TEXT_LENGTH, TEXT_LENGTH)
        return asked

    def too_soon(self) -> bool:
        """Count one; whether the person's are used up, which is noted: each takes the model's time."""
        try:
            spend(settings_of(current_app).LIMIT_TRIAL, "trial", limit_key())
        except TooSoon as error:
            self.error = error.told
        return bool(self.error)

    def run(self, policy: Policy) -> Trial:
        return try_text(self.text, policy, engine(), author=self.author, section=self.section)


@review.context_processor
def marking() -> dict[str, Any]:
    """How templates show a trial's text."""
    return {"marked_trial": _marked, "PHASE_NAMES": PHASE_NAMES, "finding_words": _words, "NO_MODEL": NO_MODEL}


def _words(finding: Finding) -> str:
    return finding_text(finding.to_data())


def _marked(trial: Trial) -> Markup:
    return marked_text(trial.text, trial.marks)


@review.get("/<site_key>/settings/test")
def test(site_key: str) -> Any:
    """The box, empty."""
    return _test_page(managed(site_key), AskedTrial())


@review.post("/<site_key>/settings/test")
def run_test(site_key: str) -> Any:
    """Try a text out against what is saved."""
    site = managed(site_key)
    asked = AskedTrial.typed(request.form)
    if asked.error:
        return _test_page(site, asked), 422
    if asked.too_soon():
        return _test_page(site, asked), 429
    policy = site.policy
    db.session.rollback()  # nothing is open while the model reads
    return _test_page(site, asked, asked.run(policy))


def _test_page(site: Site, asked: AskedTrial, trial: Trial | None = None) -> str:
    return settings_page("settings_test.html", site, "review.test", asked=asked, trial=trial, sections=list(site.policy.sections))
