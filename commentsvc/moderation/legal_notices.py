"""Legal notices: what anybody says is illegal about a comment, answered by a decision (articles 16 and 17 of the EU's DSA).

A notice waits with its comment, first in the flagged queue. Whatever takes the comment off answers it, and so does a
community manager who lets the comment stand and says why. Each is told at once that it came, and then how it was decided.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from flask import current_app
from sqlalchemy import ColumnElement, and_, func, select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.identity import check_email, clean_name
from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail, queue_mail_after, recall_mail
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, supported, translate
from commentsvc.moderation.models import (
    NOTICE_KINDS,
    Decision,
    LegalNotice,
    NoticeKind,
    NoticeStatus,
    Screening,
)
from commentsvc.moderation.statements import MAIL_AFTER, rule_words
from commentsvc.moderation.urgency import due, severity
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Article, Site

EXPLANATION_LENGTH: Final = 5000
EXPLANATION_LEAST: Final = 20
"""Characters: "illegal!!" is no sufficiently substantiated explanation."""
NAME_LENGTH: Final = 200
ANSWER_LENGTH: Final = 2000
PER_PAGE: Final = 25
RECEIPTS_HOURLY: Final = 5
"""To one address, which nobody has proved to be the notifier's. The page says that the notice came in any case."""
FORGOTTEN_A_STEP: Final = 500

# The Transparency Database's categories for what notices claim.
CATEGORIES: Final[Mapping[NoticeKind, str]] = {
    NoticeKind.HATE: "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", NoticeKind.THREAT: "STATEMENT_CATEGORY_VIOLENCE",
    NoticeKind.DEFAMATION: "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH", NoticeKind.HARASSMENT: "STATEMENT_CATEGORY_CYBER_VIOLENCE",
    NoticeKind.PRIVACY: "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", NoticeKind.MINORS: "STATEMENT_CATEGORY_PROTECTION_OF_MINORS",
    NoticeKind.COPYRIGHT: "STATEMENT_CATEGORY_INTELLECTUAL_PROPERTY_INFRINGEMENTS", NoticeKind.FRAUD: "STATEMENT_CATEGORY_SCAMS_AND_FRAUD",
    NoticeKind.OTHER: "STATEMENT_CATEGORY_OTHER_VIOLATION_TC",
}
# Who reports these need not say who she is (article 16(2)(c)).
ANONYMOUS: Final = frozenset({NoticeKind.MINORS})


@dataclass(frozen=True)
class Claim:
    """What somebody fills in."""

    kind: str
    explanation: str
    name: str = ""
    email: str = ""
    good_faith: bool = False


def send_notice(comment: Comment, claim: Claim, *, user: User | None, language: str) -> LegalNotice:
    """Put a notice about a public comment before its community managers, and mail a receipt; flushes.

    `user` is who is signed in, `language` that of the form. The same person's second notice while the first waits is the first.
    Invalid by field; Conflict where the comment is public no more; NotAllowed to its author.
    """
    kind, explanation, name, email = _checked(claim)
    if user is not None and comment.author_id == user.id:
        raise NotAllowed("This is your own comment; you can withdraw it.", code="own_comment")
    lock_article(comment.article_id)
    db.session.refresh(comment, ["status", "revision", "notice_count", "flag_count"])
    if comment.status != Status.PUBLISHED:
        raise Conflict("This comment is no longer public.", code="not_published")
    waiting = _waiting_of(comment, user, email)
    if waiting is not None:
        return waiting
    notice = LegalNotice(
        puid=str(uuid.uuid4()), site_id=comment.site_id, comment_id=comment.id, revision=comment.revision,
        user_id=user.id if user is not None else None, kind=kind.value, explanation=explanation, name=name, email=email,
        language=supported(language) or "en", status=NoticeStatus.OPEN.value, created_at=utcnow(), answer="",
    )
    db.session.add(notice)
    comment.notice_count += 1
    comment.flag_count += 1
    _make_due(comment)
    _confirm(notice)
    return notice


def _checked(claim: Claim) -> tuple[NoticeKind, str, str, str]:
    if claim.kind not in set(NoticeKind):
        raise Invalid("Choose what is illegal about it.", field="kind")
    kind = NoticeKind(claim.kind)
    explanation = claim.explanation.replace("\x00", "").replace("\r\n", "\n").strip()
    if len(explanation) < EXPLANATION_LEAST:
        raise Invalid("Explain why this is illegal, in a sentence or more: whoever decides knows only what you write here.", field="explanation")
    if len(explanation) > EXPLANATION_LENGTH:
        raise Invalid(
            "This is %(over)s characters too long; the limit is %(most)s.", field="explanation",
            values={"over": len(explanation) - EXPLANATION_LENGTH, "most": EXPLANATION_LENGTH},
        )
    wanted = kind not in ANONYMOUS
    name = email = ""
    if claim.name.strip() or wanted:
        name = clean_name(claim.name, field="name", most=NAME_LENGTH)
    if claim.email.strip() or wanted:
        email = check_email(claim.email)
    if not claim.good_faith:
        raise Invalid("Confirm that you believe in good faith that what you say is accurate and complete.", field="good_faith")
    return kind, explanation, name, email


