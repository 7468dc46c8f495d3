"""What every surface shares: who is asking, and whether she may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

from flask import Flask, abort, current_app, g, request
from flask_login import current_user
from limits import parse_many
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import HTTPException
from werkzeug.routing import IntegerConverter, ValidationError

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.budgets import budgets
from commentsvc.config import Settings
from commentsvc.database import reads_first, write_intent
from commentsvc.errors import FactorMissing, NotAllowed, NotSignedIn, TooSoon
from commentsvc.extensions import client_network, limiter
from commentsvc.i18n import set_language, supported

View = TypeVar("View", bound=Callable[..., Any])

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


MAX_ROW_ID = 2**63 - 1


def row_id(text: str) -> int:
    """A database id from a query or form; ValueError for what no id can be."""
    # Longer digits than 64 bits have would end as an error of the database driver.
    if not (text.isascii() and text.isdecimal() and len(text) <= 19) or int(text) > MAX_ROW_ID:
        raise ValueError(text[:40])
    return int(text)


class RowIdConverter(IntegerConverter):
    """`<int:…>` in our addresses: a number no database id can be is no address of ours."""

    def to_python(self, value: str) -> int:
        try:
            return row_id(value)
        except ValueError:
            raise ValidationError from None


def settings_of(app: Flask) -> Settings:
    """The application's settings, typed."""
    return cast("Settings", app.config["SETTINGS"])


def reader() -> User | None:
    """The signed-in person or key of this request, None when there is none."""
    return cast("User", current_user._get_current_object()) if current_user.is_authenticated else None  # noqa: SLF001


def signed_in() -> User:
    """The person of this request; NotSignedIn when there is none."""
    user = reader()
    if user is None:
        raise NotSignedIn("Sign in to do this.")
    return user


def speak_to_reader() -> None:
    """Give this request's texts in the reader's own language: as she chose, else as her browser asks, else in English."""
    try:
        user = reader()
    except SQLAlchemyError:  # who it is cannot be read: the page that says so is in her browser's language
        user = None
    set_language((user.language if user else None) or browser_language())


def browser_language() -> str:
    """The one of our languages that the browser likes best; English where it names none of them."""
    for tag in request.accept_languages.values():  # the best liked first
        if found := supported(tag):
            return found
    return "en"


def require(permission: Permission, site_id: int) -> User | None:
    """The person asking (None where readers may), or NotSignedIn or NotAllowed."""
    user = reader()
    if not allowed(user, permission, site_id):
        if user is None:
            raise NotSignedIn("Sign in to do this.")
        if any(grant.site_id == site_id and user.awaits_factor(grant) for grant in user.roles):
            raise FactorMissing("This site asks its staff for a second factor. Set one up on your account page.")
        raise NotAllowed("You may not do this on this site.")
    return user


def require_person(permission: Permission, site_id: int) -> User:
    """As `require`, for what only somebody signed in can do."""
    signed_in()
    return cast("User", require(permission, site_id))


def form_sent() -> MultiDict[str, str]:
    """The form of this request; empty where it cannot be read, for pages that say so."""
    try:
        return request.form
    except HTTPException:  # too large, or too many parts: reading it again says so again
        return MultiDict()


def limit_key() -> str:
    """Whom a rate limit counts: the account where there is one, else the address."""
    try:
        user = reader()
    except SQLAlchemyError:  # who it is cannot be read: the request itself is going to say so
        user = None
    return f"user:{user.id}" if user else f"address:{client_network()}"


def spend(limit: str, scope: str, who: str) -> None:
    """Count one against a limit (Flask-Limiter notation); TooSoon when it is used up.

    For what only some requests of a view do: Flask-Limiter's own decorators count them all.
    """
    if not limiter.enabled:
        return
    for item in parse_many(limit):
        seconds = budgets.spend(item, scope, who)
        if seconds is not None:
            raise TooSoon("That was a little fast. Wait a moment and try again.", retry_after=seconds)


def refuse_nul() -> None:
    """No address of ours has a NUL in it, and PostgreSQL takes none, not even to look for it."""
    if "\x00" in request.path:
        abort(404)


_READS_FIRST: Final = "commentsvc_reads_first"


def reading_first(view: View) -> View:
    """Mark a view that may read before it writes, and calls `begin_writing` between the two.

    SQLite lets others write meanwhile: of 16 posts at once that was 44 % more a second.
    """
    setattr(view, _READS_FIRST, True)
    return view


def declare_intent() -> None:
    """Tell the database layer before the first statement whether this request may write."""
    write_intent.set(request.method not in SAFE_METHODS)
    reads_first.set(hasattr(current_app.view_functions.get(request.endpoint or ""), _READS_FIRST))
    g.pop("csp_nonce", None)
