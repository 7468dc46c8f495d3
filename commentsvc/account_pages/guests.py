"""The link that proves a guest's address, and sends what she wrote to be checked."""

from __future__ import annotations

from flask import render_template
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by
from commentsvc.extensions import db
from commentsvc.moderation.guests import confirm, has_account, peek
from commentsvc.web import reader


def draw_guest(token: str) -> str:
    """What was written, and the button; or that the link is used up."""
    found = peek(token)
    if found is None:
        return render_template("account/guest.html", left=None)
    left, article = found
    user = reader()
    return render_template(
        "account/guest.html", left=left, article=article, token=token, foreign=has_account(left) and (user is None or user.email != left.email)
    )


@account.get("/guest/<token>")
def guest_form(token: str) -> tuple[str, int]:
    """Only asks: programs that scan mails follow every link in them. 410 when the link is used up."""
    return draw_guest(token), 200 if peek(token) else 410


@account.post("/guest/<token>")
@redrawn_by(draw_guest)
@account_limit
def confirm_guest(token: str) -> str | Response:
    """Send it to be checked."""
    comment = confirm(token, reader())
    db.session.commit()
    return render_template("account/guest.html", done=comment, article=comment.article)
