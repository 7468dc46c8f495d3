"""Why something was restricted, appealing against it, judging appeals, and the public modlog."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.access import on_site
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.caching import cacheable, etag_of, unchanged
from commentsvc.api.present import card_values, person_values
from commentsvc.api.schemas.fields import PageQuery
from commentsvc.api.schemas.statements import (
    AppealCaseSchema,
    AppealInputSchema,
    AppealsQuery,
    AppealsSchema,
    OutcomeInputSchema,
    PublicModlogSchema,
    StatementSchema,
    StatementsSchema,
)
from commentsvc.api.threads import CACHE_HEADERS, IF_NONE_MATCH
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation import appeals as verbs
from commentsvc.moderation.models import Appeal, Statement
from commentsvc.moderation.public_modlog import Entry, page_of_public_modlog
from commentsvc.moderation.queue import cards
from commentsvc.moderation.statements import RULE_NAMES, rule_of
from commentsvc.sites.models import Article, Site
from commentsvc.web import signed_in

statements = Blueprint("statements", "Why comments were rejected, appeals against that, and the public modlog.")


@statements.route("/me/statements")
@limited("LIMIT_READ")
@operation("listStatements")
@for_user(person=True)
@statements.arguments(PageQuery, location="query")
@statements.response(200, StatementsSchema)
def list_statements(given: dict[str, Any], user: User) -> Any:
    """List the decisions about you, latest first, each with its reasons and your appeal."""
    found, following = verbs.page_of_statements(user, given.get("after") or None, given.get("limit") or verbs.PER_PAGE)
    return {"statements": [_statement_values(*one) for one in found], "next": following}


@statements.route("/me/statements/<string:puid>")
@limited("LIMIT_READ")
@operation("getStatement", errors=(404,))
@for_user(person=True)
@statements.response(200, StatementSchema)
def get_statement(puid: str, user: User) -> Any:
    """One decision about you, with its reasons and your appeal."""
    return _statement_values(*verbs.statement_for(user, puid))


@statements.route("/me/statements/<string:puid>/appeal", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("appeal", errors=(404, 409))
@for_user(person=True)
@statements.arguments(AppealInputSchema, example={"text": "I quoted the article; the insult is the minister's own word."})
@statements.response(201, StatementSchema)
def appeal(given: dict[str, Any], puid: str, user: User) -> Any:
    """Appeal against a decision about you, once, before `appeal_until`.

    Somebody else than who decided looks at it again.
    """
    statement, _ = verbs.statement_for(user, puid)
    made = verbs.lodge(statement, user, given["text"])
    db.session.commit()
    statement, made = verbs.statement_for(user, puid)  # type: ignore[assignment]
    return _statement_values(statement, made)


@statements.route("/sites/<site_key:site_key>/appeals")
@limited("LIMIT_READ")
@operation("listAppeals")
@on_site(Permission.REVIEW)
@statements.arguments(AppealsQuery, location="query")
@statements.response(200, AppealsSchema)
def list_appeals(given: dict[str, Any], site: Site) -> Any:
    """The site's appeals: those that wait, first due first, or those that were decided."""
    found, following = verbs.page_of_appeals(
        site, signed_in(), decided=given["state"] == "decided", whose=verbs.Whose(given["whose"]),
        after=given.get("after") or None, limit=given.get("limit") or verbs.PER_PAGE,
    )
    return {"appeals": [_judged_values(one) for one in found], "next": following}


@statements.route("/appeals/<row_id:appeal_id>")
@limited("LIMIT_READ")
@operation("getAppeal", errors=(404,))
@for_user()
@statements.response(200, AppealCaseSchema)
def get_appeal(appeal_id: int, user: User) -> Any:
    """An appeal with all that judging it needs."""
    return _case_values(_appeal(appeal_id, user), user)


