"""The form for legal notices: a page of its own, for anybody, with nothing that a script would have to do."""

from __future__ import annotations

import uuid

from flask import Response, current_app, redirect, render_template, request, url_for
from sqlalchemy import select
from werkzeug.wrappers import Response as AnyResponse

from commentsvc.accounts.permissions import Permission
from commentsvc.comments.models import Comment, Status
from commentsvc.embed.actions import comment_with_article
from commentsvc.embed.blueprint import embed, frame, read_limit, speak
from commentsvc.errors import CommentsvcError, Invalid, NotFound
from commentsvc.extensions import db, limiter
from commentsvc.i18n import language
from commentsvc.moderation.legal_notices import EXPLANATION_LENGTH, NAME_LENGTH, Claim, send_notice
from commentsvc.moderation.models import NOTICE_KINDS, LegalNotice
from commentsvc.web import form_sent, limit_key, reader, require, settings_of

notice_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_NOTICE, key_func=limit_key, methods=["POST"])

FIELDS = ("kind", "explanation", "name", "email", "good_faith")
# People do not see this field. It has no name that a browser would fill in by itself.
TRAP = "more_about_it"


@embed.route("/comments/<int:comment_id>/legal-notice", methods=["GET", "POST"])
@read_limit
@notice_limit
def legal_notice(comment_id: int) -> AnyResponse:
    """The form, for anybody; where it was sent, that it came and by which number."""
    comment = _public(comment_id)
    if request.method != "POST":
        return _draw(comment, sent=_came(comment_id, request.args.get("sent", "")))
    if request.form.get(TRAP):
        raise Invalid("Nothing was sent. Leave the last field empty: it is there for programs that fill in everything.", code="trap")
    asked = speak(comment.article.site.language)
    form = request.form
    claim = Claim(
        form.get("kind", ""), form.get("explanation", ""), form.get("name", ""), form.get("email", ""), good_faith=form.get("good_faith") == "1"
    )
    notice = send_notice(comment, claim, user=reader(), language=language())
    db.session.commit()
    return redirect(url_for("embed.legal_notice", comment_id=comment_id, sent=notice.puid, lang=asked), 303)


def redrawn(error: CommentsvcError) -> Response | None:
    """The form with what was typed and what is wrong with it; None where there is no such comment any more."""
    try:
        return _draw(comment_with_article((request.view_args or {})["comment_id"]), error=error)
    except NotFound:
        return None


def _public(comment_id: int) -> Comment:
    comment = comment_with_article(comment_id)
    speak(comment.article.site.language)
    require(Permission.READ, comment.site_id)
    if comment.status != Status.PUBLISHED and not _came(comment_id, request.args.get("sent", "")):
        raise NotFound("This comment is no longer public, so there is nothing to report.")
    return comment


def _came(comment_id: int, number: str) -> str:
    """The number of a notice about this comment that came in; "" for any other."""
    try:
        puid = str(uuid.UUID(number))
    except ValueError:
        return ""
    return db.session.scalar(select(LegalNotice.puid).where(LegalNotice.puid == puid, LegalNotice.comment_id == comment_id)) or ""


def _draw(comment: Comment, *, error: CommentsvcError | None = None, sent: str = "") -> Response:
    article, user = comment.article, reader()
    asked = speak(article.site.language)
    sends = form_sent()
    typed = {name: sends.get(name, "") for name in FIELDS}
    if request.method == "GET" and user is not None:
        typed |= {"name": user.display_name, "email": user.email or ""}
    field = error.field or "" if error is not None else ""
    html = render_template(
        "embed/legal_notice.html", comment=comment if comment.status == Status.PUBLISHED else None, article=article, site=article.site, sent=sent,
        asked=asked, kinds=NOTICE_KINDS, typed=typed, errors={field if field in FIELDS else "": error.told} if error is not None else {},
        where=f"{article.url}#comment-{comment.id}", most=EXPLANATION_LENGTH, name_most=NAME_LENGTH, trap=TRAP,
        keep_days=settings_of(current_app).LEGAL_NOTICE_DAYS, comment_id=comment.id,
    )
    response = frame(Response(html, error.status if error is not None else 200), article.site)
    response.headers["Cache-Control"] = "private, no-store"
    return response

