"""Signing in with an identity provider, linking one, and handing a sign-in to the frame that asked for it."""

from __future__ import annotations

from flask import (
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import (
    account,
    account_limit,
    device,
    redrawn_by,
    wanted_target,
)
from commentsvc.account_pages.settings import draw_settings
from commentsvc.account_pages.signing_in import JOINING, draw_sign_in
from commentsvc.account_pages.targets import local_target
from commentsvc.accounts.external import AccountExists, arrive, link, unlink
from commentsvc.accounts.hand_over import offer, parse_challenge
from commentsvc.accounts.oidc import Identity, begin, expired, finish, provider_of, take_back
from commentsvc.accounts.sessions import admit, end_session, login, require_confirmed
from commentsvc.database import write_intent
from commentsvc.errors import CommentsvcError, Invalid, NotFound, SecondFactorNeeded
from commentsvc.extensions import db, limiter
from commentsvc.i18n import gettext
from commentsvc.sites.models import Article
from commentsvc.web import reader, row_id, signed_in

# In the cookie: states of sign-ins that this browser began. One that it does not know is another's.
BEGUN = "external"
MOST_BEGUN = 5
# These write although they are GETs: one begins at a link, the other is where a provider sends the browser.
begin_limit = limiter.shared_limit(lambda: current_app.config["SETTINGS"].LIMIT_ACCOUNT, scope="account")


def _will_write() -> None:
    db.session.rollback()  # SQLite cannot turn a read into a write
    write_intent.set(True)


def _remember(state: str) -> None:
    session[BEGUN] = [*session.get(BEGUN, ())[1 - MOST_BEGUN:], state]


@account.get("/external/<key>")
@begin_limit
def external_sign_in(key: str) -> Response:
    """On to the provider."""
    provider, target = provider_of(key), local_target(wanted_target())
    _will_write()
    try:
        address, state = begin(provider, target=target)
    except CommentsvcError as error:
        return _again(error, target)
    db.session.commit()
    _remember(state)
    return redirect(address)


@account.post("/external/<key>/link")
@redrawn_by(draw_settings)
@account_limit
def external_link(key: str) -> str:
    """On to the provider, to link it: by a page, for the form's policy lets no redirect leave this service."""
    user, provider = signed_in(), provider_of(key)
    if user.password_hash:
        require_confirmed(user)
    address, state = begin(provider, target=url_for("account.settings", _anchor="ways"), user=user)
    db.session.commit()
    _remember(state)
    return render_template("account/external.html", provider=provider, address=address)


@account.get("/external/callback")
@begin_limit
def external_callback() -> Response:
    """Back from the provider: whoever it is, signed in or linked."""
    _will_write()
    state = request.args.get("state", "")
    states = session.get(BEGUN, [])
    if not state or state not in states:
        return _again(expired(), "")
    session[BEGUN] = [other for other in states if other != state]
    target = ""
    try:
        begun = take_back(state)
        target, provider = begun.next, provider_of(begun.provider)
        if "error" in request.args:
            raise Invalid("You did not sign in with %(name)s. Try again, or sign in another way.", code="sign_in_cancelled", values={"name": provider.name})
        identity = finish(provider, begun, request.args.get("code", ""), issuer=request.args.get("iss", ""))
        if begun.user_id is not None:
            return _linked(begun.user_id, identity, provider.name)
        user, made = arrive(identity)
        token = admit(user, device=device())
    except AccountExists as error:
        db.session.rollback()
        known = error.identity
        session[JOINING] = {"issuer": known.issuer, "subject": known.subject, "email": known.email}
        return _again(error, target)
    except SecondFactorNeeded:
        g.wanted_target = target
        raise
    except CommentsvcError as error:
        return _again(error, target)
    before = session.get("_user_id", "")
    end_session(before)
    db.session.commit()
    login(user, token)
    if made and not target:
        flash(gettext("Welcome, %(name)s. Your account is ready; you can change your name here.", name=user.display_name))
    return redirect(target or url_for("account.settings"), 303)


def _linked(user_id: int, identity: Identity, name: str) -> Response:
    user = reader()
    if user is None or user.id != user_id:  # somebody else is signed in by now
        return _again(expired(), "")
    try:
        link(user, identity)
    except CommentsvcError as error:
        db.session.rollback()
        flash(error.told)
    else:
        db.session.commit()
        flash(gettext("You can sign in with %(name)s from now on.", name=name))
    return redirect(url_for("account.settings", _anchor="ways"), 303)


def _again(error: CommentsvcError, target: str) -> Response:
    """The sign-in form with what went wrong; it leads where this was to lead."""
    db.session.rollback()
    g.form_errors = {"": error.told}
    return make_response(draw_sign_in(next=target), error.status)


@account.post("/external/<int:identity_id>/unlink")
@redrawn_by(draw_settings)
def external_unlink(identity_id: int) -> Response:
    """Sign in that way no longer."""
    unlink(signed_in(), identity_id)
    db.session.commit()
    flash(gettext("You no longer sign in that way."))
    return redirect(url_for("account.settings", _anchor="ways"), 303)


@account.get("/hand-over")
@begin_limit
def hand_over() -> Response:
    """Give the sign-in of this window to the frame that opened it; who is nobody yet signs in first."""
    challenge = parse_challenge(request.args.get("challenge", ""))
    article = _article(request.args.get("article", ""))
    user = reader()
    if user is None:
        here = url_for("account.hand_over", article=article.id, challenge=request.args["challenge"])
        key = request.args.get("provider", "")
        way = url_for("account.external_sign_in", key=key, next=here) if key else url_for("account.sign_in_form", next=here)
        return redirect(way, 303)
    _will_write()
    code = offer(user, challenge)
    db.session.commit()
    return make_response(render_template("account/hand_over.html", code=code, article=article, user=user))


def _article(text: str) -> Article:
    try:
        found = db.session.get(Article, row_id(text), options=[joinedload(Article.site)])
    except ValueError:
        found = None
    if found is None:
        raise NotFound("There is no such article.")
    return found
