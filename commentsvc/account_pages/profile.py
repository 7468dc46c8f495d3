"""What others see of oneself: the bio, whether earlier comments are listed; and all one's comments, for oneself alone."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by
from commentsvc.accounts.models import BioState
from commentsvc.accounts.public_ids import public_id
from commentsvc.comments.models import Status
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation.bios import (
    BIO_LENGTH,
    bio_reason,
    profile_of,
    set_bio,
    set_history_private,
)
from commentsvc.moderation.profiles import page_of_own, sites_with_page
from commentsvc.web import signed_in

# What is said of the text that others do not read.
OFFERED = {
    BioState.PENDING: N_("It is being checked. Until then others read what stood before."),
    BioState.HELD: N_("A community manager will read it. Until then others read what stood before."),
    BioState.REJECTED: N_("It was not accepted. You are welcome to say it differently."),
}
# What became of a comment, and the class of its pill.
STATES = {
    Status.PENDING: (N_("Being checked"), "quiet"), Status.HELD: (N_("Waiting for a community manager"), "careful"),
    Status.PUBLISHED: (N_("Published"), "good"), Status.REJECTED: (N_("Not published"), "bad"), Status.WITHDRAWN: (N_("Withdrawn"), "quiet"),
}


def draw_profile() -> str:
    """The page, with what was typed."""
    user = signed_in()
    return render_template(
        "account/profile.html", user=user, profile=profile_of(user.id), offered=OFFERED, reason=bio_reason, most=BIO_LENGTH, sites=sites_with_page(user), public_id=public_id,
    )


@account.get("/profile")
def profile() -> str:
    """One's bio and what others see of one's comments."""
    return draw_profile()


@account.post("/profile")
@redrawn_by(draw_profile)
@account_limit
def change_profile() -> Response:
    """Say something else about oneself, or show others more or less."""
    user = signed_in()
    changed = set_bio(user, request.form.get("bio", ""))
    set_history_private(user, bool(request.form.get("history_private")))
    db.session.commit()
    flash(gettext("Saved.") if changed.offered is None else gettext("Saved. Others read the new text once it has been checked."))
    return redirect(url_for("account.profile"), 303)


@account.get("/comments")
def comments() -> str:
    """All one's comments, whatever became of them, latest first."""
    after = request.args.get("after") or None
    found, following = page_of_own(signed_in(), after)
    return render_template("account/comments.html", found=found, more=following, after=after, states=STATES)