def _waiting_of(comment: Comment, user: User | None, email: str) -> LegalNotice | None:
    """The notice of the same person about this comment that nobody has decided on."""
    if not comment.notice_count or (user is None and not email):
        return None
    same = LegalNotice.user_id == user.id if user is not None else and_(LegalNotice.email == email, LegalNotice.user_id.is_(None))
    return db.session.scalar(
        select(LegalNotice).where(LegalNotice.comment_id == comment.id, LegalNotice.status == NoticeStatus.OPEN, same).limit(1)
    )


def _make_due(comment: Comment) -> None:
    """Give the comment its place before all that is not illegal."""
    published, findings, scores = db.session.execute(
        select(Article.comment_count, Screening.findings, Screening.scores)
        .outerjoin(Screening, and_(Screening.comment_id == comment.id, Screening.revision == comment.revision))
        .where(Article.id == comment.article_id).order_by(Screening.id.desc()).limit(1)
    ).one()
    comment.due = due(
        comment.created_at, severity=severity(findings or (), scores), published=published, flags=comment.flag_count - 1, public=True,
        noticed=True,
    )
    db.session.flush()


def _confirm(notice: LegalNotice) -> None:
    """Mail that it came, unless the address had RECEIPTS_HOURLY of these."""
    if not notice.email:
        return
    lately = select(func.count()).select_from(Mail).where(
        Mail.recipient == notice.email, Mail.kind == "notice_received", Mail.created_at > utcnow() - dt.timedelta(hours=1)
    )
    if (db.session.scalar(lately) or 0) < RECEIPTS_HOURLY:
        with in_language(notice.language):
            queue_mail(notice.email, gettext("We have received your legal notice"), "notice_received", **_said(notice))


def _said(notice: LegalNotice) -> dict[str, object]:
    """What its mails say, in the present language: nothing that somebody typed, for nobody has proved whose the address is."""
    row = db.session.execute(
        select(Site.name, Article.title, Article.url).select_from(Comment).join(Article, Article.id == Comment.article_id)
        .join(Site, Site.id == Comment.site_id).where(Comment.id == notice.comment_id)
    ).one()
    return {
        "notice": notice, "site_name": row.name, "article": row.title, "where": f"{row.url}#comment-{notice.comment_id}",
        "kind": gettext(NOTICE_KINDS[NoticeKind(notice.kind)]),
    }


def open_notices(comment_ids: Sequence[int]) -> dict[int, list[LegalNotice]]:
    """Those that wait for a decision, by comment, oldest first; one statement."""
    found: dict[int, list[LegalNotice]] = defaultdict(list)
    for notice in db.session.scalars(
        select(LegalNotice).where(LegalNotice.comment_id.in_(comment_ids), LegalNotice.status == NoticeStatus.OPEN).order_by(LegalNotice.id)
    ):
        found[notice.comment_id].append(notice)
    return found


def clean_answer(answer: str) -> str:
    """Why the comment stays, for whoever sent the notice; Invalid where it is missing or too long."""
    text = answer.replace("\x00", "").replace("\r\n", "\n").strip()
    if not text:
        raise Invalid(
            "A legal notice about this comment waits. Say why the comment stays: whoever sent the notice is told it.", field="answer",
            code="notice_open",
        )
    if len(text) > ANSWER_LENGTH:
        raise Invalid(
            "This is %(over)s characters too long; the limit is %(most)s.", field="answer",
            values={"over": len(text) - ANSWER_LENGTH, "most": ANSWER_LENGTH},
        )
    return text


def follow(comment: Comment, decision: Decision, *, undoes: Decision | None, answer: str, law: str) -> None:
    """Bring the comment's notices in line with a decision on it; flushes. Called by decide alone, under the article's lock.

    A comment that is taken off answers those that wait, whoever did it; one that stays, where somebody said why. Undoing
    what answered them has them wait again.
    """
    if undoes is not None:
        _reopen(comment, undoes)
    if comment.notice_count and (undoes is None or decision.to_status == Status.REJECTED):
        _settle(comment, decision, answer, law)


