"""What community managers do besides deciding one comment: many at once, marks, notes, questions."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.access import on_comment, on_site
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.examples import ASKED, DECISION, NOTE, OUTCOME, QUESTION
from commentsvc.api.present import card_article, decision_values, person_values
from commentsvc.api.schemas.desk import (
    AskedListSchema,
    BulkInputSchema,
    BulkOutcomeSchema,
    ChangesQuery,
    ChangesSchema,
    ColleaguesSchema,
    CommentNoteSchema,
    CommentNotesSchema,
    MarkInputSchema,
    QuestionInputSchema,
    QuestionSchema,
    QuestionsSchema,
    TextInputSchema,
)
from commentsvc.api.schemas.fields import NoQuery
from commentsvc.api.schemas.moderation import DecidedSchema
from commentsvc.comments.models import Comment
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation import desk as verbs
from commentsvc.moderation.bulk import Judged, decide_many, undo_many
from commentsvc.moderation.decide import mark as set_mark
from commentsvc.moderation.details import notes_of, open_questions
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.following import changes_since, newest_decision
from commentsvc.moderation.models import Question, ReviewNote
from commentsvc.moderation.reasons import reason_named
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

desk = Blueprint("desk", "Decide many comments at once, feature and pin, talk to colleagues about a comment.")

MARKS = ",".join(Mark)


@desk.route("/sites/<site_key:site_key>/decisions", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("decideMany")
@on_site(Permission.REVIEW)
@desk.arguments(BulkInputSchema, example={"action": "reject", "reason": "spam", "comments": [{"id": "350", "version": 2}, {"id": "351", "version": 2}]})
@desk.response(200, BulkOutcomeSchema, example=OUTCOME)
def decide_at_once(given: dict[str, Any], site: Site) -> Any:
    """Approve or reject up to 100 comments. One that changed since is reported and stops none of the others."""
    rejects = given["action"] == "reject"
    if rejects and given["reason"] is None:
        raise Invalid("Name a reason: the authors and your colleagues see it.", field="reason")
    return decide_many(
        site, [Judged(one["id"], one["version"]) for one in given["comments"]], actor=signed_in(),
        reason=reason_named(site, given["reason"]) if rejects else None,
        note=verbs.clean(given["note"], field="note", required=False),
        message=verbs.clean(given["message"], field="message", required=False),
    )


@desk.route("/sites/<site_key:site_key>/batches/<string:batch>/undo", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("undoMany")
@on_site(Permission.REVIEW)
@desk.response(200, BulkOutcomeSchema, example=OUTCOME)
def undo_at_once(batch: str, site: Site) -> Any:
    """Take back what was decided in one step; what a colleague changed since stays, and is reported."""
    return undo_many(site, batch, actor=signed_in())


@desk.route(f"/comments/<row_id:comment_id>/marks/<any({MARKS}):mark>", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("markComment", errors=(409,))
@on_comment(Permission.REVIEW)
@desk.arguments(MarkInputSchema, example={"on": True, "version": 2})
@desk.response(201, DecidedSchema, example=DECISION | {"from_status": "published", "to_status": "published", "reason": "featured", "note": ""})
@desk.alt_response(204, description="It is so already")
def mark(given: dict[str, Any], comment: Comment, mark: str) -> Any:
    """Feature a published comment, or pin it to the top of its conversation, or end that.

    An article has one pinned comment; a new one takes its place. `undoDecision` takes it back.
    """
    actor = signed_in()
    decision = set_mark(comment, Mark(mark), on=given["on"], actor=actor, seen=given["version"])
    if decision is None:
        db.session.rollback()
        return no_content()
    db.session.commit()
    return decision_values(decision, actor) | {"version": comment.version}


@desk.route("/comments/<row_id:comment_id>/notes")
@limited("LIMIT_READ")
@operation("listCommentNotes")
@on_comment(Permission.REVIEW)
@desk.response(200, CommentNotesSchema, example={"notes": [NOTE]})
def notes(comment: Comment) -> Any:
    """What community managers tell each other about a comment."""
    return {"notes": [_note(note) for note in notes_of(comment)]}


@desk.route("/comments/<row_id:comment_id>/notes", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("addCommentNote")
@on_comment(Permission.REVIEW)
@desk.arguments(TextInputSchema, example={"text": "I know the author: this is meant as a joke."})
@desk.response(201, CommentNoteSchema, example=NOTE)
def add_note(given: dict[str, Any], comment: Comment) -> Any:
    """Tell colleagues something about a comment. It answers what you were asked about it."""
    note = verbs.add_note(comment, signed_in(), given["text"])
    db.session.commit()
    return _note(note)


@desk.route("/notes/<row_id:note_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("deleteCommentNote", errors=(403, 404))
@for_user()
@desk.response(204)
def delete_note(note_id: int, user: User) -> Response:
    """Take one's own note away."""
    note = db.session.get(ReviewNote, note_id)
    if note is None or not allowed(user, Permission.REVIEW, note.site_id):
        raise NotFound("There is no such note.")
    verbs.delete_note(note, user)
    db.session.commit()
    return no_content()


