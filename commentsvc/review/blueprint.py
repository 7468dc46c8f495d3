"""The console's blueprint: who may enter, what every page of it needs, how errors answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, allowed
from commentsvc.errors import FactorMissing, NotSignedIn
from commentsvc.extensions import csrf, db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.alarms import alarms_of
from commentsvc.moderation.appeals import open_appeals
from commentsvc.moderation.bios import held_bios
from commentsvc.moderation.desk import asked_count
from commentsvc.moderation.models import Decision
from commentsvc.moderation.queue import Queue, queue_counts
from commentsvc.moderation.reasons import words_of_decision
from commentsvc.moderation.statements import in_present_language
from commentsvc.moderation.unscored import in_words
from commentsvc.review.filter_bar import Shelf, shelf_counts, shelves
from commentsvc.review.presenting import crowd_words
from commentsvc.review.script_words import script_words
from commentsvc.review.settings_form import LABELLED
from commentsvc.review.words import (
    DECIDED,
    EDIT_STATES,
    FLAG_NAMES,
    LABEL_NAMES,
    LEVEL_MEANINGS,
    LEVEL_NAMES,
    MARK_WORDS,
    NOTICE_NAMES,
    PASSING_QUEUES,
    QUEUE_NAMES,
    REASON_NAMES,
    ROLE_NAMES,
    SANCTION_NAMES,
    SANCTIONS,
    STATUS_NAMES,
    SYSTEM,
    Words,
    count_words,
    record_words,
    site_words,
)
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Site
from commentsvc.web import (
    SAFE_METHODS,
    form_sent,
    reader,
    require_person,
    signed_in,
    speak_to_reader,
)

review = Blueprint("review", __name__, url_prefix="/review")

SIGN_IN = "/account/sign-in"
# Fields of a form that nobody typed.
UNTYPED = {"csrf_token", "version", "outcome", "queue", "after", "next", "closed", "premoderated", "kind", "days", "note_id", "view", "on", "item", "confirmed", "action", "back", "comment"}


def site_for(site_key: str, permission: Permission = Permission.REVIEW) -> Site:
    """The site of this address, once the person asking may do this there."""
    site = get_site(site_key)
    require_person(permission, site.id)
    return site


def by_htmx() -> bool:
    """Whether a fragment is wanted rather than a page."""
    return request.headers.get("HX-Request") == "true"


def in_background() -> bool:
    """Whether review.js sends a decision while the next card is on show already, and wants data."""
    return request.headers.get("X-Sent") == "background"


def page(template: str, site: Site, /, *, here: str, on_shelf: Sequence[Shelf] | None = None, **context: Any) -> str:
    """A page of the console with its navigation; `here` names the entry that is current, `on_shelf` is what shelves() gave."""
    counts: dict[Queue, int] = queue_counts(site)
    on_shelf = shelves(site) if on_shelf is None else on_shelf
    alarms, waiting = alarms_of(site)
    frame: dict[str, Any] = {
        "site": site, "here": here, "counts": counts, "appeals_waiting": open_appeals(site), "alarms": alarms, "waiting": waiting,
        "factor_due": site.second_factor_from if (person := reader()) is not None and person.second_factor_at is None else None,
    }
    frame |= {"shelves": on_shelf, "shelf_counts": shelf_counts(on_shelf)}
    frame["bios_held"] = held_bios(site)
    frame["asked_of_me"] = asked_count(site.id, signed_in().id)
    if clash := (frame.keys() & context.keys()) - {"site"}:
        raise TypeError(f"What the navigation shows is named {', '.join(sorted(clash))} already.")
    return render_template(f"review/{template}", **frame | context)


def reason_words(site: Site, decision: Decision) -> str:
    """What the site calls a decision's reason, or the console where nobody chose it."""
    return site_words(words_of_decision(site, decision) or "") or REASON_NAMES.get(decision.reason, decision.reason)


def reviewed_site_ids(person: User) -> list[int]:
    """The sites on which the person is a community manager."""
    return [
        grant.site_id for grant in person.roles if Permission.REVIEW in PERMISSIONS[person.role_on(grant.site_id)]
    ]


review.before_request(speak_to_reader)


@review.before_request
def check_origin_of_post() -> None:
    """Every POST here has a cookie's authority: it must carry the token of one of our forms."""
    if request.method not in SAFE_METHODS:
        if reader() is None:
            raise NotSignedIn("You are signed out.")
        csrf.protect()


