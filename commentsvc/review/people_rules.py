"""The site's rules about people: e-mail domains, repeat offenders, and what a level of trust changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flask import redirect, request, session, url_for

from commentsvc.accounts.permissions import Permission
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.words import LEVEL_NAMES, Words
from commentsvc.screening.policy import EmailRule, Policy, check_policy
from commentsvc.screening.trust import Level
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

SAVED = "review_people_rules_saved"
ACTIONS = Words({"always_review": N_("Read comments first"), "refuse": N_("Take no comments")})
REPEATS = Words({"always_review": N_("Always read first"), "suspend": N_("Suspend")})


@review.get("/<site_key>/people/rules")
def people_rules(site_key: str) -> Any:
    """The rules as saved."""
    site = site_for(site_key, Permission.MANAGE_SITE)
    return _rules_page(site, saved=session.pop(SAVED, None) == site.id)


@review.post("/<site_key>/people/rules")
def save_people_rules(site_key: str) -> Any:
    """Save one part of the rules; the others stay as they are, whoever changes them meanwhile."""
    asked = site_for(site_key, Permission.MANAGE_SITE)
    site = lock_site(asked.id)
    part = request.form.get("part", "")
    if part not in CHANGES:
        raise Invalid("The form does not say what it changes.", field="part")
    try:
        policy = check_policy(replace(site.policy, **CHANGES[part](site.policy)))
    except Invalid as error:
        db.session.rollback()
        return _rules_page(site_for(site_key, Permission.MANAGE_SITE), error=error, part=part), 422
    change_settings(site, {"policy": policy}, actor=signed_in(), via="console")
    db.session.commit()
    session[SAVED] = site.id
    return redirect(url_for("review.people_rules", site_key=site.key), 303)


def _domain(policy: Policy) -> dict[str, Any]:
    domain = request.form.get("domain", "").strip().casefold().removeprefix("*.").removeprefix("@").removeprefix(".")
    if not domain.isascii():
        try:
            domain = domain.encode("idna").decode()  # as addresses are kept
        except UnicodeError:
            raise Invalid("This is not a domain like mail.example.", field="policy.email_rules") from None
    rule = EmailRule(
        domain, request.form.get("action", ""), " ".join(request.form.get("reason", "").replace("\x00", "").split()),
        subdomains="subdomains" in request.form,
    )
    return {"email_rules": (*policy.email_rules, rule)}


def _remove(policy: Policy) -> dict[str, Any]:
    gone = request.form.get("domain", "")
    return {"email_rules": tuple(rule for rule in policy.email_rules if rule.domain != gone)}


def _repeat(_policy: Policy) -> dict[str, Any]:
    return {
        "repeat_rejections": _whole("repeat_rejections"), "repeat_days": _whole("repeat_days"), "repeat_hours": _whole("repeat_hours"),
        "repeat_action": request.form.get("repeat_action", ""),
    }


def _trust(_policy: Policy) -> dict[str, Any]:
    return {
        "trust_offset_new": _share("trust_offset_new"), "trust_offset_trusted": _share("trust_offset_trusted"),
        "trust_hold_watched": "trust_hold_watched" in request.form, "trust_links_from": request.form.get("trust_links_from", ""),
        "trust_pace": _whole("trust_pace"),
    }


CHANGES = {"domain": _domain, "remove": _remove, "repeat": _repeat, "trust": _trust}


def _whole(name: str) -> int:
    text = request.form.get(name, "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 9):
        raise Invalid("Write a whole number.", field=f"policy.{name}")
    return int(text)


def _share(name: str) -> float:
    try:
        value = float(request.form.get(name, "").strip().replace(",", "."))
    except ValueError:
        raise Invalid("Write a number from 0 to 0.5.", field=f"policy.{name}") from None
    if not 0 <= value <= 0.5:  # not-a-number is in no range
        raise Invalid("Write a number from 0 to 0.5.", field=f"policy.{name}")
    return value


def _rules_page(site: Site, *, saved: bool = False, error: Invalid | None = None, part: str = "") -> str:
    return page(
        "people_rules.html", site, here="people", policy=site.policy, saved=saved, error=error, part=part,
        typed=request.form if error is not None else {}, actions=ACTIONS, repeats=REPEATS, levels={level.value: LEVEL_NAMES[level] for level in Level},
    )

