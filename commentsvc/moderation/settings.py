"""What is set on a site is changed here and nowhere else: each change is a version that can be gone back to."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import joinedload, undefer

from commentsvc.accounts.audit import changed, record
from commentsvc.accounts.models import User
from commentsvc.comments.counts import recount_votes_down
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.moderation.differences import Difference, differences
from commentsvc.moderation.models import PolicyVersion
from commentsvc.moderation.reasons import check_messages, check_reasons, reasons_of
from commentsvc.screening.policy import Policy, check_policy
from commentsvc.sites.languages import check_language
from commentsvc.sites.models import Site
from commentsvc.sites.origins import check_origin

COMMENT_LENGTH = 500
# Columns of the site that a version holds, beside its policy.
KEPT = ("name", "welcome", "guidelines", "origins", "language", "reasons", "messages", "phrase_notes")
BEFORE_THE_HISTORY = N_("What was set before the history began.")  # kept in English


def lock_site(site_id: int) -> Site:
    """The site as it is now, for this transaction alone to change: of two who save at once the second sees the first's."""
    site = db.session.scalar(
        select(Site).where(Site.id == site_id).with_for_update().options(undefer(Site.messages), undefer(Site.phrase_notes))
        .execution_options(populate_existing=True)
    )
    if site is None:
        raise NotFound("There is no such site.")
    return site


def change_settings(
    site: Site, values: Mapping[str, Any], *, actor: User | None, via: str, comment: str = "", restores: int | None = None
) -> PolicyVersion | None:
    """Set columns of a locked site (`policy` as a Policy) and keep that as a version; None where nothing changed. Flushes.

    Values are checked already. The site's own version moves in either case: whoever had it open has seen another one.
    """
    before = settings_data(site)
    for name, value in values.items():
        if name == "policy":
            site.policy_data = value.to_data()
        else:
            setattr(site, name, value)
    site.phrase_notes = _notes(before, site, actor) or None
    site.version += 1
    after = settings_data(site)
    if after["policy"]["respect"] != before["policy"]["respect"]:
        recount_votes_down(site.id, respect=after["policy"]["respect"])
    if after == before:
        db.session.flush()
        return None
    record(
        actor, "settings.changed", site_id=site.id, subject=f"site:{site.id}", policy_version=site.policy_version + (1 if site.policy_version else 2),
        **({"restores": restores} if restores else {}), **changed(_flat(before), _flat(after)),
    )
    if not site.policy_version:
        _keep(site, before, [], actor=None, via=via, comment=BEFORE_THE_HISTORY)
    return _keep(site, after, differences(before, after), actor=actor, via=via, comment=comment, restores=restores)


def first_version(site: Site, *, actor: User | None, via: str) -> PolicyVersion:
    """What a new site begins with. Flushes."""
    return _keep(site, settings_data(site), [], actor=actor, via=via, comment="")


def settings_data(site: Site) -> dict[str, Any]:
    """All that a version holds of a site, as JSON."""
    return {"policy": site.policy.to_data(), **{name: getattr(site, name) for name in KEPT}}


def versions_of(site: Site, *, before: int | None = None, limit: int = 50) -> Sequence[PolicyVersion]:
    """The site's versions, latest first, with who made them and without what they hold; those under `before`."""
    query = select(PolicyVersion).where(PolicyVersion.site_id == site.id)
    if before is not None:
        query = query.where(PolicyVersion.number < before)
    return db.session.scalars(query.order_by(PolicyVersion.number.desc()).limit(limit).options(joinedload(PolicyVersion.actor))).all()


def get_version(site: Site, number: int) -> PolicyVersion:
    """One version with what it holds, or NotFound."""
    found = db.session.scalar(
        select(PolicyVersion)
        .where(PolicyVersion.site_id == site.id, PolicyVersion.number == number)
        .options(joinedload(PolicyVersion.actor), undefer(PolicyVersion.data))
    )
    if found is None:
        raise NotFound("There is no such version of the settings.")
    return found


def change_made(site: Site, version: PolicyVersion) -> list[Difference]:
    """What a version changed; nothing for the first."""
    if version.number == 1:
        return []
    return differences(get_version(site, version.number - 1).data, version.data)


def change_of_going_back(site: Site, version: PolicyVersion) -> list[Difference]:
    """What would change if the site went back to a version now."""
    return differences(settings_data(site), settings_data_of(version))


def go_back(site: Site, version: PolicyVersion, *, actor: User | None, via: str, comment: str = "") -> PolicyVersion:
    """Make a new version equal to an old one, of a locked site; Conflict where that is what holds. Flushes.

    What is kept there is checked as if somebody typed it: this release may allow less than the one that kept it.
    """
    data = settings_data_of(version)
    check_policy(Policy.from_data(data["policy"]))
    made = change_settings(
        site, {"policy": Policy.from_data(data["policy"]), **{name: data[name] for name in KEPT}},
        actor=actor, via=via, comment=comment, restores=version.number,
    )
    if made is None:
        raise Conflict("Version %(number)s says the same as what is set now.", code="nothing_to_change", values={"number": version.number})
    return made


def settings_data_of(version: PolicyVersion) -> dict[str, Any]:
    """What a version holds, with what came later at its default; what no longer fits is left out."""
    data = version.data
    kept: dict[str, Any] = {
        "name": data["name"], "welcome": data.get("welcome", ""), "guidelines": data.get("guidelines", ""),
        "origins": [], "language": "en", "reasons": None, "messages": None, "phrase_notes": data.get("phrase_notes") or None,
    }
    for origin in data.get("origins", ()):
        with contextlib.suppress(Invalid):
            kept["origins"].append(check_origin(origin))
    with contextlib.suppress(Invalid):
        kept["language"] = check_language(data.get("language", "en"))
    if data.get("reasons"):
        kept["reasons"] = check_reasons(data["reasons"])
    if data.get("messages"):
        kept["messages"] = check_messages(data["messages"], reasons_of(Site(reasons=kept["reasons"])))
    return {"policy": Policy.from_data(data["policy"]).to_data(), **kept}


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """One level deep, so that the audit log has the setting that changed and not all of the policy."""
    return {name: value for name, value in data.items() if name != "policy"} | dict(data["policy"])


def _keep(
    site: Site, data: dict[str, Any], changes: Sequence[Difference], *, actor: User | None, via: str, comment: str,
    restores: int | None = None,
) -> PolicyVersion:
    site.policy_version += 1
    made = PolicyVersion(
        site_id=site.id, number=site.policy_version, data=data, changes=[change.to_data() for change in changes],
        actor_id=actor.id if actor else None, via=via, comment=comment[:COMMENT_LENGTH], restores=restores,
    )
    db.session.add(made)
    db.session.flush()
    return made


def _notes(before: Mapping[str, Any], site: Site, actor: User | None) -> dict[str, dict[str, Any]]:
    """What is known of each phrase: its note, and who added it and when; of those that are gone, nothing."""
    data = site.policy_data
    had = {*before["policy"]["banned_phrases"], *before["policy"]["suspect_phrases"]}
    given = site.phrase_notes or {}
    now = utcnow().isoformat(timespec="seconds")
    notes: dict[str, dict[str, Any]] = {}
    for phrase in (*data.get("banned_phrases", ()), *data.get("suspect_phrases", ())):
        known = given.get(phrase)
        if known is not None and "at" in known:
            notes[phrase] = known
        elif phrase not in had:
            notes[phrase] = {"note": (known or {}).get("note", ""), "by": actor.id if actor else None, "at": now}
        elif known:
            notes[phrase] = known
    return notes
