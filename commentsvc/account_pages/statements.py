"""Decisions about one's own comments: what was decided, why, and appealing against it."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, redrawn_by
from commentsvc.database import utcnow
from commentsvc.errors import NotFound
from commentsvc.extensions import db, limiter
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.appeals import (
    TEXT_LENGTH,
    lodge,
    may_appeal,
    page_of_statements,
    state_of,
    statement_for,
)
from commentsvc.moderation.sanctions import in_words, told_in_one
from commentsvc.moderation.statements import (
    BY_PROGRAM,
    ILLEGAL,
    days_left,
    in_present_language,
    read_mail_token,
    rule_of,
    texts_of_edits,
    told_explanation,
)
from commentsvc.web import limit_key, settings_of, signed_in

PER_PAGE = 20

# What a decision's state is called, and the class of its pill.
STATES = {
    "holds": (N_("It stands"), "bad"), "appealed": (N_("You have appealed"), "careful"), "upheld": (N_("It stands after your appeal"), "bad"),
    "overturned": (N_("Overturned after your appeal"), "good"), "taken_back": (N_("We took it back"), "good"),
    "withdrawn": (N_("You took the comment back"), "quiet"), "over": (N_("It is over"), "quiet"),
}

# What the page of a decision about the account is called.
SANCTION_TITLES = {
    "warn": N_("You were warned"), "suspend": N_("Your account was suspended"), "ban": N_("Your account was banned"),
    "always_review": N_("Your comments are read before they appear"), "shadow": N_("Others saw your comments only after they had been read"),
}

react_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_REACT, key_func=limit_key, methods=["POST"])


def draw_statement(puid: str) -> str:
    """A decision with its reasons, and the form to appeal where that is possible."""
    statement, appeal = statement_for(signed_in(), puid)
    return render_template(
        "account/decision.html", statement=statement, appeal=appeal, state=state_of(statement, appeal), states=STATES,
        edit=texts_of_edits([statement]).get(statement.id), rule=rule_of(statement), explanation=told_explanation(statement),
        facts=in_present_language(statement.decision_facts), may_appeal=may_appeal(statement, appeal), days=days_left(statement.appeal_until), most=TEXT_LENGTH,
        titles=SANCTION_TITLES, told_in_one=told_in_one, in_words=in_words, now=utcnow(), by_program=statement.automated_decision == BY_PROGRAM, illegal=statement.decision_ground == ILLEGAL,
    )


@account.get("/decisions")
def statements() -> str:
    """Every decision about the person, latest first."""
    after = request.args.get("after") or None
    found, following = page_of_statements(signed_in(), after, PER_PAGE)
    return render_template(
        "account/decisions.html", found=found, more=following, after=after, state_of=state_of, states=STATES, rule_of=rule_of,
        may_appeal=may_appeal, titles=SANCTION_TITLES, edits=texts_of_edits([statement for statement, _ in found]),
    )


@account.get("/decisions/<puid>")
def statement(puid: str) -> str:
    """One decision."""
    return draw_statement(puid)


@account.get("/decisions/from-mail/<token>")
def statement_from_mail(token: str) -> Response:
    """The link in a mail: on to the decision's page, for whoever it is about once she is signed in."""
    puid = read_mail_token(token)
    if puid is None:
        raise NotFound("This link is not complete. Copy all of it from the mail, or sign in and open your account.")
    return redirect(url_for("account.statement", puid=puid), 303)


@account.post("/decisions/<puid>/appeal")
@redrawn_by(draw_statement)
@react_limit
def appeal(puid: str) -> Response:
    """Appeal, once."""
    person = signed_in()
    found, _ = statement_for(person, puid)
    lodge(found, person, request.form.get("text", ""))
    db.session.commit()
    flash(gettext("Your appeal is with us. Somebody else than before will look at it, and you will get an answer by mail."))
    return redirect(url_for("account.statement", puid=puid), 303)
