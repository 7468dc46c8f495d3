"""Sanctions: imposed and ended by people, ending by themselves, in the transaction of whoever calls.

Whether somebody is sanctioned is asked of the rows and of the time, so nothing has to run for a
suspension to end. What she is told then is a mail that was queued when it began, due when it ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, allowed
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.delivery.email import put_off, queue_mail, recall_mail
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound, Sanctioned
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, point_in_time
from commentsvc.moderation.models import REJECT_REASONS, Reason, Statement
from commentsvc.moderation.people_models import Rule, Sanction, SanctionKind
from commentsvc.moderation.statements import (
    end_with_sanction,
    home_of,
    mail_link,
    state_sanction,
    statement_of_sanction,
)
from commentsvc.sites.models import Site

MESSAGE_LENGTH = 2000
NOTE_LENGTH = 2000
# Longer than that is a ban, and should say so.
SUSPEND_MOST = dt.timedelta(days=366)
# Nobody is left talking to herself for longer; then she is told.
SHADOW_MOST = dt.timedelta(days=30)
# How long a person finds on her visits that a sanction is over, unless she has said that she read it.
TOLD_FOR = dt.timedelta(days=30)

K = SanctionKind
BLOCKING = (K.BAN, K.SUSPEND)  # posts, votes and flags; the heaviest first
TIMED = {K.SUSPEND: SUSPEND_MOST, K.SHADOW: SHADOW_MOST}  # kinds that need an end, at most so far away


def impose(
    user: User, kind: SanctionKind, *, actor: User | None, site: Site | None, reason: Reason, message: str = "",
    note: str = "", ends_at: dt.datetime | None = None, rule: Rule | None = None,
) -> Sanction:
    """Impose a sanction on a person, on a site or (None) on all; she is told by mail. Flushes.

    `actor` is None where a `rule` did it. Whoever calls has asked whether she may act on the site; for all
    sites this asks, since it takes an admin of each. NotAllowed on oneself and on staff, Invalid where
    a field does not fit, Conflict where such a sanction holds already: of two who act at once the
    second learns what the first did.
    """
    if actor is not None and actor.id == user.id:
        raise NotAllowed("You cannot sanction yourself.", code="yourself")
    if site is None and (actor is None or not admin_of_all(actor)):
        raise NotAllowed("Only somebody who is admin of every site can sanction on all of them.", code="not_all_sites")
    if _is_staff(user, site):
        raise NotAllowed("This person reviews comments here. Take that role from her first.", code="staff")
    if reason not in REJECT_REASONS:
        raise Invalid("Choose a reason: the person is told.", field="reason")
    message, note = _text(message, "message", MESSAGE_LENGTH), _text(note, "note", NOTE_LENGTH)
    if kind == K.WARN and not message:
        raise Invalid("Write what she should read.", field="message")
    if rule is None:  # a rule acts under an article's lock, which a post takes after the person's
        lock_person(user.id)
    now = utcnow()
    ends_at = _end_of(kind, ends_at, now)
    _refuse_double(user, kind, site, now)
    sanction = Sanction(
        site_id=site.id if site else None, user_id=user.id, kind=kind.value, reason=reason.value, note=note, message=message,
        rule=rule.value if rule else None, starts_at=now, ends_at=ends_at, actor_id=actor.id if actor else None, created_at=now,
    )
    db.session.add(sanction)
    db.session.flush()
    if actor is not None:
        record(
            actor, "sanction.imposed", site_id=sanction.site_id, subject=f"user:{user.id}", sanction=sanction.id, kind=kind.value,
            reason=reason.value, until=ends_at.isoformat() if ends_at else None,
        )
    _tell(sanction, user, site, state_sanction(sanction, site))
    return sanction


def end(sanction: Sanction, *, actor: User, note: str = "") -> Sanction:
    """End a sanction before its time; the person is told. Flushes.

    Conflict when it is over already. One on all sites is ended by whoever could impose it.
    """
    if sanction.site_id is None and not admin_of_all(actor):
        raise NotAllowed("Only somebody who is admin of every site can end this one.", code="not_all_sites")
    note = _text(note, "note", NOTE_LENGTH)
    now = utcnow()
    if not _close(sanction, actor.id, now, note):
        raise Conflict("This sanction is over already.", code="already_ended", current=current(sanction))
    record(actor, "sanction.ended", site_id=sanction.site_id, subject=f"user:{sanction.user_id}", sanction=sanction.id, kind=sanction.kind)
    if sanction.end_mail_id is not None:  # it would come late, and say what is not so
        mail_id, sanction.end_mail_id = sanction.end_mail_id, None
        db.session.flush()
        db.session.execute(delete(Mail).where(Mail.id == mail_id, Mail.sent_at.is_(None)))
    end_with_sanction(sanction)
    user = db.session.get_one(User, sanction.user_id)
    if sanction.kind != K.WARN:
        sanction.end_mail_id = _mail_end(sanction, user, _site_of(sanction), due=None)
    db.session.flush()
    return sanction


def resume(sanction: Sanction) -> None:
    """Take back that a sanction was ended: until its own end it holds as before. Flushes.

    Conflict where another of its kind holds by now. What the person is told of it is its caller's to say.
    """
    user, site, now = db.session.get_one(User, sanction.user_id), _site_of(sanction), utcnow()
    lock_person(user.id)
    _refuse_double(user, SanctionKind(sanction.kind), site, now)
    mail_id, sanction.end_mail_id = sanction.end_mail_id, None
    sanction.ended_at = sanction.ended_by_id = None
    sanction.end_note = ""
    db.session.flush()
    recall_mail(mail_id)
    if sanction.ends_at is not None and sanction.ends_at > now:
        sanction.end_mail_id = _mail_end(sanction, user, site, due=sanction.ends_at)
        db.session.flush()


def acknowledge(sanction: Sanction, user: User) -> None:
    """The person has read a warning, or that a sanction is over; a second time changes nothing. Flushes."""
    if sanction.user_id != user.id:
        raise NotAllowed("This was not written to you.", code="not_yours")
    now = utcnow()
    if sanction.kind == K.WARN:
        _close(sanction, user.id, now, "")
    elif sanction.active(now):
        raise Conflict("This is not over yet.", code="not_over")
    if sanction.seen_at is None:
        sanction.seen_at = now
    db.session.flush()


def holds(user_id: Any, site_id: Any, now: Any) -> ColumnElement[bool]:
    """Which sanctions hold for this person on this site at that time; values or parameters."""
    return and_(in_force(now), Sanction.user_id == user_id, or_(Sanction.site_id == site_id, Sanction.site_id.is_(None)))


def in_force(now: Any) -> ColumnElement[bool]:
    """Which sanctions hold at that time.

    Nothing is asked of `starts_at`: a sanction holds from when it is there, whatever another node's clock says.
    """
    return Sanction.ended_at.is_(None) & or_(Sanction.ends_at.is_(None), Sanction.ends_at > now)


def active(user_id: int, site_id: int) -> Sequence[Sanction]:
    """The sanctions that hold for this person on this site now, oldest first; one statement."""
    return db.session.scalars(select(Sanction).where(holds(user_id, site_id, utcnow())).order_by(Sanction.id)).all()


def sanctions_in_force(keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], list[Sanction]]:
    """What holds now, by (site, person), with who imposed it; one statement."""
    found: dict[tuple[int, int], list[Sanction]] = {}
    if not keys:
        return found
    sites, users = {site for site, _ in keys}, {user for _, user in keys}
    for sanction in db.session.scalars(
        select(Sanction)
        .where(Sanction.user_id.in_(users), or_(Sanction.site_id.in_(sites), Sanction.site_id.is_(None)), in_force(utcnow()))
        .order_by(Sanction.id).options(joinedload(Sanction.actor), joinedload(Sanction.ended_by))
    ):
        for site_id in sites if sanction.site_id is None else {sanction.site_id}:
            found.setdefault((site_id, sanction.user_id), []).append(sanction)
    return found


def check(user: User, site_id: int) -> None:
    """Sanctioned where the person may not vote or flag here; one statement."""
    refuse(active(user.id, site_id), (*BLOCKING,))


def refuse(sanctions: Sequence[Sanction], kinds: Sequence[SanctionKind]) -> None:
    """Sanctioned for the first of these kinds, in their order, that is among the sanctions."""
    for kind in kinds:
        for sanction in sanctions:
            if sanction.kind == kind:
                raise refusal(sanction)


# On this site and on all, each without an end and until one.
REFUSED = (
    N_("You cannot post, vote or flag on this site any more. Reason: %(reason)s."),
    N_("You cannot post, vote or flag on this site until %(until)s. Reason: %(reason)s."),
    N_("You cannot post, vote or flag on any site of this service any more. Reason: %(reason)s."),
    N_("You cannot post, vote or flag on any site of this service until %(until)s. Reason: %(reason)s."),
)


def refusal(sanction: Sanction) -> Sanctioned:
    """What a person is told who may not do something: why, and until when."""
    facts: dict[str, Any] = {"sanction_id": sanction.id, "sanction": own_values(sanction)}
    if sanction.kind == K.WARN:
        return Sanctioned("A community manager has written to you. Read it and say so; then you can post again.", code="warned", **facts)
    message = REFUSED[2 * (sanction.site_id is None) + (sanction.ends_at is not None)]
    facts["values"] = {"until": in_words(sanction.ends_at) if sanction.ends_at else "", "reason": gettext(REJECT_REASONS[Reason(sanction.reason)])}
    if sanction.kind == K.SUSPEND:
        return Sanctioned(message, code="suspended", **facts)
    return Sanctioned(message, code="banned", **facts)


def own_values(sanction: Sanction) -> dict[str, Any]:
    """What the person herself may know of a sanction."""
    return {
        "id": str(sanction.id), "kind": sanction.kind, "reason": sanction.reason,
        "reason_text": REJECT_REASONS[Reason(sanction.reason)], "message": sanction.message,
        "all_sites": sanction.site_id is None, "automated": sanction.rule is not None,
        "since": sanction.starts_at.isoformat(), "until": sanction.ends_at.isoformat() if sanction.ends_at else None,
    }


def count_refusal(sanction_id: int) -> None:
    """Note that a sanction turned something away; in a transaction of its own, after that of the refused. Flushes."""
    db.session.execute(
        update(Sanction).where(Sanction.id == sanction_id).values(refused=Sanction.refused + 1)
        .execution_options(synchronize_session=False)
    )


def told_to(user_id: int, site_id: int) -> Sequence[Sanction]:
    """What the person should read on a visit here: what holds, and what is over and she has not said she knows.

    A shadow shows only once it is over. One statement.
    """
    now = utcnow()
    over = or_(Sanction.ended_at > now - TOLD_FOR, (Sanction.ends_at > now - TOLD_FOR) & (Sanction.ends_at <= now))
    found = db.session.scalars(
        select(Sanction)
        .where(
            Sanction.user_id == user_id, or_(Sanction.site_id == site_id, Sanction.site_id.is_(None)),
            or_(in_force(now) & (Sanction.kind != K.SHADOW.value), over & Sanction.seen_at.is_(None) & (Sanction.kind != K.WARN.value)),
        )
        .order_by(Sanction.id.desc()).limit(5)
    ).all()
    return list(found)


def shadowed(comments: Sequence[Comment]) -> set[int]:
    """Which of one author's comments on a site she is shown as published although they are held; one statement at most.

    Only while the shadow lasts. Once she has been told of it, what still waits says that it waits.
    """
    hidden = [c for c in comments if c.status == Status.HELD and c.hold_for == K.SHADOW]
    if not hidden or not in_shadow(hidden[0].author_id, hidden[0].site_id):
        return set()
    return {c.id for c in hidden}


def in_shadow(user_id: int, site_id: int) -> bool:
    """Whether a shadow on the person holds; one statement."""
    return any(s.kind == K.SHADOW for s in active(user_id, site_id))


def sanctions_shown_to(user_id: int) -> Sequence[Sanction]:
    """All that was ever imposed on a person, on any site, latest first, as she may see it: no shadow that still holds."""
    now = utcnow()
    found = db.session.scalars(
        select(Sanction).where(Sanction.user_id == user_id).order_by(Sanction.id.desc()).limit(200)
    ).all()
    return [s for s in found if s.kind != K.SHADOW or not s.active(now)]


def own_sanction(user: User, sanction_id: int) -> Sanction:
    """A sanction on the person herself that she may see; NotFound for any other."""
    sanction = db.session.get(Sanction, sanction_id)
    if sanction is None or sanction.user_id != user.id or (sanction.kind == K.SHADOW and sanction.active(utcnow())):
        raise NotFound("Nothing like that was written to you.")
    return sanction


def admin_of_all(user: User) -> bool:
    """Whether the person (or her key) manages the roles of every site of the installation."""
    sites = db.session.scalars(select(Site.id)).all()
    return bool(sites) and all(allowed(user, Permission.MANAGE_ROLES, site_id) for site_id in sites)


def lock_person(user_id: int) -> None:
    """Take what concerns a person in turn: a post of hers that is on its way, and what others decide about her."""
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def in_words(moment: dt.datetime) -> str:
    """A time in UTC as people read it."""
    return point_in_time(moment)


# What is told of one that holds: without an end, until a moment, and both again for all sites of the service.
TOLD: dict[str, tuple[str, str, str, str]] = {
    K.SUSPEND: (
        N_("You cannot post, vote or flag."), N_("Until %(until)s, you cannot post, vote or flag."),
        N_("You cannot post, vote or flag on all sites of this service."), N_("Until %(until)s, you cannot post, vote or flag on all sites of this service."),
    ),
    K.ALWAYS_REVIEW: (
        N_("You can post, and a community manager reads each comment before it appears."),
        N_("Until %(until)s, you can post, and a community manager reads each comment before it appears."),
        N_("You can post on all sites of this service, and a community manager reads each comment before it appears."),
        N_("Until %(until)s, you can post on all sites of this service, and a community manager reads each comment before it appears."),
    ),
}
TOLD[K.BAN] = TOLD[K.SUSPEND]
# These two say no end: one holds until it is read, of the other she is told when it is over.
TOLD[K.WARN] = (N_("You cannot post before you have read this message."),) * 4
TOLD[K.SHADOW] = (N_("You could post, and others saw your comments only after a community manager had read them."),) * 4
# The same in a mail, which names the site.
MAILED: dict[str, tuple[str, str, str, str]] = {
    K.WARN: (
        N_("A community manager of %(site)s has written to you."),
        N_("A community manager of %(site)s has written to you."),
        N_("The community managers of this service have written to you."),
        N_("The community managers of this service have written to you."),
    ),
    K.SUSPEND: (
        N_("From now on, you cannot post, vote or flag on %(site)s."), N_("Until %(until)s, you cannot post, vote or flag on %(site)s."), *TOLD[K.SUSPEND][2:],
    ),
    K.ALWAYS_REVIEW: (
        N_("From now on, you can post on %(site)s, and a community manager reads each comment before it appears."),
        N_("Until %(until)s, you can post on %(site)s, and a community manager reads each comment before it appears."), *TOLD[K.ALWAYS_REVIEW][2:],
    ),
}
MAILED[K.BAN] = MAILED[K.SUSPEND]
# And when it is over: on a site, and on all of the service.
OVER: dict[str, tuple[str, str]] = {
    K.SUSPEND: (
        N_("You can post, vote and flag on %(site)s again. Your suspension since %(since)s is over."),
        N_("You can post, vote and flag again on all sites of this service. Your suspension since %(since)s is over."),
    ),
    K.BAN: (
        N_("You can post, vote and flag on %(site)s again. Your ban since %(since)s is over."),
        N_("You can post, vote and flag again on all sites of this service. Your ban since %(since)s is over."),
    ),
    K.ALWAYS_REVIEW: (
        N_("Your comments on %(site)s are no longer read by a community manager before they appear."),
        N_("Your comments are no longer read by a community manager before they appear, on any site of this service."),
    ),
    K.SHADOW: (
        N_("From %(since)s until now you could post on %(site)s, and others saw your comments only after a community manager had read them."),
        N_("From %(since)s until now you could post on all sites of this service, and others saw your comments only after a community manager had read them."),
    ),
}
OVER_SUBJECT = (N_("You can take part again on %(site)s"), N_("You can take part again on all sites of this service"))
SUBJECTS: dict[str, tuple[str, str]] = {
    K.WARN: (N_("A message from the community managers of %(site)s"), N_("A message from the community managers of this service")),
    K.SUSPEND: (N_("Your account is suspended on %(site)s"), N_("Your account is suspended on all sites of this service")),
    K.BAN: (N_("Your account is banned on %(site)s"), N_("Your account is banned on all sites of this service")),
    K.ALWAYS_REVIEW: (
        N_("Your comments are read before they appear on %(site)s"), N_("Your comments are read before they appear on all sites of this service"),
    ),
}


def told_in_one(sanction: Sanction) -> str:
    """What a sanction that holds means for the person, in one sentence of the present language."""
    return _form(TOLD, sanction)


def _form(forms: Mapping[str, tuple[str, str, str, str]], sanction: Sanction, site: Site | None = None) -> str:
    until = sanction.ends_at
    form = forms[sanction.kind][2 * (sanction.site_id is None) + (until is not None)]
    return gettext(form, until=in_words(until) if until else "", site=site.name if site else "")


def current(sanction: Sanction) -> dict[str, object]:
    """What holds, for whoever came second."""
    return {
        "id": str(sanction.id), "kind": sanction.kind, "reason": sanction.reason,
        "until": sanction.ends_at.isoformat() if sanction.ends_at else None,
        "ended_at": sanction.over_at.isoformat() if sanction.over_at else None,
    }


def _is_staff(user: User, site: Site | None) -> bool:
    roles = [user.role_on(grant.site_id) for grant in user.roles if site is None or grant.site_id == site.id]
    return any(Permission.REVIEW in PERMISSIONS[role] for role in roles)


def _text(text: str, field: str, most: int) -> str:
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(text) > most:
        raise Invalid("This is %(over)s characters too long; the limit is %(most)s.", field=field, values={"over": len(text) - most, "most": most})
    return text


def _end_of(kind: SanctionKind, ends_at: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
    if kind in {K.WARN, K.BAN}:
        if ends_at is not None:
            if kind == K.BAN:
                raise Invalid("A ban has no end of its own: suspend instead.", field="ends_at")
            raise Invalid("A warning ends when it is read.", field="ends_at")
        return None
    if ends_at is None:
        if kind in TIMED:
            raise Invalid("Say when it ends.", field="ends_at")
        return None
    if ends_at <= now:
        raise Invalid("This time is over already.", field="ends_at")
    if kind in TIMED and ends_at > now + TIMED[kind]:
        raise Invalid("At most %(days)s days.", field="ends_at", values={"days": TIMED[kind].days})
    return ends_at


# Who comes second is told what the first did: without an end, and until one.
ALREADY: dict[str, tuple[str, str]] = {
    K.WARN: (N_("%(name)s has already warned this person, who has not read it yet. End that first to change it."),) * 2,
    K.SUSPEND: (N_("%(name)s has already suspended this person until %(until)s. End that first to change it."),) * 2,
    K.BAN: (N_("%(name)s has already banned this person. End that first to change it."),) * 2,
    K.ALWAYS_REVIEW: (
        N_("%(name)s has already put this person under review. End that first to change it."),
        N_("%(name)s has already put this person under review until %(until)s. End that first to change it."),
    ),
}
ALREADY[K.SHADOW] = ALREADY[K.ALWAYS_REVIEW]


def _refuse_double(user: User, kind: SanctionKind, site: Site | None, now: dt.datetime) -> None:
    standing = db.session.scalar(
        select(Sanction)
        .where(
            in_force(now), Sanction.user_id == user.id, Sanction.kind == kind.value,
            Sanction.site_id.is_(None) if site is None else or_(Sanction.site_id == site.id, Sanction.site_id.is_(None)),
        )
        .options(joinedload(Sanction.actor)).limit(1)
    )
    if standing is None:
        return
    values = {
        "name": standing.actor.display_name if standing.actor else gettext("A rule of the site"), "until": in_words(standing.ends_at) if standing.ends_at else "",
    }
    raise Conflict(ALREADY[kind][standing.ends_at is not None], code="already_sanctioned", current=current(standing), values=values)


def _close(sanction: Sanction, by_id: int, now: dt.datetime, note: str) -> bool:
    """Whether it was open until now; of two at once one gets a yes."""
    closed = db.session.execute(
        update(Sanction)
        .where(Sanction.id == sanction.id, in_force(now))
        .values(ended_at=now, ended_by_id=by_id, end_note=note)
        .returning(Sanction.id).execution_options(synchronize_session=False)
    ).first()
    db.session.refresh(sanction)
    return closed is not None


def _site_of(sanction: Sanction) -> Site | None:
    return db.session.get_one(Site, sanction.site_id) if sanction.site_id is not None else None


def _tell(sanction: Sanction, user: User, site: Site | None, statement: Statement) -> None:
    """Mail what was imposed, unless that would undo it, and have the mail ready that says it is over."""
    if user.email is None:  # imported: nobody reads it
        return
    if sanction.kind != K.SHADOW:
        with in_language(_language_of(user, site)):
            told = _form(MAILED, sanction, site)
            queue_mail(user.email, _of_place(SUBJECTS[sanction.kind], site), "sanction", told=told, **_words(sanction, user, statement))
    if sanction.ends_at is not None:
        sanction.end_mail_id = _mail_end(sanction, user, site, due=sanction.ends_at)
        db.session.flush()


def _mail_end(sanction: Sanction, user: User, site: Site | None, *, due: dt.datetime | None) -> int | None:
    if user.email is None:
        return None
    told_late = statement_of_sanction(sanction.id) if sanction.kind == K.SHADOW else None
    with in_language(_language_of(user, site)):
        told = _of_place(OVER[sanction.kind], site, since=in_words(sanction.starts_at))
        mail = queue_mail(user.email, _of_place(OVER_SUBJECT, site), "sanction_ended", told=told, **_words(sanction, user, told_late))
    return mail.id if due is None else put_off(mail, due).id


def _language_of(user: User, site: Site | None) -> str:
    """Of a mail about a sanction: what holds on all sites is told in the language of the one where she wrote last."""
    return user.language or (site or home_of(user.id)).language


def _of_place(forms: tuple[str, str], site: Site | None, **values: object) -> str:
    return gettext(forms[site is None], site=site.name if site else "", **values)


def _words(sanction: Sanction, user: User, statement: Statement | None) -> dict[str, Any]:
    return {
        "name": user.display_name, "kind": sanction.kind, "reason": gettext(REJECT_REASONS[Reason(sanction.reason)]),
        "message": sanction.message, "automated": sanction.rule is not None, "until": sanction.ends_at,
        "link": mail_link(statement) if statement is not None else "",
        "appeal_until": in_words(statement.appeal_until) if statement is not None else "",
    }
