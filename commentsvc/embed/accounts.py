"""Signing up and in without leaving the article. The account pages do the same at full length."""

from __future__ import annotations

import hashlib
import json

from flask import jsonify, request, session
from werkzeug.wrappers import Response

from commentsvc.accounts import sessions
from commentsvc.accounts.hand_over import take_over
from commentsvc.accounts.identity import lookup_email
from commentsvc.accounts.models import User
from commentsvc.accounts.registration import resend_code, start_registration, verify_by_code
from commentsvc.accounts.resets import request_reset
from commentsvc.comments.authors import sign_on
from commentsvc.database import write_intent
from commentsvc.embed.answers import account_form, typed
from commentsvc.embed.blueprint import (
    account_limit,
    by_script,
    device,
    embed,
    guest_limit,
    read_limit,
)
from commentsvc.embed.plain import article_or_404, back_to, draw
from commentsvc.embed.view import Asked
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import client_network, db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.guests import leave
from commentsvc.sites.models import Article
from commentsvc.web import reader, row_id

# In the cookie: a hash of the publisher's token that a sign-in came from.
SIGNED_ON = "signed_on"
FORMS = {"sign-up", "sign-in", "forgot", "guest"}
# Why a form opened by itself.
WHY = {
    "vote": N_("Sign up or sign in to vote."),
    "flag": N_("Sign up or sign in to flag a comment."),
    "ended": N_("Your session has ended. Sign in again; what you typed is kept."),
}


@embed.get("/a/<int:article_id>/account/<form>")
def account_fragment(article_id: int, form: str) -> Response:
    """One of the account forms for widget.js, with the CSRF token that goes with it."""
    if form not in FORMS:
        raise NotFound("There is no such form.")
    asked = request.args.get("why", "")
    why = WHY.get(asked)
    notice = gettext(why) if why else ""
    # A legal notice is for whoever is signed out, too.
    legal = gettext("Report illegal content") if asked == "flag" else ""
    return account_form(article_or_404(article_id), Asked(account=form, notice=notice), legal=legal)


@embed.post("/a/<int:article_id>/sign-up")
@account_limit
def sign_up(article_id: int) -> Response:
    """Step one: name, address, password. The answer is step two, whoever has the address."""
    article = article_or_404(article_id)
    rule = article.site.policy.email_rule(lookup_email(request.form.get("email", "")))
    if rule is not None and rule.action == "refuse":  # said now, rather than at her first comment
        raise Invalid("This site takes no comments from accounts with an e-mail address at this domain.", field="email", code="email_domain")
    started = start_registration(
        request.form.get("email", ""), request.form.get("display_name", ""), request.form.get("password", ""),
        return_to=article.url,
    )
    db.session.commit()
    return _next(article, Asked(account="code", values=typed() | {"handle": started.handle, "email": started.email}))


@embed.post("/a/<int:article_id>/code")
@account_limit
def check_code(article_id: int) -> Response:
    """Step two: the six digits from the mail make the account and sign it in."""
    article = article_or_404(article_id)
    user = verify_by_code(request.form.get("handle", ""), request.form.get("code", ""))
    token = sessions.start_session(user, device=device())
    db.session.commit()
    return _welcome(article, user, token)


@embed.post("/a/<int:article_id>/resend")
@account_limit
def resend(article_id: int) -> Response:
    """The mail once more."""
    article = article_or_404(article_id)
    resend_code(request.form.get("handle", ""), return_to=article.url)
    db.session.commit()
    return _next(article, Asked(account="code", values=typed(), notice=gettext("We sent the mail again.")))


@embed.post("/a/<int:article_id>/sign-in")
@account_limit
def sign_in(article_id: int) -> Response:
    """Sign in with address and password."""
    user, token = sessions.sign_in(
        request.form.get("email", ""), request.form.get("password", ""), device=device(), network=client_network()
    )
    db.session.commit()
    return _welcome(article_or_404(article_id), user, token)


@embed.post("/a/<int:article_id>/factor")
@account_limit
def factor(article_id: int) -> Response:
    """Go on with a sign-in whose password was right: a code of the app, or a recovery code."""
    article = article_or_404(article_id)
    user, token = sessions.finish_sign_in(
        request.form.get("ticket", ""), device=device(), network=client_network(), code=request.form.get("code", "")
    )
    db.session.commit()
    return _welcome(article, user, token)


@embed.post("/a/<int:article_id>/forgot")
@account_limit
def forgot(article_id: int) -> Response:
    """Send the mail that leads to a new password; says the same whoever asks."""
    article = article_or_404(article_id)
    request_reset(request.form.get("email", ""))
    db.session.commit()
    return _next(article, Asked(account="sent", values=typed()))


