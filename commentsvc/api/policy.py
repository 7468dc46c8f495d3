"""A site's policy: what holds where, its versions, phrases and reasons, and texts tried out."""

from __future__ import annotations

from typing import Any

from flask import current_app

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_site
from commentsvc.api.blueprint import Blueprint, documents, limited, operation
from commentsvc.api.present import person_values
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.policy import (
    PHRASES_PER_PAGE,
    EffectivePolicySchema,
    PhraseChangesSchema,
    PhraseQuery,
    PhrasesSchema,
    PhraseTallySchema,
    ReasonsSchema,
    RestoreSchema,
    SectionQuery,
    TrialInputSchema,
    TrialSchema,
    VersionSchema,
    VersionsQuery,
    VersionsSchema,
    WholeVersionSchema,
)
from commentsvc.api.sites import changed_policy
from commentsvc.errors import Conflict, Invalid
from commentsvc.extensions import db
from commentsvc.moderation.differences import Difference
from commentsvc.moderation.engine import engine
from commentsvc.moderation.models import PolicyVersion
from commentsvc.moderation.phrase_lists import Given, adding, named, phrase_rows, removing
from commentsvc.moderation.reasons import canned_messages, reasons_of
from commentsvc.moderation.settings import (
    change_made,
    change_of_going_back,
    change_settings,
    get_version,
    go_back,
    lock_site,
    versions_of,
)
from commentsvc.moderation.trial import Kind, Trial, try_text
from commentsvc.screening.policy import is_phrase
from commentsvc.sites.models import Site
from commentsvc.web import limit_key, reader, settings_of, spend

policy = Blueprint("policy", "A site's policy: what holds where, its versions, its phrases and reasons, and texts tried out.")

PER_PAGE = 50


@policy.route("/sites/<site_key:site_key>/policy")
@limited("LIMIT_READ")
@operation("getPolicy")
@on_site(Permission.MANAGE_SITE)
@policy.arguments(SectionQuery, location="query")
@policy.response(200, EffectivePolicySchema)
def get_policy(given: dict[str, Any], site: Site) -> Any:
    """What holds in a section of the paper, and what of it is the section's own."""
    whole = site.policy
    section = given["section"]
    return {
        "section": section, "policy": _without_sections(whole.within(section).to_data()), "own": whole.overrides(section),
        "policy_version": site.policy_version,
    }


@policy.route("/sites/<site_key:site_key>/policy/versions")
@limited("LIMIT_READ")
@operation("listPolicyVersions")
@on_site(Permission.MANAGE_SITE)
@policy.arguments(VersionsQuery, location="query")
@policy.response(200, VersionsSchema)
def versions(given: dict[str, Any], site: Site) -> Any:
    """What was set on the site when and by whom, latest first."""
    limit = given.get("limit") or PER_PAGE
    found = versions_of(site, before=given.get("before"), limit=limit + 1)
    return {"versions": [_version(v) for v in found[:limit]], "next": found[limit - 1].number if len(found) > limit else None}


@policy.route("/sites/<site_key:site_key>/policy/versions/<row_id:number>")
@limited("LIMIT_READ")
@operation("getPolicyVersion")
@on_site(Permission.MANAGE_SITE)
@policy.response(200, WholeVersionSchema)
def version(site: Site, number: int) -> Any:
    """One version: what it changed, what going back to it would change now, and its policy."""
    found = _named(site, number)
    return _version(found) | {
        "differences": [_difference(d) for d in change_made(site, found)],
        "going_back": [_difference(d) for d in change_of_going_back(site, found)],
        "policy": found.data["policy"],
    }


