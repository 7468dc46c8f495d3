"""The people whom one hides for oneself."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, redrawn_by
from commentsvc.account_pages.notifications import react_limit
from commentsvc.comments.hiding import hide, page_of_hidden, show
from commentsvc.extensions import db
from commentsvc.i18n import gettext
from commentsvc.web import signed_in


def draw_hidden_people(**_path: object) -> str:
    """Whom one hides, the latest first."""
    after = request.args.get("after") or None
    found, following = page_of_hidden(signed_in(), after)
    return render_template("account/hidden.html", found=found, more=following, after=after)


@account.get("/hidden")
def hidden_people() -> str:
    """The page of it."""
    return draw_hidden_people()


@account.post("/hidden/<int:person_id>")
@redrawn_by(draw_hidden_people)
@react_limit
def change_hidden(person_id: int) -> Response:
    """Show somebody again, or hide her after all."""
    user, again = signed_in(), request.form.get("on") == "1"
    if again:
        name = hide(user, person_id).display_name
        flash(gettext("You hide %(name)s again.", name=name))
    else:
        show(user, person_id)
        flash(gettext("You see what this person writes again."))
    db.session.commit()
    return redirect(url_for("account.hidden_people", undo=None if again else person_id), 303)
