"""Errors of the widget: beside the form at fault, with everything that was typed."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Response, jsonify, render_template, request
from flask_wtf.csrf import CSRFError, generate_csrf
from werkzeug.exceptions import HTTPException

from commentsvc.comments.models import Comment
from commentsvc.embed.blueprint import by_script, embed, frame
from commentsvc.embed.legal import redrawn
from commentsvc.embed.plain import draw
from commentsvc.embed.view import Asked, View, load_article, message_page, personal, render_public
from commentsvc.errors import CommentsvcError, NotSignedIn, Sanctioned, SecondFactorNeeded, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.sanctions import count_refusal
from commentsvc.sites.models import Article
from commentsvc.web import form_sent, reader, row_id

# What is never sent back to the browser, whatever goes wrong.
SECRETS = frozenset({"password", "csrf_token"})

MESSAGES = {
    404: N_("There is nothing at this address."),
    405: N_("This page cannot do that."),
    413: N_("That is more than this form can take."),
    429: N_("That was a little fast. What you typed is kept: wait a minute and send it again."),
}
CSRF_MESSAGE = N_(
    "Nothing was sent: this page had been open for too long, or your browser refuses our cookies. "
    "What you typed is still here, passwords apart. Send it again."
)


@dataclass(frozen=True)
class Form:
    """Where a view's form stands on the page."""

    where: str  # account, panel, editor or page
    name: str = ""


FORMS = {
    "embed.sign_up": Form("account", "sign-up"), "embed.check_code": Form("account", "code"),
    "embed.resend": Form("account", "code"), "embed.sign_in": Form("account", "sign-in"),
    "embed.factor": Form("account", "factor"), "embed.forgot": Form("account", "forgot"), "embed.guest": Form("account", "guest"), "embed.post_comment": Form("editor"),
    "embed.edit": Form("panel", "edit"), "embed.preview": Form("editor"), "embed.flag": Form("panel", "flag"), "embed.withdraw": Form("panel", "withdraw"),
    "embed.read_told": Form("page"),
    "embed.arrive": Form("page"), "embed.vote": Form("page"), "embed.sign_out": Form("page"), "embed.rewrite": Form("page"), "embed.leave": Form("page"),
    "embed.read_notices": Form("page"), "embed.hide": Form("page"), "embed.follow_here": Form("page"),
}


def typed() -> dict[str, str]:
    """What the form sent, but for secrets."""
    return {name: value for name, value in form_sent().items() if name not in SECRETS}


def account_form(article: Article, asked: Asked, status: int = 200, *, legal: str = "") -> Response:
    """One account form as a fragment for widget.js; `legal`, if given, is what the link to the form for legal notices below it says."""
    html = render_template("embed/account.html", v=View(article=article, site=article.site, asked=asked))
    response = jsonify(html=html, **({"legal": legal} if legal else {}))
    response.status_code = status
    response.headers["Cache-Control"] = "private, no-store"
    return response


@embed.errorhandler(SecondFactorNeeded)
def code_next(error: SecondFactorNeeded) -> Response:
    """The form for the code; its ticket travels in it, as the handle of a sign-up does."""
    article = _article()
    if article is None:
        return _fail(error)
    asked = Asked(account="factor", values=typed() | {"ticket": error.ticket})
    return account_form(article, asked) if by_script() else draw(article, asked)


@embed.errorhandler(CommentsvcError)
def domain_error(error: CommentsvcError) -> Response:
    """The one translation of the domain's errors for readers."""
    return _fail(error)


@embed.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Limits, CSRF and what the framework refuses, in the same shape."""
    code = error.code or 500
    if isinstance(error, CSRFError):
        return _fail(_as_error(code, CSRF_MESSAGE, "csrf"))
    response = _fail(_as_error(code, MESSAGES.get(code, N_("Something went wrong.")), "http"))
    for name, value in error.get_headers():
        if name in {"Retry-After", "Allow"}:
            response.headers[name] = value
    return response


def _as_error(status: int, message: str, code: str) -> CommentsvcError:
    error = CommentsvcError(message, code=code)
    error.status = status
    return error


def _fail(error: CommentsvcError) -> Response:
    db.session.rollback()
    if isinstance(error, Sanctioned):
        count_refusal(error.sanction_id)
        db.session.commit()
    response = _json(error) if by_script() else _page(error)
    if isinstance(error, TooSoon):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _json(error: CommentsvcError) -> Response:
    data: dict[str, object] = {"message": error.told, "code": error.code, "field": error.field}
    if isinstance(error, Sanctioned) and error.code == "warned" and (article := _article()) is not None:
        mine = personal(article, reader())  # the message itself, with the button that says it is read
        data["told"] = render_public("embed/told.html", v=View(article=article, site=article.site, me=mine))
    if error.code == "csrf":
        data["csrf"] = generate_csrf()  # widget.js sends the form once more with it
    form = FORMS.get(request.endpoint or "")
    article = _article() if form and form.where == "account" else None
    if form and article:
        asked = Asked(account=form.name, values=typed(), error=error, where="account")
        html = render_template("embed/account.html", v=View(article=article, site=article.site, asked=asked))
        data["html"] = html
    response = jsonify(error=data)
    response.status_code = error.status
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _page(error: CommentsvcError) -> Response:
    if request.endpoint == "embed.legal_notice" and request.method == "POST" and (drawn := redrawn(error)) is not None:
        return drawn
    form = FORMS.get(request.endpoint or "")
    article = _article() if form else None
    if form is None or article is None:
        return frame(Response(message_page(error.told), error.status), None)
    values = typed()
    asked = Asked(account=form.name if form.where == "account" else "", values=values, error=error, where=form.where)
    target = values.get("parent_id", "") if form.where == "editor" else str((request.view_args or {}).get("comment_id", ""))
    if target.isascii() and target.isdecimal() and len(target) < 19:
        panel = "reply" if form.where == "editor" else form.name
        asked = Asked(asked.account, panel, int(target), values, error, asked.where)
    if isinstance(error, NotSignedIn) and reader() is None:
        asked = Asked("sign-up", asked.panel, asked.target, values, None, notice=(
            gettext("Sign up or sign in to post. Your text is kept below the form.")
            if form.where == "editor" else gettext("Sign up or sign in to do this.")
        ))
    return draw(article, asked, status=error.status)


def _article() -> Article | None:
    """The article the request is about, whichever way it names it."""
    args = request.view_args or {}
    if "article_id" in args:
        return load_article(args["article_id"])
    if "sanction_id" in args:
        try:
            return load_article(row_id(form_sent().get("article", "")))
        except ValueError:
            return None
    comment = db.session.get(Comment, args["comment_id"]) if "comment_id" in args else None
    return load_article(comment.article_id) if comment else None
