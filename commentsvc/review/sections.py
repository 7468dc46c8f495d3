"""Sections of the paper and what each has of its own; the rest is the site's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import redirect, request, url_for
from sqlalchemy import select

from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import gettext, ngettext
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.review.blueprint import review
from commentsvc.review.settings_form import (
    FIELD,
    LABELLED,
    plain_number,
    read_number,
    read_thresholds,
    typed_text,
)
from commentsvc.review.settings_pages import managed, remember_saved, settings_page, why
from commentsvc.screening.policy import (
    SECTION_FIELDS,
    SECTION_LENGTH,
    Policy,
    check_policy,
    section_key,
)
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Article, Site
from commentsvc.web import signed_in

NUMBERS = tuple(FIELD[name] for name in SECTION_FIELDS if name in FIELD and FIELD[name].kind == "number")
SWITCHES = tuple(FIELD[name] for name in SECTION_FIELDS if name in FIELD and FIELD[name].kind == "switch")
SUGGESTED = 50


@dataclass
class SectionForm:
    """What is in the fields: empty where the section has nothing of its own."""

    name: str
    values: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_policy(cls, policy: Policy, name: str) -> SectionForm:
        own = policy.overrides(name)
        values = {f.name: plain_number(own[f.name] / f.scale) if f.name in own else "" for f in NUMBERS}
        values |= {f.name: ("on" if own[f.name] else "off") if f.name in own else "" for f in SWITCHES}
        for kind in ("hold", "reject"):
            limits: Mapping[str, float] = own.get(f"{kind}_at", {})
            values |= {f"{kind}_{label}": plain_number(limits[label]) if label in limits else "" for label in LABELS}
        return cls(name, values)

    @classmethod
    def typed(cls, form: Mapping[str, str], name: str) -> SectionForm:
        names = [f.name for f in (*NUMBERS, *SWITCHES)] + [f"{kind}_{label}" for kind in ("hold", "reject") for label in LABELS]
        return cls(name, {one: typed_text(form, one) for one in names})

    def read(self) -> dict[str, Any] | None:
        """What the section has of its own, or None with every error noted."""
        self.errors.clear()
        own: dict[str, Any] = {}
        for f in NUMBERS:
            if self.values[f.name].strip():
                number = read_number(f, self.values[f.name], self.errors)
                if number is not None:
                    own[f.name] = number
        own |= {f.name: self.values[f.name] == "on" for f in SWITCHES if self.values[f.name] in {"on", "off"}}
        for kind in ("hold", "reject"):
            limits = read_thresholds(kind, self.values, self.errors, optional=True)
            if limits:
                own[f"{kind}_at"] = limits
        return None if self.errors else own


@review.get("/<site_key>/settings/sections")
def sections(site_key: str) -> Any:
    """The sections that have something of their own, and the box to name another."""
    return _sections_page(managed(site_key))


@review.post("/<site_key>/settings/sections")
def add_section(site_key: str) -> Any:
    """Open the form of a section; nothing is saved before that."""
    site = managed(site_key)
    name = " ".join(typed_text(request.form, "name").split())
    if not name or len(name) > SECTION_LENGTH:
        return _sections_page(site, problem=gettext("A section has a name of at most %(most)d characters.", most=SECTION_LENGTH)), 422
    return redirect(url_for("review.section", site_key=site.key, name=name))


@review.get("/<site_key>/settings/section")
def section(site_key: str) -> Any:
    """What one section has of its own, beside what it has from the site."""
    site = managed(site_key)
    name = _name(site)
    return _section_page(site, SectionForm.of_policy(site.policy, name))


@review.post("/<site_key>/settings/section")
def save_section(site_key: str) -> Any:
    """All fields at once; with `remove`, the section has nothing of its own any more."""
    asked = managed(site_key)
    form = SectionForm.typed(request.form, _name(asked))
    site = lock_site(asked.id)
    if request.form.get("version", type=int) != site.version:
        return _section_page(site, form, theirs=SectionForm.of_policy(site.policy, form.name)), 409
    own = {} if "remove" in request.form else form.read()
    if own is None:
        return _section_page(site, form), 422
    policy = site.policy
    key = section_key(form.name)
    others = {name: rules for name, rules in policy.sections.items() if section_key(name) != key}
    try:
        changed = check_policy(replace(policy, sections={**others, form.name: own} if own else others))
    except Invalid as error:
        form.errors[""] = error.told
        return _section_page(site, form), 422
    change_settings(site, {"policy": changed}, actor=signed_in(), via="console", comment=why())
    db.session.commit()
    remember_saved(site, _saved(form.name, own))
    return redirect(url_for("review.sections", site_key=site.key))


def _saved(name: str, own: Mapping[str, Any]) -> str:
    count = sum(len(value) if isinstance(value, Mapping) else 1 for value in own.values())
    if not count:
        return gettext("Saved. %(section)s has nothing of its own.", section=name)
    return ngettext("Saved. %(section)s has %(num)d rule of its own.", "Saved. %(section)s has %(num)d rules of its own.", count, section=name)


def _name(site: Site) -> str:
    """The section's name in the address, as the policy spells it where it knows it."""
    name = " ".join(request.values.get("name", "").replace("\x00", "").split())[:SECTION_LENGTH]
    if not name:
        raise Invalid("Which section? Its name is missing from the address.", field="name")
    return next((known for known in site.policy.sections if section_key(known) == section_key(name)), name)


def _sections_page(site: Site, *, problem: str = "") -> str:
    policy = site.policy
    known = db.session.scalars(
        select(Article.section).where(Article.site_id == site.id, Article.section != "").distinct().order_by(Article.section).limit(SUGGESTED)
    ).all()
    own = {section_key(name) for name in policy.sections}
    return settings_page(
        "settings_sections.html", site, "review.sections", own=policy.sections, labelled=LABELLED, in_words=_in_words, problem=problem,
        others=[name for name in known if section_key(name) not in own], typed_name=typed_text(request.form, "name"),
    )


def _in_words(own: Mapping[str, Any]) -> list[str]:
    """What a section has of its own, each in a few words."""
    said: list[str] = []
    for name, value in own.items():
        if isinstance(value, Mapping):
            kind = name.split("_", 1)[0]
            said += [f"{LABELLED[f'{kind}_{label}']} {plain_number(limit)}" for label, limit in value.items()]
        elif isinstance(value, bool):
            said.append(f"{FIELD[name].label_words}: {gettext('yes') if value else gettext('no')}")
        else:
            f = FIELD[name]
            said.append(f"{f.label_words}: {plain_number(value / f.scale)} {f.unit_words}")
    return said


def _section_page(site: Site, form: SectionForm, *, theirs: SectionForm | None = None) -> str:
    policy = site.policy
    inherited = {f.name: plain_number(getattr(policy, f.name) / f.scale) for f in NUMBERS}
    inherited |= {f.name: gettext("yes") if getattr(policy, f.name) else gettext("no") for f in SWITCHES}
    for label in LABELS:
        inherited[f"hold_{label}"] = plain_number(policy.hold_at[label])
        inherited[f"reject_{label}"] = plain_number(policy.reject_at[label]) if label in policy.reject_at else gettext("never")
    differing = [n for n, v in form.values.items() if theirs is not None and v.strip() != theirs.values[n]]
    return settings_page(
        "settings_section.html", site, "review.sections", form=form, numbers=NUMBERS, switches=SWITCHES, labels=LABELS, labelled=LABELLED,
        inherited=inherited, theirs=theirs, differing=differing, known=bool(policy.overrides(form.name)),
    )
