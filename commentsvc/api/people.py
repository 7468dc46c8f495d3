"""People: found, looked at, noted about, sanctioned; and what a person may know of sanctions on herself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response
from sqlalchemy import select

from commentsvc.accounts.models import SiteBadge, User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.accounts.public_ids import public_id
from commentsvc.api.access import on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.present import person_values
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.people import (
    BadgesInputSchema,
    BioDecisionSchema,
    EndInputSchema,
    GivenBadgesSchema,
    MergedSchema,
    MergeInputSchema,
    NoteInputSchema,
    NoteSchema,
    NotesSchema,
    OwnSanctionsSchema,
    PeopleQuery,
    PeopleSchema,
    PersonBioSchema,
    PersonDetailSchema,
    SanctionEffectsSchema,
    SanctionInputSchema,
    SanctionSchema,
    SanctionsQuery,
    SanctionsSchema,
    SweepInputSchema,
    SweepSchema,
    TimelineQuery,
    TimelineSchema,
)
from commentsvc.comments.authors import give_badges
from commentsvc.database import utcnow
from commentsvc.errors import NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.bios import decide_bio, profile_of
from commentsvc.moderation.models import Reason
from commentsvc.moderation.notes import add_note, delete_note, edit_note, note_on, notes_on
from commentsvc.moderation.people import (
    PER_PAGE,
    TIMELINE_PAGE,
    Event,
    Filter,
    Kind,
    PersonRow,
    find_person,
    masked,
    merges_of,
    page_of_people,
    page_of_sanctions,
    person_of,
    sanction_on,
    sanctions_of,
    timeline,
)
from commentsvc.moderation.people_models import PersonNote, Sanction, SanctionKind, Sweep
from commentsvc.moderation.sanctions import (
    acknowledge,
    end,
    impose,
    own_sanction,
    own_values,
    sanctions_shown_to,
)
from commentsvc.moderation.sweeps import advance, start_sweep, sweep_on, undo_sweep
from commentsvc.notifications.merging import merge as merge_accounts
from commentsvc.sites.models import Site
from commentsvc.web import reader, signed_in

people = Blueprint("people", "The people of a site: their record, notes on them, and sanctions.")

NOTE = {"id": "5", "person_id": "7", "author": {"id": "9", "name": "Tom Okafor"}, "body": "Kind in person.", "created_at": "2026-03-02T09:30:00Z", "edited_at": None}
SANCTION = {"kind": "suspend", "reason": "abuse", "message": "Take three days off.", "note": "", "ends_at": "2026-12-01T12:00:00Z", "all_sites": False}


@people.route("/sites/<site_key:site_key>/people")
@limited("LIMIT_READ")
@operation("listPeople")
@on_site(Permission.REVIEW)
@people.arguments(PeopleQuery, location="query")
@people.response(200, PeopleSchema)
def list_people(given: dict[str, Any], site: Site) -> Any:
    """The site's people: everybody who wrote or flagged there, holds a role or was sanctioned."""
    if given["email"] and not _addresses(site):
        raise NotAllowed("Only those who manage roles can look for addresses.")
    found, following = page_of_people(
        site, given["q"], Filter(given["filter"]), given.get("after") or None, given.get("limit") or PER_PAGE, email=given["email"]
    )
    return {"people": [_person(site, row) for row in found], "next": following}


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>")
@limited("LIMIT_READ")
@operation("getPerson")
@on_site(Permission.REVIEW)
@people.arguments(NoQuery, location="query")
@people.response(200, PersonDetailSchema)
def get_person(_given: dict[str, Any], site: Site, user_id: int) -> Any:
    """One person's record on the site."""
    user = find_person(site, user_id)
    them = person_of(site, user)
    into = next((m.kept for m in merges_of(user) if m.merged_id == user.id), None)
    return _person(site, them) | {
        "flags_received": them.flags_received, "flags_made": them.flags, "first_comment_at": them.first_at,
        "merged_into": person_values(into), **_said(site, user),
    }


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/badges", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("setBadges")
@on_site(Permission.REVIEW)
@people.arguments(BadgesInputSchema, example={"expert": "Epidemiologist", "member": False})
@people.response(200, GivenBadgesSchema)
def put_badges(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """What the site says of a person beside her name, on earlier comments too; it goes into the audit log.

    The badge of those who review comments comes with the role, and its words are refused here.
    """
    user = find_person(site, user_id)
    give_badges(site, user, expert=given["expert"], member=given["member"], by=signed_in())
    db.session.commit()
    return _badges(site, user)


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/bio", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("decideBio", errors=(409,))
@on_site(Permission.REVIEW)
@people.arguments(BioDecisionSchema, example={"number": 2, "outcome": "approve"})
@people.response(200, PersonBioSchema)
def post_bio_decision(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Let others read what a person says about herself, or not; 409 where she has changed it meanwhile."""
    user = find_person(site, user_id)
    decide_bio(site, user, given["number"], given["outcome"], given["reason"], actor=signed_in())
    db.session.commit()
    return _bio(user)


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/timeline")
@limited("LIMIT_READ")
@operation("getTimeline")
@on_site(Permission.REVIEW)
@people.arguments(TimelineQuery, location="query")
@people.response(200, TimelineSchema)
def get_timeline(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """What a person did on the site and what was done about her, latest first."""
    events, following = timeline(
        site, find_person(site, user_id), given.get("after") or None, given.get("limit") or TIMELINE_PAGE, what=given["what"]
    )
    return {"events": [_event(event) for event in events], "next": following}


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/sanctions")
@limited("LIMIT_READ")
@operation("listSanctionsOfPerson")
@on_site(Permission.REVIEW)
@people.arguments(NoQuery, location="query")
@people.response(200, SanctionEffectsSchema)
def list_sanctions_of(_given: dict[str, Any], site: Site, user_id: int) -> Any:
    """A person's sanctions that concern the site, with what each did."""
    user = find_person(site, user_id)
    return {"sanctions": [_sanction(effect.sanction, user) | {"held": effect.held} for effect in sanctions_of(site, user)]}


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/sanctions", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("imposeSanction", errors=(409,))
@on_site(Permission.REVIEW)
@people.arguments(SanctionInputSchema, example=SANCTION)
@people.response(201, SanctionSchema)
def impose_sanction(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Warn, suspend, ban, always review, or shadow a person.

    She is told by mail and on her next visit; of `shadow` when it ends. Where one of that kind holds already: 409, and
    `current` says which.
    """
    user = find_person(site, user_id)
    made = impose(
        user, SanctionKind(given["kind"]), actor=signed_in(), site=None if given["all_sites"] else site, reason=Reason(given["reason"]),
        message=given["message"], note=given["note"], ends_at=given["ends_at"],
    )
    db.session.commit()
    return _sanction(_loaded(site, made.id), user)


@people.route("/sites/<site_key:site_key>/sanctions")
@limited("LIMIT_READ")
@operation("listSanctions")
@on_site(Permission.REVIEW)
@people.arguments(SanctionsQuery, location="query")
@people.response(200, SanctionsSchema)
def list_sanctions(given: dict[str, Any], site: Site) -> Any:
    """Every sanction that concerns the site, latest first."""
    found, following = page_of_sanctions(
        site, given.get("after") or None, given.get("limit") or PER_PAGE, holding=given["holding"] == "true"
    )
    return {"sanctions": [_sanction(s, s.user) for s in found], "next": following}


@people.route("/sites/<site_key:site_key>/sanctions/<row_id:sanction_id>/end", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("endSanction", errors=(409,))
@on_site(Permission.REVIEW)
@people.arguments(EndInputSchema, example={"note": "A misunderstanding."})
@people.response(200, SanctionSchema)
def end_sanction(given: dict[str, Any], site: Site, sanction_id: int) -> Any:
    """End a sanction before its time; the person is told."""
    end(sanction_on(site, sanction_id), actor=signed_in(), note=given["note"])
    db.session.commit()
    ended = _loaded(site, sanction_id)
    return _sanction(ended, ended.user)


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/notes")
@limited("LIMIT_READ")
@operation("listNotes")
@on_site(Permission.REVIEW)
@people.arguments(NoQuery, location="query")
@people.response(200, NotesSchema)
def list_notes(_given: dict[str, Any], site: Site, user_id: int) -> Any:
    """What colleagues noted of a person; she never sees it."""
    user = find_person(site, user_id)
    return {"notes": [_note(note) for note in notes_on(site, user.id)]}


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/notes", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("addNote")
@on_site(Permission.REVIEW)
@people.arguments(NoteInputSchema, example={"body": "Kind in person."})
@people.response(201, NoteSchema, example=NOTE)
def post_note(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Note something of a person for colleagues."""
    note = add_note(site, find_person(site, user_id), given["body"], author=signed_in())
    db.session.commit()
    return _note(note_on(site, note.id))


@people.route("/sites/<site_key:site_key>/notes/<row_id:note_id>", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("changeNote")
@on_site(Permission.REVIEW)
@people.arguments(NoteInputSchema, example={"body": "Kind, in person."})
@people.response(200, NoteSchema, example=NOTE)
def patch_note(given: dict[str, Any], site: Site, note_id: int) -> Any:
    """Say one's own note differently."""
    note = note_on(site, note_id)
    edit_note(note, given["body"], author=signed_in())
    db.session.commit()
    return _note(note)


@people.route("/sites/<site_key:site_key>/notes/<row_id:note_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("deleteNote")
@on_site(Permission.REVIEW)
@people.response(204)
def remove_note(site: Site, note_id: int) -> Response:
    """Take one's own note back for good."""
    delete_note(note_on(site, note_id), author=signed_in())
    db.session.commit()
    return no_content()


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/sweeps", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("startSweep", errors=(409,))
@on_site(Permission.REVIEW)
@people.arguments(SweepInputSchema, example={"reason": "spam", "note": "Links under every article."})
@people.response(202, SweepSchema)
def post_sweep(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Reject all that a person has published or waiting on the site, in one step that can be taken back.

    The first few at once, the rest by the worker: ask for the sweep to see how far it is.
    """
    sweep = start_sweep(site, find_person(site, user_id), actor=signed_in(), reason=Reason(given["reason"]), note=given["note"])
    db.session.commit()
    advance(sweep.id)
    return _sweep(sweep_on(site, sweep.id))


@people.route("/sites/<site_key:site_key>/sweeps/<row_id:sweep_id>")
@limited("LIMIT_READ")
@operation("getSweep")
@on_site(Permission.REVIEW)
@people.arguments(NoQuery, location="query")
@people.response(200, SweepSchema)
def get_sweep(_given: dict[str, Any], site: Site, sweep_id: int) -> Any:
    """How far a sweep is, or its undo."""
    return _sweep(sweep_on(site, sweep_id))


@people.route("/sites/<site_key:site_key>/sweeps/<row_id:sweep_id>/undo", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("undoSweep", errors=(409,))
@on_site(Permission.REVIEW)
@people.response(202, SweepSchema)
def post_sweep_undo(site: Site, sweep_id: int) -> Any:
    """Give every comment of a sweep the status it had; what somebody decided since stays."""
    undo_sweep(sweep_on(site, sweep_id), actor=signed_in())
    db.session.commit()
    advance(sweep_id)
    return _sweep(sweep_on(site, sweep_id))


@people.route("/sites/<site_key:site_key>/people/<row_id:user_id>/merge", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("mergeAccounts", errors=(409,))
@on_site(Permission.MANAGE_ROLES)
@people.arguments(MergeInputSchema, example={"other_id": "8", "typed_name": "Ada B."})
@people.response(200, MergedSchema, example={"kept": {"id": "7", "name": "Ada Byron"}, "merged": {"id": "8", "name": "Ada B."}, "comments": 12, "votes": 30, "votes_dropped": 1})
def post_merge(given: dict[str, Any], site: Site, user_id: int) -> Any:
    """Give all of another account of the same person to this one, and close that. It cannot be taken back.

    For admins of every site of the installation.
    """
    kept, other = find_person(site, user_id), find_person(site, given["other_id"])
    done = merge_accounts(kept, other, actor=signed_in(), typed_name=given["typed_name"])
    db.session.commit()
    return {
        "kept": person_values(kept), "merged": person_values(other), "comments": done.comments, "votes": done.votes,
        "votes_dropped": done.votes_dropped,
    }


@people.route("/me/sanctions")
@limited("LIMIT_READ")
@operation("listMySanctions")
@for_user()
@people.arguments(NoQuery, location="query")
@people.response(200, OwnSanctionsSchema)
def my_sanctions(_given: dict[str, Any], user: User) -> Any:
    """What was ever imposed on you, why, and whether it still holds."""
    return {"sanctions": _own(sanctions_shown_to(user.id))}


@people.route("/me/sanctions/<row_id:sanction_id>/read", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("readSanction", errors=(404, 409))
@for_user(person=True)
@people.response(204)
def read_sanction(sanction_id: int, user: User) -> Response:
    """Say that you have read a warning, or that a sanction is over. After a warning you can post again."""
    acknowledge(own_sanction(user, sanction_id), user)
    db.session.commit()
    return no_content()


def _said(site: Site, user: User) -> dict[str, Any]:
    """What she says about herself, and the site of her; two statements."""
    there = user.guest_since is None and user.erased_at is None
    return {"profile": public_id(site.id, user.id) if there else None, "badges": _badges(site, user), "bio": _bio(user)}


def _badges(site: Site, user: User) -> dict[str, Any]:
    row = db.session.get(SiteBadge, (site.id, user.id))
    return {
        "expert": row.expert if row else None, "member": row is not None and row.member,
        "expert_by_token": row is not None and row.expert_via is not None, "member_by_token": row is not None and row.member_via is not None,
    }


def _bio(user: User) -> dict[str, Any]:
    profile = profile_of(user.id)
    return {
        "shown": profile.bio, "offered": profile.offered, "state": profile.state, "number": profile.number, "reason": profile.reason, "findings": profile.findings or [],
    }


def _addresses(site: Site) -> bool:
    return allowed(reader(), Permission.MANAGE_ROLES, site.id)


def _loaded(site: Site, sanction_id: int) -> Sanction:
    db.session.expire_all()
    return sanction_on(site, sanction_id)


def _person(site: Site, row: PersonRow) -> dict[str, Any]:
    user = row.user
    return {
        "id": user.id, "name": user.display_name, "email": (user.email if _addresses(site) else masked(user.email)) or None,
        "created_at": user.created_at, "record": row.record, "level": row.level.value,
        "sanctions": [_sanction(s, user) for s in row.sanctions],
    }


def _sanction(s: Sanction, user: User) -> dict[str, Any]:
    return {
        "id": s.id, "person": person_values(user), "kind": s.kind, "all_sites": s.site_id is None, "reason": s.reason,
        "message": s.message, "note": s.note, "actor": person_values(s.actor), "rule": s.rule,
        "starts_at": s.starts_at, "ends_at": s.ends_at, "ended_at": s.ended_at,
        "ended_by": person_values(s.ended_by), "end_note": s.end_note, "holds": s.active(utcnow()), "refused": s.refused,
    }


def _note(note: PersonNote) -> dict[str, Any]:
    return {
        "id": note.id, "person_id": note.user_id, "author": person_values(note.author), "body": note.body,
        "created_at": note.created_at, "edited_at": note.edited_at,
    }


def _sweep(sweep: Sweep) -> dict[str, Any]:
    return {
        "id": sweep.id, "person_id": sweep.user_id, "state": sweep.state, "actor": person_values(sweep.actor),
        "undone_by": person_values(sweep.undone_by), "reason": sweep.reason, "note": sweep.note, "total": sweep.total,
        "seen": sweep.seen, "rejected": sweep.rejected, "restored": sweep.restored, "stood": sweep.stood,
        "created_at": sweep.created_at, "finished_at": sweep.finished_at,
    }


def _event(event: Event) -> dict[str, Any]:
    o = event.of
    values: dict[str, Any] = {"at": event.at, "kind": event.kind.value, "id": o.id, "comment_id": None, "actor": None, "reason": None}
    if event.kind == Kind.COMMENT:
        return values | {"comment_id": o.id, "text": o.body, "what": o.status}
    if event.kind == Kind.DECISION:
        return values | {
            "comment_id": o.comment_id, "actor": person_values(o.actor), "text": o.note, "what": o.to_status, "reason": o.reason,
        }
    if event.kind == Kind.NOTE:
        return values | {"actor": person_values(o.author), "text": o.body, "what": "note"}
    if event.kind == Kind.SANCTION:
        return values | {"actor": person_values(o.actor), "text": o.note, "what": o.kind, "reason": o.reason}
    return values | {"actor": person_values(o.ended_by), "text": o.end_note, "what": o.kind, "reason": o.reason}


def _own(sanctions: Sequence[Sanction]) -> list[dict[str, Any]]:
    ids = {s.site_id for s in sanctions if s.site_id is not None}
    keys = {site_id: key for site_id, key in db.session.execute(select(Site.id, Site.key).where(Site.id.in_(ids)))} if ids else {}  # noqa: C416 - rows
    now = utcnow()
    return [
        own_values(s) | {
            "id": s.id, "site_key": keys.get(s.site_id) if s.site_id else None, "since": s.starts_at, "until": s.ends_at,
            "ended_at": s.ended_at, "holds": s.active(now),
        }
        for s in sanctions
    ]