def _settle(comment: Comment, decision: Decision, answer: str, law: str) -> None:
    if decision.to_status == Status.REJECTED:
        status = NoticeStatus.UPHELD
    elif decision.to_status == Status.WITHDRAWN:
        status = NoticeStatus.MOOT
    elif answer and decision.to_status == Status.PUBLISHED:
        status = NoticeStatus.DISMISSED
    else:
        return
    found = open_notices([comment.id])[comment.id]
    for notice in found:
        notice.status, notice.decided_at, notice.decision = status.value, decision.created_at, decision
        notice.decided_by_id = decision.actor_id if status != NoticeStatus.MOOT else None
        notice.answer = answer if status == NoticeStatus.DISMISSED else ""
    comment.flag_count = max(0, comment.flag_count - len(found))
    comment.notice_count = 0
    db.session.flush()
    for notice in found:
        _tell(notice, decision, law)
    db.session.flush()


def _tell(notice: LegalNotice, decision: Decision, law: str) -> None:
    """Tell her the decision, its reasons and what she can do, a little later: a slip of the hand never reaches her."""
    if not notice.email:
        return
    site = db.session.get_one(Site, notice.site_id)
    subject = {
        NoticeStatus.UPHELD: N_("Your legal notice: the comment was taken off"),
        NoticeStatus.DISMISSED: N_("Your legal notice: the comment stays"),
    }.get(NoticeStatus(notice.status), N_("Your legal notice: the comment is gone"))
    with in_language(notice.language):
        notice.mail_id = queue_mail_after(MAIL_AFTER, notice.email, gettext(subject), "notice_decided", _said(notice) | {
            "rule": translate(rule_words(site, decision.reason, decision.site_reason), None), "law": law,
            "by_program": notice.decided_by_id is None,
        }).id


def _reopen(comment: Comment, undoes: Decision) -> None:
    """Have the notices that a decision answered wait again; who was told is told."""
    found = db.session.scalars(select(LegalNotice).where(LegalNotice.decision_id == undoes.id).order_by(LegalNotice.id)).all()
    for notice in found:
        mail_id = notice.mail_id
        notice.status, notice.answer = NoticeStatus.OPEN.value, ""
        notice.decided_at = notice.decided_by_id = notice.decision_id = notice.mail_id = None
        db.session.flush()
        if mail_id is not None and not recall_mail(mail_id) and notice.email:
            with in_language(notice.language):
                queue_mail(notice.email, gettext("Your legal notice is looked at again"), "notice_reopened", **_said(notice))
    if found:
        comment.notice_count += len(found)
        db.session.flush()


def page_of_notices(
    site: Site, *, decided: bool = False, after: str | None = None, limit: int = PER_PAGE
) -> tuple[Sequence[LegalNotice], str | None]:
    """The site's notices with who decided: those that wait, oldest first; or `decided`, latest first."""
    check_limit(limit)
    scope = f"legal notices:{site.id}:{int(decided)}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    waits = LegalNotice.status == NoticeStatus.OPEN
    query = (
        select(LegalNotice).where(LegalNotice.site_id == site.id, ~waits if decided else waits)
        .options(joinedload(LegalNotice.decided_by), joinedload(LegalNotice.comment).joinedload(Comment.article))
        .execution_options(populate_existing=True)
    )
    sort = SortKey(LegalNotice.decided_at) if decided else SortKey(LegalNotice.created_at, descending=False)
    rows, more = page(query, sort, LegalNotice.id, position=position, limit=limit)
    found = [row[0] for row in rows]
    return found, signer.write(scope, getattr(found[-1], sort.name), found[-1].id) if more else None


def forget_notices() -> bool:
    """Forget of some old notices who sent them and what they said; whether there may be more. Flushes.

    What is left is counted in reports: what kind it was, when it came, and how it was decided.
    """
    settings: Settings = current_app.config["SETTINGS"]
    before = utcnow() - dt.timedelta(days=settings.LEGAL_NOTICE_DAYS)
    ids = db.session.scalars(
        select(LegalNotice.id)
        .where(LegalNotice.decided_at < before, LegalNotice.explanation != "").order_by(LegalNotice.id).limit(FORGOTTEN_A_STEP)
    ).all()
    _forget(LegalNotice.id.in_(ids))
    return len(ids) == FORGOTTEN_A_STEP


def forget_notices_of(user: User) -> None:
    """Forget who sent her notices, and what those said that are decided; flushes."""
    hers = LegalNotice.user_id == user.id
    if user.email:
        hers = hers | (LegalNotice.email == user.email)
    db.session.execute(
        update(LegalNotice).where(hers, LegalNotice.status == NoticeStatus.OPEN).values(user_id=None, name="", email="")
        .execution_options(synchronize_session=False)
    )
    _forget(and_(hers, LegalNotice.status != NoticeStatus.OPEN))


def _forget(which: ColumnElement[bool]) -> None:
    db.session.execute(
        update(LegalNotice).where(which).values(user_id=None, name="", email="", explanation="", answer="")
        .execution_options(synchronize_session=False)
    )