@desk.route("/comments/<row_id:comment_id>/questions")
@limited("LIMIT_READ")
@operation("listQuestions")
@on_comment(Permission.REVIEW)
@desk.response(200, QuestionsSchema, example={"questions": [QUESTION]})
def questions(comment: Comment) -> Any:
    """What colleagues are asked about a comment and nobody has answered yet."""
    return {"questions": [_question(question) for question in open_questions(comment)]}


@desk.route("/comments/<row_id:comment_id>/questions", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("askColleague")
@on_comment(Permission.REVIEW)
@desk.arguments(QuestionInputSchema, example={"asked_id": "9", "text": "Is this the man from the court case?"})
@desk.response(201, QuestionSchema, example=QUESTION)
def ask(given: dict[str, Any], comment: Comment) -> Any:
    """Put a comment before a colleague, or before all of them. A decision or a note answers it."""
    question = verbs.ask(comment, signed_in(), given["text"], given["asked_id"])
    db.session.commit()
    return _question(question)


@desk.route("/questions/<row_id:question_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("closeQuestion", errors=(403, 404, 409))
@for_user()
@desk.response(204)
def close_question(question_id: int, user: User) -> Response:
    """Close a question that you asked, or were asked."""
    question = db.session.get(Question, question_id)
    if question is None or not allowed(user, Permission.REVIEW, question.site_id):
        raise NotFound("There is no such question.")
    verbs.take_question_back(question, user)
    db.session.commit()
    return no_content()


@desk.route("/sites/<site_key:site_key>/questions")
@limited("LIMIT_READ")
@operation("listAskedOfMe")
@on_site(Permission.REVIEW)
@desk.arguments(NoQuery, location="query")
@desk.response(200, AskedListSchema, example={"questions": [ASKED]})
def asked_of_me(_given: dict[str, Any], site: Site) -> Any:
    """The questions that wait for you: put to you, or by a colleague to all."""
    return {
        "questions": [
            _question(question) | {"body": question.comment.body, "article": card_article(question.comment.article)}
            for question in verbs.asked_of(site, signed_in())
        ]
    }


@desk.route("/sites/<site_key:site_key>/colleagues")
@limited("LIMIT_READ")
@operation("listColleagues")
@on_site(Permission.REVIEW)
@desk.arguments(NoQuery, location="query")
@desk.response(200, ColleaguesSchema, example={"colleagues": [{"id": "9", "name": "Tom Okafor"}]})
def colleagues(_given: dict[str, Any], site: Site) -> Any:
    """Who reviews on the site, and so can be asked."""
    return {"colleagues": [{"id": one.id, "name": one.display_name} for one in verbs.colleagues(site)]}


@desk.route("/comments/<row_id:comment_id>/skip", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("skipComment")
@on_comment(Permission.REVIEW)
@desk.response(204)
def skip(comment: Comment) -> Response:
    """Put a comment to the end of your queues for an hour; colleagues see it where it was."""
    verbs.skip(comment, signed_in())
    db.session.commit()
    return no_content()


@desk.route("/comments/<row_id:comment_id>/skip", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("unskipComment")
@on_comment(Permission.REVIEW)
@desk.response(204)
def unskip(comment: Comment) -> Response:
    """Have it in its place again."""
    verbs.unskip(comment, signed_in())
    db.session.commit()
    return no_content()


@desk.route("/comments/<row_id:comment_id>/claim", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("claimComment")
@on_comment(Permission.REVIEW)
@desk.response(204)
def claim(comment: Comment) -> Response:
    """Say that you have it before you, for two minutes; it blocks nobody and takes the place of your last."""
    verbs.claim(comment.site_id, signed_in(), comment.id)
    db.session.commit()
    return no_content()


@desk.route("/sites/<site_key:site_key>/changes")
@limited("LIMIT_READ")
@operation("listChanges")
@on_site(Permission.REVIEW)
@desk.arguments(ChangesQuery, location="query")
@desk.response(200, ChangesSchema, example={
    "cursor": 88, "decisions": [{"comment_id": "350", "status": "rejected", "by": "Tom Okafor", "mine": False}],
    "claims": [{"comment_id": "352", "by": "Tom Okafor"}], "asked": 1,
})
def changes(given: dict[str, Any], site: Site) -> Any:
    """What people decided since you last asked, and who has which comment before her: for a screen that follows."""
    since = given["since"] if given["since"] is not None else newest_decision(site)
    found = changes_since(site, since, signed_in())
    return {
        "cursor": found.cursor, "asked": found.asked,
        "decisions": [{"comment_id": d.comment, "status": d.status, "by": d.by, "mine": d.mine} for d in found.decisions],
        "claims": [{"comment_id": comment_id, "by": name} for comment_id, name in found.claims],
    }


def _note(note: ReviewNote) -> dict[str, Any]:
    return {
        "id": note.id, "comment_id": note.comment_id, "author": person_values(note.author), "text": note.text,
        "created_at": note.created_at,
    }


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": question.id, "comment_id": question.comment_id, "asker": person_values(question.asker),
        "asked": person_values(question.asked), "text": question.text, "created_at": question.created_at,
    }
