"""Stopping the morning mail from the mail itself, without a sign-in."""

from __future__ import annotations

from flask import render_template

from commentsvc.account_pages.blueprint import account, account_limit
from commentsvc.accounts.models import User
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.figures.morning import subscription_of, want_mail, wants_mail
from commentsvc.sites.models import Site


@account.get("/morning-mail/<token>")
def morning_mail(token: str) -> str:
    """Ask first: programs that look at links in mails open every one of them."""
    site, user = _named(token)
    return render_template("account/morning_mail.html", site=site, wanted=wants_mail(site, user))


@account.post("/morning-mail/<token>")
@account_limit
def stop_morning_mail(token: str) -> str:
    """Stop it: pressed on our page, or sent by a mail program (RFC 8058). Doing so twice is as good as once."""
    site, user = _named(token)
    want_mail(site, user, wanted=False)
    db.session.commit()
    return render_template("account/morning_mail.html", site=site, wanted=False)


def _named(token: str) -> tuple[Site, User]:
    found = subscription_of(token)
    if found is None:
        raise NotFound("This link is not one of ours. You can stop the mail on the dashboard.")
    return found