@statements.route("/appeals/<row_id:appeal_id>/decision", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("judgeAppeal", errors=(403, 404, 409))
@for_user()
@statements.arguments(OutcomeInputSchema, example={"outcome": "overturned", "answer": "It was a quotation, and marked as one."})
@statements.response(201, AppealCaseSchema)
def judge(given: dict[str, Any], appeal_id: int, user: User) -> Any:
    """Uphold the decision, or overturn it; the author is told your answer.

    Overturning publishes the comment, ends the sanction, or puts the edit in place unless its author has changed the
    comment since. Whoever made the decision cannot judge it, unless the site has nobody else. Where a colleague was first, nothing
    changes: 409, and `current` says who decided what.
    """
    verbs.judge(_appeal(appeal_id, user), verbs.Outcome(given["outcome"]), actor=user, answer=given["answer"])
    db.session.commit()
    return _case_values(_appeal(appeal_id, user), user)


@statements.route("/appeals/<row_id:appeal_id>/undo", methods=["POST"])
@limited("LIMIT_REACT", by_account=True)
@operation("undoAppeal", errors=(403, 404, 409, 422))
@for_user()
@statements.response(201, AppealCaseSchema)
def undo(appeal_id: int, user: User) -> Any:
    """Take the decision on an appeal back, if nothing came after it: all is as before, and the appeal waits again."""
    verbs.reopen(_appeal(appeal_id, user), actor=user)
    db.session.commit()
    return _case_values(_appeal(appeal_id, user), user)


@statements.route("/sites/<site_key:site_key>/public-modlog")
@limited("LIMIT_READ")
@operation("listPublicModlog", parameters=(IF_NONE_MATCH,))
@on_site(Permission.READ)
@statements.arguments(PageQuery, location="query")
@statements.response(200, PublicModlogSchema, headers=CACHE_HEADERS)
@statements.alt_response(304, description="The page you have still holds", headers=CACHE_HEADERS)
def public_modlog(given: dict[str, Any], site: Site) -> Response:
    """What was removed on the site, when and why: without names and texts. 404 where the site does not publish it."""
    entries, following = page_of_public_modlog(site, given.get("after") or None, given.get("limit") or 50)
    values = [_entry_values(entry) for entry in entries]
    # Named by what it shows; a cursor is signed anew each time, and the day bounds how long one lasts.
    etag = etag_of("public modlog", site.id, site.version, given.get("after"), given.get("limit"), following is None, repr(values))
    answer = unchanged(etag)
    if answer is not None:
        return answer
    body: str = PublicModlogSchema().dumps({"entries": values, "next": following})
    return cacheable(Response(body, mimetype="application/json"), etag)


def _appeal(appeal_id: int, user: User) -> Appeal:
    found = verbs.appeal_of(appeal_id)
    # That there is an appeal on another site is nobody's business here.
    if found is None or not allowed(user, Permission.REVIEW, found.site_id):
        raise NotFound("There is no such appeal.")
    return found


def _statement_values(statement: Statement, appeal: Appeal | None) -> dict[str, Any]:
    return {
        name: getattr(statement, name)
        for name in (
            "puid", "comment_id", "revision", "reason", "decision_visibility", "decision_provision", "decision_account", "decision_ground", "ground",
            "explanation", "decision_facts", "category", "content_date", "source_type", "automated_detection",
            "automated_decision", "appeal_until",
        )
    } | {
        "site_key": statement.site.key, "sanction": _sanction_kind(statement), "article": _article(statement), "state": verbs.state_of(statement, appeal),
        "rule": rule_of(statement), "message": statement.decision.message if statement.decision is not None else "", "application_date": statement.created_at,
        "end_date": statement.ended_at or statement.end_date, "may_appeal": verbs.may_appeal(statement, appeal),
        "appeal": appeal,
    }


def _sanction_kind(statement: Statement) -> str | None:
    return statement.sanction.kind if statement.sanction is not None else None


def _article(statement: Statement) -> Article | None:
    return statement.comment.article if statement.comment is not None else None


def _judged_values(appeal: Appeal) -> dict[str, Any]:
    statement = appeal.statement
    return {
        name: getattr(appeal, name)
        for name in ("id", "text", "status", "created_at", "due_at", "decided_at", "answer", "decision_id", "alone")
    } | {
        "author": person_values(appeal.user), "decided_by": person_values(appeal.decided_by),
        "decided_first_by": person_values(statement.decider), "sanction": _sanction_kind(statement),
        "reason": statement.reason, "rule": RULE_NAMES.get(statement.reason, RULE_NAMES["other"]),
        "comment_id": statement.comment_id, "revision": statement.revision, "article": _article(statement),
    }


def _case_values(appeal: Appeal, user: User) -> dict[str, Any]:
    case = verbs.case_of(appeal, user)
    return {
        "appeal": _judged_values(appeal), "decision_facts": appeal.statement.decision_facts,
        "card": card_values(cards([case.comment.id])[0]) if case.comment is not None else None,
        "flags": [
            {"user": person_values(f.user), "reason": f.reason, "text": f.text, "created_at": f.created_at} for f in case.flags
        ],
        "edit": case.edit, "may_judge": case.standing.may,
    }


def _entry_values(entry: Entry) -> dict[str, Any]:
    return {
        "decided_at": entry.decided_at, "what": entry.what.value, "reason": entry.reason,
        "rule": entry.rule, "state": entry.state.value,
        "decided_by": "system" if entry.automated else "community_manager",
        "article": {"title": entry.article_title, "url": entry.article_url} if entry.article_url is not None else None,
    }