@embed.post("/a/<int:article_id>/sign-out")
def sign_out(article_id: int) -> Response:
    """End this browser's session."""
    sessions.logout()
    db.session.commit()
    return jsonify(say=gettext("You are signed out.")) if by_script() else back_to(article_id)


@embed.post("/a/<int:article_id>/guest")
@account_limit
@guest_limit
def guest(article_id: int) -> Response:
    """What somebody without an account wrote, until she opens the link in her mail."""
    article = article_or_404(article_id)
    form, parent = request.form, request.form.get("parent_id", "")
    if form.get("from") == "sign-up":  # a plain page's other form: what was typed there comes along
        return draw(article, Asked(account="guest", values=typed()))
    try:
        parent_id = row_id(parent) if parent else None
    except ValueError:
        raise NotFound("There is no such comment.") from None
    left = leave(article, form.get("display_name", ""), form.get("email", ""), form.get("body", ""), parent_id)
    db.session.commit()
    asked = Asked(account="guest-sent", values={"email": left.email})
    if not by_script():
        return draw(article, asked)
    answer = account_form(article, asked)
    answer.set_data(json.dumps(answer.get_json() | {"kept": True}))  # the form it came from can be emptied
    return answer


@embed.post("/a/<int:article_id>/hand-over")
@account_limit
def take_hand_over(article_id: int) -> Response:
    """Take over the sign-in of the window that this frame opened."""
    article = article_or_404(article_id)
    user = take_over(request.form.get("code", ""), request.form.get("secret", ""))
    token = sessions.start_session(user, device=device())
    db.session.commit()
    return _welcome(article, user, token)


@embed.route("/a/<int:article_id>/arrive", methods=["GET", "POST"])
@read_limit
@account_limit
def arrive(article_id: int) -> Response:
    """On the plain page as whoever is signed in on the account pages: where a sign-in in a tab of its own ends.

    By POST it is “I have signed in there”, on the page that was left open, with what was typed on it.
    """
    here = _arrive()
    article = article_or_404(article_id)
    if here:
        return _kept(article)
    notice = gettext("You are not signed in yet. What you typed is kept: sign in in the other tab, then press the button again.")
    return draw(article, Asked(account="sign-in", values=typed(), notice=notice if request.method == "POST" else ""))


def _arrive() -> bool:
    user = sessions.person_on_our_pages()
    if user is None:
        return False
    db.session.rollback()  # SQLite cannot turn a read into a write
    write_intent.set(True)
    present = reader()
    if present is None or present.id != user.id:
        token = sessions.start_session(user, device=device())
        db.session.commit()
        sessions.login(user, token)
    return True


@embed.post("/a/<int:article_id>/sso")
@account_limit
def publisher_token(article_id: int) -> Response:
    """A token of the publisher's page: its reader is signed in here too; "" when nobody is signed in there any more."""
    article = article_or_404(article_id)
    token = request.form.get("token", "")
    made_of = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    if not token:
        if session.get(SIGNED_ON):
            sessions.logout()
            db.session.commit()
            return jsonify(say=gettext("You are signed out."))
        return jsonify(say="")
    if session.get(SIGNED_ON) == made_of and reader() is not None:  # the same page once more
        return jsonify(say="")
    user, begun = sign_on(article.site, token, device=device(), network=client_network())
    before = session.get("_user_id")
    if before:
        sessions.end_session(before)
    db.session.commit()
    sessions.login(user, begun)
    session[SIGNED_ON] = made_of
    return jsonify(signed_in=True, say=gettext("You are signed in as %(name)s. What you typed is still here.", name=user.display_name))


def _next(article: Article, asked: Asked) -> Response:
    return account_form(article, asked) if by_script() else draw(article, asked)


def _welcome(article: Article, user: User, token: str) -> Response:
    sessions.login(user, token)
    if by_script():
        return jsonify(signed_in=True, say=gettext("You are signed in as %(name)s. What you typed is still here.", name=user.display_name))
    return _kept(article)


def _kept(article: Article) -> Response:
    """The page as whoever is signed in now, with what she typed before."""
    kept = typed()
    if not kept.get("body"):
        return back_to(article.id)
    # What was typed before signing up stands in the form again; it travels in this answer alone.
    parent = kept.get("parent_id", "")
    asked = Asked(values=kept, notice=gettext("You are signed in and your text is still here. Press Post to send it."))
    if parent.isascii() and parent.isdecimal() and len(parent) < 19:
        asked = Asked(values=kept, notice=asked.notice, panel="reply", target=int(parent))
    return draw(article, asked)
