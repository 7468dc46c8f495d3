"""One's notifications, how one wants to be told, followed conversations, and stopping mails from the mail itself."""

from __future__ import annotations

from flask import current_app, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by
from commentsvc.accounts.models import User
from commentsvc.accounts.wishes import How, Kind, Wish, parse_how, read_token, wishes_of
from commentsvc.errors import NotFound
from commentsvc.extensions import db, limiter
from commentsvc.i18n import N_, gettext, set_language
from commentsvc.notifications.follows import follow, page_of_follows, unfollow
from commentsvc.notifications.listing import mark_read, page_of_notifications, unread_count
from commentsvc.notifications.mailing import KINDS
from commentsvc.notifications.preferences import change_wishes, send_again, stop_mails
from commentsvc.sites.models import Article
from commentsvc.web import limit_key, row_id, settings_of, signed_in

LABELS: dict[Kind, tuple[str, str]] = {
    Kind.REPLY: (N_("Replies"), N_("Somebody answers a comment of yours.")),
    Kind.MENTION: (N_("Mentions"), N_("Somebody mentions you in a comment.")),
    Kind.DECISION: (N_("Decisions"), N_("A comment of yours was published after a Community Manager read it, was not published, or was taken down.")),
    Kind.FEATURED: (N_("Featured"), N_("The newsroom features a comment of yours.")),
    Kind.FOLLOWED: (N_("Followed conversations"), N_("A comment is published in a conversation you follow.")),
}
HOWS: dict[How, str] = {
    How.AT_ONCE: N_("At once"), How.DAILY: N_("Once a day"), How.WEEKLY: N_("Once a week"), How.NEVER: N_("Never"),
}

react_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_REACT, key_func=limit_key, methods=["POST"])


@account.get("/notifications")
def notifications() -> str:
    """Everything one was told, latest first."""
    user, after = signed_in(), request.args.get("after") or None
    found, following = page_of_notifications(user, after)
    return render_template("account/notifications.html", found=found, more=following, after=after, unread=unread_count(user))


@account.post("/notifications/read")
@react_limit
def read_notifications() -> Response:
    """Take one, or all up to one, as read."""
    user = signed_in()
    if "until" in request.form:
        mark_read(user, until=_number(request.form["until"]))
        flash(gettext("All notifications are read."))
    else:
        mark_read(user, ids=[_number(request.form.get("id", ""))])
    db.session.commit()
    return redirect(url_for("account.notifications", after=request.form.get("after") or None), 303)


def draw_notification_settings(**_path: object) -> str:
    """How one wants to be told, and what one follows."""
    user, after = signed_in(), request.args.get("after") or None
    follows, following = page_of_follows(user, after)
    return render_template(
        "account/notification_settings.html", wishes=wishes_of(user.id), labels=LABELS, hows=HOWS, user=user,
        follows=follows, more=following, after=after, sent=request.method == "POST",
    )


@account.get("/notifications/settings")
def notification_settings() -> str:
    """The page of it."""
    return draw_notification_settings()


@account.post("/notifications/settings")
@redrawn_by(draw_notification_settings)
@react_limit
def save_notification_settings() -> Response:
    """Keep how one wants to be told."""
    user, form = signed_in(), request.form
    wanted = {kind: Wish(f"widget_{kind}" in form, parse_how(form.get(f"mail_{kind}", ""), f"mail_{kind}")) for kind in Kind}
    change_wishes(user, wanted, follow_on_post="follow_on_post" in form)
    db.session.commit()
    flash(gettext("Saved."))
    return redirect(url_for("account.notification_settings"), 303)


@account.post("/notifications/follows/<int:article_id>")
@react_limit
def change_follow(article_id: int) -> Response:
    """Follow a conversation no more, or again after all."""
    user, article = signed_in(), db.session.get(Article, article_id)
    if article is None:
        raise NotFound(gettext("There is no such conversation."))
    again = request.form.get("on") == "1"
    (follow if again else unfollow)(user, article)
    db.session.commit()
    flash(gettext("You follow “%(article)s” again.", article=article.title) if again else gettext("You no longer follow “%(article)s”.", article=article.title))
    return redirect(url_for("account.notification_settings", _anchor="follows", undo=None if again else article.id), 303)


# From a mail: the address is who may


@account.get("/unsubscribe/<token>")
def unsubscribe_form(token: str) -> str:
    """Ask first: programs that look at links in mails open every one of them."""
    user, what = _named(token)
    return _draw_stop(what, wanted=any(what in (kind, wish.mail) and wish.mail != How.NEVER for kind, wish in wishes_of(user.id).items()))


@account.post("/unsubscribe/<token>")
@account_limit
def unsubscribe(token: str) -> str:
    """Stop them: pressed on our page, or sent by a mail program (RFC 8058). Doing so twice is as good as once."""
    user, what = _named(token)
    if "again" in request.form:
        send_again(user.id, what, _before(request.form["again"]))
        db.session.commit()
        return _draw_stop(what, wanted=True, again=True)
    stopped = stop_mails(user.id, what)
    db.session.commit()
    return _draw_stop(what, wanted=False, before=" ".join(f"{kind}:{how}" for kind, how in stopped.items()))


def _draw_stop(what: Kind | How, *, wanted: bool, again: bool = False, before: str = "") -> str:
    about = gettext(KINDS[what]) if isinstance(what, Kind) else ""
    return render_template("account/unsubscribe.html", about=about, daily=what == How.DAILY, wanted=wanted, again=again, before=before)


def _named(token: str) -> tuple[User, Kind | How]:
    found = read_token(token)
    user = db.session.get(User, found[0]) if found is not None else None
    if found is None or user is None:
        raise NotFound(gettext("This link is not one of ours. Copy all of it from the mail, or change your settings once you are signed in."))
    if user.language is not None:  # the mail was in it
        set_language(user.language)
    return user, found[1]


def _before(text: str) -> dict[Kind, How]:
    """What the form of the page says that the mails were; what it cannot say is left out."""
    kinds, hows = {kind.value for kind in Kind}, {how.value for how in How}
    pairs = (pair.partition(":") for pair in text[:500].split())
    return {Kind(kind): How(how) for kind, _, how in pairs if kind in kinds and how in hows}


def _number(text: str) -> int:
    try:
        return row_id(text)
    except ValueError:
        raise NotFound(gettext("There is no such notification.")) from None