@policy.route("/sites/<site_key:site_key>/policy/versions/<row_id:number>/restore", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("restorePolicyVersion", errors=(404, 409))
@on_site(Permission.MANAGE_SITE)
@policy.arguments(RestoreSchema, example={"version": 7, "comment": "Too much was held."})
@policy.response(201, VersionSchema)
def restore(given: dict[str, Any], site: Site, number: int) -> Any:
    """Make a new version equal to this one; the versions in between stay in the history.

    With `version`, nothing is changed when somebody else was first (409, with the version that holds now).
    """
    found = _named(site, number)
    site = lock_site(site.id)
    if given["version"] is not None and given["version"] != site.version:
        raise Conflict("Somebody else changed this site since you saw it.", current={"version": site.version})
    made = go_back(site, found, actor=reader(), via="api", comment=given["comment"].strip())
    db.session.commit()
    return _version(made, reader()), 201


@policy.route("/sites/<site_key:site_key>/policy/test", methods=["POST"])
@operation("testText")
@on_site(Permission.MANAGE_SITE)
@policy.arguments(TrialInputSchema, example={"text": "You absolute idiot.", "author": "new", "policy": {"max_links": 0}})
@policy.response(200, TrialSchema)
def test(given: dict[str, Any], site: Site) -> Any:
    """Try a text out: what every phase finds, and what would happen. Nothing is kept.

    With `policy`, as if these changes were saved.
    """
    wanted = changed_policy(site.policy, given.get("policy", {}))
    spend(settings_of(current_app).LIMIT_TRIAL, "trial", limit_key())
    db.session.rollback()  # nothing is open while the model reads
    return _trial(try_text(given["text"], wanted, engine(), author=Kind(given["author"]), section=given["section"]))


documents(test, errors=(429,))


@policy.route("/sites/<site_key:site_key>/phrases")
@limited("LIMIT_READ")
@operation("listPhrases")
@on_site(Permission.MANAGE_SITE)
@policy.arguments(PhraseQuery, location="query")
@policy.response(200, PhrasesSchema)
def phrases(given: dict[str, Any], site: Site) -> Any:
    """The site's phrases, with who added each, when and why."""
    found = phrase_rows(site, given["q"], given["list"])
    start = (given["page"] - 1) * PHRASES_PER_PAGE
    return {
        "phrases": [
            {
                "phrase": row.phrase, "list": row.list, "note": row.note, "added_at": row.at,
                "added_by": {"id": row.by_id, "name": row.by} if row.by_id is not None and row.by else None,
            }
            for row in named(found[start : start + PHRASES_PER_PAGE])
        ],
        "total": len(found),
    }


@policy.route("/sites/<site_key:site_key>/phrases", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("changePhrases")
@on_site(Permission.MANAGE_SITE)
@policy.arguments(PhraseChangesSchema, example={"add": [{"phrase": "snake oil", "list": "suspect", "note": "Sold in March."}], "remove": ["old one"]})
@policy.response(200, PhraseTallySchema)
def change_phrases(given: dict[str, Any], site: Site) -> Any:
    """Add phrases and take others off, whatever else is on the lists. All of it is one version."""
    wanted = [Given(" ".join(one["phrase"].split()), one["list"], " ".join(one["note"].split())) for one in given["add"]]
    if wrong := next((one.phrase for one in wanted if not is_phrase(one.phrase)), None):
        raise Invalid(f"“{wrong}” has no letter or digit.", field="add")
    site = lock_site(site.id)
    values, count = removing(site, {" ".join(one.split()) for one in given["remove"]})
    added, tally = adding(site, wanted, values["policy"])
    change_settings(site, added, actor=reader(), via="api", comment=given["comment"].strip())
    db.session.commit()
    return {"added": tally.added, "moved": tally.moved, "noted": tally.noted, "known": tally.known, "removed": count}


@policy.route("/sites/<site_key:site_key>/reasons")
@limited("LIMIT_READ")
@operation("listReasons")
@on_site(Permission.REVIEW)
@policy.arguments(NoQuery, location="query")
@policy.response(200, ReasonsSchema)
def reasons(_given: dict[str, Any], site: Site) -> Any:
    """The reasons a comment can be rejected for here, in the site's order, and the messages kept ready for authors."""
    return {"reasons": [r.to_data() for r in reasons_of(site)], "messages": [m.to_data() for m in canned_messages(site)]}


def _named(site: Site, number: int) -> PolicyVersion:
    return get_version(site, min(number, 2**31 - 1))


def _version(found: PolicyVersion, actor: Any = None) -> dict[str, Any]:
    return {
        "number": found.number, "actor": person_values(actor or found.actor), "via": found.via, "comment": found.comment,
        "restores": found.restores, "changes": found.changes, "created_at": found.created_at,
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "path": list(difference.path), "before": difference.before, "after": difference.after,
        "added": list(difference.added), "removed": list(difference.removed),
    }


def _without_sections(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "sections"}


def _trial(trial: Trial) -> dict[str, Any]:
    return {
        "verdict": trial.verdict.value, "scores": trial.scores, "hold_at": trial.policy.hold_at, "reject_at": trial.policy.reject_at,
        "steps": [
            {
                "phase": step.phase, "finding": step.finding.to_data() if step.finding else None, "reached": step.reached,
                "decides": step.decides,
            }
            for step in trial.steps
        ],
    }
