"""Notes of community managers on a person: for their colleagues on the site, never for her."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.errors import Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.people_models import PersonNote
from commentsvc.sites.models import Site

BODY_LENGTH = 5000


def add_note(site: Site, user: User, body: str, *, author: User) -> PersonNote:
    """Note something of a person; flushes."""
    note = PersonNote(site_id=site.id, user_id=user.id, author_id=author.id, body=_body(body), created_at=utcnow())
    db.session.add(note)
    db.session.flush()
    _record(note, author, "note.added")
    return note


def edit_note(note: PersonNote, body: str, *, author: User) -> None:
    """Say it differently; only its own author may. Flushes."""
    _own(note, author)
    body = _body(body)
    if body != note.body:
        note.body, note.edited_at = body, utcnow()
        _record(note, author, "note.changed")
        db.session.flush()


def delete_note(note: PersonNote, *, author: User) -> None:
    """Take a note back for good; only its own author may. Flushes."""
    _own(note, author)
    db.session.delete(note)
    _record(note, author, "note.deleted")
    db.session.flush()


def note_on(site: Site, note_id: int) -> PersonNote:
    """The note with its author; NotFound when it is none of this site."""
    note = db.session.scalar(
        select(PersonNote).where(PersonNote.id == note_id, PersonNote.site_id == site.id).options(joinedload(PersonNote.author))
    )
    if note is None:
        raise NotFound("There is no such note on this site.")
    return note


def notes_on(site: Site, user_id: int) -> Sequence[PersonNote]:
    """The site's notes on a person, latest first, with their authors."""
    return db.session.scalars(
        select(PersonNote)
        .where(PersonNote.user_id == user_id, PersonNote.site_id == site.id)
        .order_by(PersonNote.id.desc()).options(joinedload(PersonNote.author)).limit(100)
    ).all()


def _record(note: PersonNote, author: User, action: str) -> None:
    record(author, action, site_id=note.site_id, subject=f"user:{note.user_id}", note=note.id)


def _own(note: PersonNote, author: User) -> None:
    if note.author_id != author.id:
        raise NotAllowed("Only whoever wrote a note can change it.", code="not_yours")


def _body(body: str) -> str:
    body = body.replace("\x00", "").replace("\r\n", "\n").strip()
    if not body:
        raise Invalid("Write something first.", field="body")
    if len(body) > BODY_LENGTH:
        raise Invalid("This is %(over)s characters too long; the limit is %(most)s.", field="body", values={"over": len(body) - BODY_LENGTH, "most": BODY_LENGTH})
    return body