@review.context_processor
def words() -> dict[str, Any]:
    """What every template of the console may say."""
    person = reader()
    return {
        "QUEUE_NAMES": QUEUE_NAMES, "PASSING_QUEUES": PASSING_QUEUES, "STATUS_NAMES": STATUS_NAMES, "REASON_NAMES": REASON_NAMES, "reason_words": reason_words,
        "FLAG_NAMES": FLAG_NAMES, "NOTICE_NAMES": NOTICE_NAMES, "LABEL_NAMES": LABEL_NAMES, "ROLE_NAMES": ROLE_NAMES,
        "SANCTION_NAMES": SANCTION_NAMES, "SANCTIONS": SANCTIONS, "LEVEL_NAMES": LEVEL_NAMES, "LEVEL_MEANINGS": LEVEL_MEANINGS,
        "DECIDED": DECIDED, "MARK_WORDS": MARK_WORDS, "EDIT_STATES": EDIT_STATES, "SYSTEM": gettext(SYSTEM), "record_words": record_words, "crowd_words": crowd_words, "script_words": script_words, "count_words": count_words, "in_words": in_words, "in_present_language": in_present_language,
        "may": lambda permission, site: allowed(person, Permission(permission), site.id),
        "several_sites": person is not None and len(reviewed_site_ids(person)) > 1,
    }


@review.errorhandler(NotSignedIn)
def to_sign_in(error: NotSignedIn) -> Any:
    """Reading leads to the sign-in and back; writing keeps what was typed on the page."""
    db.session.rollback()
    if request.method not in SAFE_METHODS:
        return _not_saved(error.told, status=401, sign_in=True)
    if by_htmx():
        here = _address(request.headers.get("HX-Current-URL"))
        back = here.path + (f"?{here.query}" if here.query else "") if here.path.startswith("/review/") else "/review/"
        response = Response(status=401)
        response.headers["HX-Redirect"] = f"{SIGN_IN}?{urlencode({'next': back})}"
        return response
    if request.accept_mimetypes.best == "application/json":
        return jsonify(message=error.told), 401
    back = request.full_path if request.query_string else request.path
    return redirect(f"{SIGN_IN}?{urlencode({'next': back})}")


@review.errorhandler(FactorMissing)
def to_second_factor(error: FactorMissing) -> Any:
    """Reading leads to where a second factor is set up, and back; writing keeps what was typed on the page."""
    db.session.rollback()
    here = url_for("account.factors", next=request.path)
    if request.method not in SAFE_METHODS:
        return _not_saved(error.told, status=403, sign_in=False)
    if by_htmx():
        response = Response(status=403)
        response.headers["HX-Redirect"] = here
        return response
    return redirect(here)


@review.errorhandler(CSRFError)
def token_refused(_error: CSRFError) -> Any:
    """A form from before a sign-out, or from another site: nothing is done, nothing typed is lost."""
    db.session.rollback()
    return _not_saved(gettext("This page is from an earlier sign-in."), status=400, sign_in=False)


def _address(text: str | None) -> SplitResult:
    """What a header says of another page, in parts; all empty when it is no address."""
    try:
        return urlsplit(text or "")
    except ValueError:
        return urlsplit("")


TYPED_NAMES = Words({
    "note": N_("Note"), "message": N_("Message"), "text": N_("Text"), "body": N_("Text"), "answer": N_("Answer"), "reason": N_("Reason"), "name": N_("Name"),
    "question": N_("Question"), "phrases": N_("Phrases"), "comment": N_("Why"), "email": N_("E-mail address"), "domain": N_("Domain"),
})


def _field_name(name: str) -> str:
    """What a field of any form of ours is called, beside what was typed into it."""
    return TYPED_NAMES.get(name) or LABELLED.get(name) or gettext("Field “%(name)s”", name=name)


def _not_saved(message: str, *, status: int, sign_in: bool) -> tuple[str, int]:
    # Another site's words do not belong on our page; browsers say where a form comes from.
    ours = request.origin is None or _address(request.origin).netloc == request.host
    typed = [
        (_field_name(name), value)
        for name, value in (form_sent().items(multi=True) if ours else ())
        if name not in UNTYPED and value.strip()
    ]
    came_from = _address(request.referrer)
    # One slash: a path that begins with two is an address on another host.
    where = "/" + came_from.path.lstrip("/\\") if came_from.netloc == request.host else url_for("review.home")
    html = render_template(
        "review/not_saved.html", message=message, typed=typed, back=where,
        sign_in=f"{SIGN_IN}?{urlencode({'next': where})}" if sign_in else None,
    )
    return html, status
