"""What a writer needs beside posting: editing what she wrote, a preview, whom she can mention, what a text said before."""

from __future__ import annotations

from flask import Response, jsonify, request
from werkzeug.wrappers import Response as AnyResponse

from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.comments.mentions import people_named, people_to_mention
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import clean_body
from commentsvc.embed.actions import comment_with_article, parent_id
from commentsvc.embed.blueprint import (
    by_script,
    embed,
    frame,
    post_limit,
    react_limit,
    read_limit,
    speak,
)
from commentsvc.embed.personal import only, own_state, private
from commentsvc.embed.plain import article_or_404, back_to, draw
from commentsvc.embed.view import Asked, View, render_public
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.markup import render
from commentsvc.moderation.edits import history, newest, take_edit
from commentsvc.sites.models import Article
from commentsvc.web import reader, require, require_person

TYPED_MOST = 100  # of a name


def _own(comment_id: int) -> Comment:
    """One's own comment; anybody else's does not exist here."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.POST, comment.site_id)
    if comment.author_id != user.id:
        raise NotFound("There is no such comment.")
    return comment


@embed.get("/comments/<int:comment_id>/source")
@read_limit
def edit_form(comment_id: int) -> Response:
    """The form with the author's last text, as a fragment."""
    comment = _own(comment_id)
    view = View(article=comment.article, site=comment.article.site)
    return private(jsonify(html=render_public("embed/edit.html", v=view, c=comment, latest=newest(comment))))


@embed.post("/comments/<int:comment_id>/edit")
@post_limit
def edit(comment_id: int) -> AnyResponse:
    """Give one's comment another text; where it is published the one before stands until that has passed."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.POST, comment.site_id)
    take_edit(comment, user, request.form.get("body", ""), seen=request.form.get("revision", type=int))
    db.session.commit()
    if not by_script():
        return back_to(comment.article_id, f"comment-{comment.id}")
    article = article_or_404(comment.article_id)
    db.session.refresh(article, ["comment_count"])
    return private(jsonify(own_state(comment, article, only(user, comment)) | {"revision": newest(comment).number}))


@embed.post("/a/<int:article_id>/preview")
@react_limit
def preview(article_id: int) -> AnyResponse:
    """What a text will look like, for whoever may read here; nothing is kept, and nothing asked of the model."""
    article = article_or_404(article_id)
    require(Permission.READ, article.site_id)
    policy = article.policy
    body = clean_body(request.form.get("body", ""), min_length=1, max_length=policy.max_length)
    html = render(body, people_named(body, article.id))
    if by_script():
        return private(jsonify(html=render_public("embed/preview.html", html=html)))
    target = parent_id()
    values = {"body": body, "parent_id": str(target or "")}
    return draw(article, Asked(panel="reply" if target else "", target=target, values=values, preview=html))


@embed.get("/a/<int:article_id>/people")
@read_limit
def people(article_id: int) -> Response:
    """Who takes part in the conversation and has a name that begins so, for whoever writes in it."""
    article = article_or_404(article_id)
    user = require_person(Permission.POST, article.site_id)
    typed = request.args.get("q", "")
    if len(typed) > TYPED_MOST:
        raise Invalid("No name is so long.", field="q")
    found = people_to_mention(article.id, typed, by=user.id) if typed.strip() else ()
    return private(jsonify(people=[{"id": user_id, "name": name} for user_id, name in found]))


@embed.get("/comments/<int:comment_id>/history")
@read_limit
def comment_history(comment_id: int) -> Response:
    """What a comment said before: all of it for its author and staff, else what others read, where the site shows that."""
    comment = comment_with_article(comment_id)
    article: Article = comment.article
    speak(article.site.language)
    require(Permission.READ, comment.site_id)
    user = reader()
    whole = user is not None and (comment.author_id == user.id or allowed(user, Permission.REVIEW, comment.site_id))
    if not whole and (not article.policy.public_history or comment.status != Status.PUBLISHED):
        raise NotFound("There is no such page.")
    html = render_public(
        "embed/history.html", v=View(article=article, site=article.site, plain=True), c=comment, versions=history(comment, whole=whole),
    )
    return private(frame(Response(html), article.site))
