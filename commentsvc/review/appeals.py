"""The queue of appeals: what an author says against a decision, judged by somebody else than who made it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import redirect, request, session, url_for

from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, ngettext
from commentsvc.moderation.appeals import (
    ANSWER_LENGTH,
    Outcome,
    Whose,
    appeal_of,
    case_of,
    judge,
    page_of_appeals,
    reopen,
)
from commentsvc.moderation.models import Appeal
from commentsvc.moderation.statements import RULE_NAMES
from commentsvc.pages import utc_words
from commentsvc.review.blueprint import page, review, site_for
from commentsvc.review.presenting import excerpt
from commentsvc.review.queues import Place, card_context, card_of
from commentsvc.review.words import Words
from commentsvc.sites.models import Site
from commentsvc.web import signed_in

DONE = "review_appeal_done"  # session: the appeal that the next page confirms

APPEAL_NAMES = Words({
    "open": N_("Waiting"), "upheld": N_("Upheld"), "overturned": N_("Overturned"), "settled": N_("Settled: the decision was taken back"),
    "dropped": N_("Dropped: the author took the comment back"),
})
APPEAL_SHORT = Words({
    "open": N_("Waiting"), "upheld": N_("Upheld"), "overturned": N_("Overturned"), "settled": N_("Settled"), "dropped": N_("Dropped"),
})
WHOSE_NAMES = Words({Whose.ALL: N_("All"), Whose.OTHERS: N_("Others'"), Whose.MINE: N_("Mine")})


def due_words(due: dt.datetime, now: dt.datetime | None = None) -> str:
    """“Answer within 3 days”, or for how long it is overdue."""
    left = due - (now or utcnow())
    day = dt.timedelta(days=1)
    if left < dt.timedelta(0):
        late = -left // day
        return ngettext("%(num)d day overdue", "%(num)d days overdue", late) if late else gettext("Overdue")
    return ngettext("Answer within %(num)d day", "Answer within %(num)d days", left // day) if left >= day else gettext("Answer today")


def overdue(due: dt.datetime, now: dt.datetime | None = None) -> bool:
    """Whether an answer should have been given."""
    return due < (now or utcnow())


@review.get("/<site_key>/appeals")
def appeals(site_key: str) -> Any:
    """The appeals that wait, first due first, and the first of them; or those that were decided."""
    return _draw(site_for(site_key), None)


@review.get("/<site_key>/appeals/<int:appeal_id>")
def appeal(site_key: str, appeal_id: int) -> Any:
    """One appeal, beside the list it stands in."""
    site = site_for(site_key)
    return _draw(site, _appeal(site, appeal_id))


@review.post("/<site_key>/appeals/<int:appeal_id>/decide")
def judge_appeal(site_key: str, appeal_id: int) -> Any:
    """Uphold or overturn, with an answer its author is told; then on to the next one."""
    site = site_for(site_key)
    judged = _appeal(site, appeal_id)
    try:
        judge(judged, _outcome(), actor=signed_in(), answer=request.form.get("answer", ""))
    except (Conflict, Invalid, NotAllowed) as error:
        db.session.rollback()
        typed = {"answer": request.form.get("answer", ""), "outcome": request.form.get("outcome", "")}
        return _draw(site, _appeal(site, appeal_id), error=error.told, field=error.field or "", typed=typed), error.status
    db.session.commit()
    session[DONE] = appeal_id
    return redirect(url_for("review.appeals", site_key=site.key, whose=_filters().get("whose")))


@review.post("/<site_key>/appeals/<int:appeal_id>/undo")
def undo_appeal(site_key: str, appeal_id: int) -> Any:
    """Take the decision on an appeal back: everything is as before, and the appeal waits again."""
    site = site_for(site_key)
    decided = _appeal(site, appeal_id)
    try:
        reopen(decided, actor=signed_in())
    except (Conflict, Invalid, NotAllowed) as error:
        db.session.rollback()
        return _draw(site, _appeal(site, appeal_id), error=error.told), error.status
    db.session.commit()
    return redirect(url_for("review.appeal", site_key=site.key, appeal_id=appeal_id))


def _appeal(site: Site, appeal_id: int) -> Appeal:
    found = appeal_of(appeal_id)
    if found is None or found.site_id != site.id:
        raise NotFound("There is no such appeal on this site.")
    return found


def _outcome() -> Outcome:
    text = request.form.get("outcome", "")
    if text not in set(Outcome):
        raise Invalid("Choose what becomes of the decision.", field="outcome")
    return Outcome(text)


def _whose() -> Whose:
    text = request.values.get("whose", "")
    return Whose(text) if text in set(Whose) else Whose.ALL


def _filters() -> dict[str, str]:
    """Of the list, for the address; what is not said is the default."""
    return {"whose": _whose().value} if _whose() != Whose.ALL else {}


def _draw(site: Site, chosen: Appeal | None, *, error: str = "", field: str = "", typed: dict[str, str] | None = None) -> str:
    person = signed_in()
    decided = request.args.get("state") == "decided" or (chosen is not None and chosen.status != "open")
    after = request.args.get("after") or None
    found, following = page_of_appeals(site, person, decided=decided, whose=_whose(), after=after)
    done_id = session.pop(DONE, None)
    done = appeal_of(done_id) if done_id is not None else None
    shown = chosen or (found[0] if found else None)
    context: dict[str, Any] = {"card": None, "place": Place(None, ""), "case": None}
    if shown is not None:
        case = case_of(shown, person)
        context = {"case": case}
        if case.comment is not None:
            context |= card_context(site, Place(None, ""), card_of(site, case.comment.id), appealed=False)
    context |= {"error": error or None, "field": field, "typed": typed or {}}
    return page(
        "appeals.html", site, here="appeals", listing=found, more=following, after=after, decided=decided, whose=_whose(),
        whose_names=WHOSE_NAMES, appeal_names=APPEAL_NAMES, appeal_short=APPEAL_SHORT, rules=Words(RULE_NAMES), chosen=chosen is not None, person=person,
        due_words=due_words, overdue=overdue, done=done if done is not None and done.site_id == site.id else None,
        filters=_filters(), now=utcnow(), in_words=utc_words, excerpt=excerpt, most=ANSWER_LENGTH, outcomes=Outcome, **{k: v for k, v in context.items() if k not in {"site", "excerpt"}},
    )
