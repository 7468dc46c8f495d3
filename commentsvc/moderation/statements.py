"""Statements of reasons: what an author is told of a restriction, written with the decision that made it.

The codes are those of the API of the EU's DSA Transparency Database, version 2 (docs/statements.md).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import ColumnElement, bindparam, select, tuple_, update

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission
from commentsvc.accounts.wishes import How, Kind, unsubscribe_url, wish_of
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail_after, recall_mail
from commentsvc.delivery.models import Mail
from commentsvc.errors import NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, translate
from commentsvc.moderation.announcing import Keep, announce
from commentsvc.moderation.models import (
    REJECT_REASONS,
    Appeal,
    AppealStatus,
    Decision,
    Ending,
    News,
    Reason,
    Screening,
    Statement,
)
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.reasons import words_of_reason
from commentsvc.sites.models import Article, Site

# A decision that is taken back at once, a slip of the hand, never reaches its author.
MAIL_AFTER = dt.timedelta(minutes=2)
LAW_LENGTH = 500

INCOMPATIBLE, ILLEGAL = "DECISION_GROUND_INCOMPATIBLE_CONTENT", "DECISION_GROUND_ILLEGAL_CONTENT"
# Taken out of a conversation that everybody could read, or never let into it.
REMOVED, DISABLED = "DECISION_VISIBILITY_CONTENT_REMOVED", "DECISION_VISIBILITY_CONTENT_DISABLED"
# A reader's flag is no notice under article 16: it claims a breach of the guidelines, and names no law. A legal notice is one.
OWN_INITIATIVE, BY_FLAG, BY_NOTICE = "SOURCE_VOLUNTARY", "SOURCE_TYPE_OTHER_NOTIFICATION", "SOURCE_ARTICLE_16"
BY_PERSON, BY_PROGRAM = "AUTOMATED_DECISION_NOT_AUTOMATED", "AUTOMATED_DECISION_FULLY"

# Phases that find something in what was written; the others hold whatever comes.
DETECTING = frozenset({"banned_phrases", "suspect_phrases", "links", "repeat_post", "toxicity"})

# What a sanction does, in the database's words: it has none for a comment that is read before it appears.
PARTLY_SUSPENDED, ACCOUNT_SUSPENDED = "DECISION_PROVISION_PARTIAL_SUSPENSION", "DECISION_ACCOUNT_SUSPENDED"
SANCTIONS: dict[SanctionKind, tuple[str, str]] = {
    SanctionKind.WARN: ("decision_provision", PARTLY_SUSPENDED),
    SanctionKind.SUSPEND: ("decision_account", ACCOUNT_SUSPENDED),
    SanctionKind.BAN: ("decision_account", ACCOUNT_SUSPENDED),
    SanctionKind.ALWAYS_REVIEW: ("decision_provision", PARTLY_SUSPENDED),
    SanctionKind.SHADOW: ("decision_provision", PARTLY_SUSPENDED),
}

_OTHER = "STATEMENT_CATEGORY_OTHER_VIOLATION_TC"


@dataclass(frozen=True)
class Rule:
    """A reason to reject: the Transparency Database's category and keyword for it, and what its author is told."""

    category: str
    explanation: str
    keyword: str | None = None


RULES: dict[Reason, Rule] = {
    Reason.ABUSE: Rule(
        "STATEMENT_CATEGORY_CYBER_VIOLENCE", N_("The comment attacks or insults a person instead of answering what was said."),
        "KEYWORD_CYBER_HARASSMENT",
    ),
    Reason.HATE: Rule(
        "STATEMENT_CATEGORY_ILLEGAL_OR_HARMFUL_SPEECH",
        N_("The comment runs people down for belonging to a group, such as their origin, religion or gender."), "KEYWORD_DISCRIMINATION",
    ),
    Reason.THREAT: Rule(
        "STATEMENT_CATEGORY_VIOLENCE", N_("The comment threatens somebody, or calls on others to hurt somebody."),
        "KEYWORD_INCITEMENT_VIOLENCE_HATRED",
    ),
    Reason.SPAM: Rule(_OTHER, N_("The comment advertises something, or repeats what was posted before.")),
    Reason.OFF_TOPIC: Rule(_OTHER, N_("The comment is not about the article or the conversation under it.")),
    Reason.MISINFORMATION: Rule(
        "STATEMENT_CATEGORY_NEGATIVE_EFFECTS_ON_CIVIC_DISCOURSE_OR_ELECTIONS",
        N_("The comment states something as a fact that misleads those who read it."), "KEYWORD_MISINFORMATION_DISINFORMATION",
    ),
    Reason.BANNED_PHRASE: Rule(_OTHER, N_("The comment uses words that are not published here.")),
    Reason.PRIVACY: Rule(
        "STATEMENT_CATEGORY_DATA_PROTECTION_AND_PRIVACY_VIOLATIONS", N_("The comment makes public what is somebody's private affair."),
    ),
    Reason.CLOSED: Rule(_OTHER, N_("The conversation under the article was closed when the comment came in.")),
    Reason.OTHER: Rule(_OTHER, N_("The comment does not keep to the guidelines of this site.")),
}

# The same of an account, as its person is told; programs read it with "What the person wrote".
TOLD_OF_ACCOUNT: dict[str, str] = {
    Reason.ABUSE: N_("What you wrote attacks or insults a person instead of answering what was said."),
    Reason.HATE: N_("What you wrote runs people down for belonging to a group, such as their origin, religion or gender."),
    Reason.THREAT: N_("What you wrote threatens somebody, or calls on others to hurt somebody."),
    Reason.SPAM: N_("What you wrote advertises something, or repeats what was posted before."),
    Reason.OFF_TOPIC: N_("What you wrote is not about the article or the conversation under it."),
    Reason.MISINFORMATION: N_("What you wrote states something as a fact that misleads those who read it."),
    Reason.BANNED_PHRASE: N_("What you wrote uses words that are not published here."),
    Reason.PRIVACY: N_("What you wrote makes public what is somebody's private affair."),
    Reason.OTHER: N_("What you wrote does not keep to the guidelines of this site."),
}

RULE_NAMES: dict[str, str] = {Reason.CLOSED.value: N_("The conversation was closed")} | {r.value: words for r, words in REJECT_REASONS.items()}

# What a program found, where one rejected by itself; never a score, which says nothing to whom it is about.
_FOUND = {
    Reason.BANNED_PHRASE: N_("It contains words that this site does not publish."),
    Reason.CLOSED: N_("The conversation had been closed."),
    Reason.OTHER: N_("It is longer or shorter than this site allows."),
}
_FOUND_BY_MODEL = N_("A program that reads comments found it to be a clear violation.")

REVIEWERS = tuple(role.value for role, held in PERMISSIONS.items() if Permission.REVIEW in held)



@dataclass(frozen=True)
class Standing:
    """Whether somebody may judge an appeal. `first`: the decision was hers; `alone`: nobody else could."""

    first: bool
    alone: bool

    @property
    def may(self) -> bool:
        return not self.first or self.alone


def facts_of(
    *, by_person: bool, was_public: bool, detected: bool, flagged: bool, reason: Reason, edit: bool = False, noticed: bool = False
) -> str:
    """What the decision rests on, in plain words and without a word about anybody. Pure."""
    if not by_person:
        found = _FOUND.get(reason, _FOUND_BY_MODEL)
        rejected = (
            N_("The automatic screening rejected the edit without a person reading it. The text before it stands.") if edit
            else N_("The automatic screening rejected the comment without a person reading it.")
        )
        return f"{rejected} {found}"
    if edit:
        return " ".join((
            N_("The automatic screening marked the edit for a person to read.") if detected
            else N_("The edit waited for a person to read it."),
            N_("A Community Manager read it and decided not to publish it."), N_("The text before it stands."),
        ))
    said = []
    if noticed:
        said.append(N_("Somebody sent a notice that the comment is illegal."))
    if flagged:
        said.append(N_("Readers flagged the comment."))
    if detected:
        said.append(N_("The automatic screening marked the comment for a person to read."))
    elif not was_public:
        said.append(N_("The comment waited for a person to read it."))
    said.append(
        N_("A Community Manager read it and took it out of the conversation.") if was_public
        else N_("A Community Manager read it and decided not to publish it.")
    )
    return " ".join(said)


def follow(
    comment: Comment, decision: Decision, *, actor: User | None, undoes: Decision | None, law: str, keep: Keep | None
) -> None:
    """Bring the comment's statements in line with a decision on it; flushes. Called by decide alone, under the article's lock.

    A rejection makes one, which goes to `keep` if given; whatever leaves a rejection ends it. Undoing what ended
    one makes it hold again, and the appeal with it. Decisions that change nothing in this cost nothing.
    """
    rejected, was_rejected = decision.to_status == Status.REJECTED, decision.from_status == Status.REJECTED
    if undoes is not None:
        _reopen(undoes)
        if rejected and not was_rejected:
            _reinstate(comment, undoes)
            return
    if rejected and not was_rejected:
        # What another system rejected is for that system to explain.
        if decision.reason != Reason.IMPORTED and undoes is None:
            _make(comment, decision, actor=actor, law=law, keep=keep)
    elif was_rejected and not rejected:
        _end(comment, decision)
    if decision.to_status == Status.WITHDRAWN:
        _drop_edits(comment, decision)


def state_edit(comment: Comment, decision: Decision, edit: Revision, *, actor: User | None, keep: Keep | None) -> None:
    """State why an edit was rejected, which goes to `keep` if given; flushes. The text before it stands. Called by edit_steps alone."""
    _make(comment, decision, actor=actor, law="", keep=keep, edit=edit)


def _make(
    comment: Comment, decision: Decision, *, actor: User | None, law: str, keep: Keep | None, edit: Revision | None = None
) -> None:
    site = db.session.get_one(Site, comment.site_id)  # in the session already, wherever speed matters
    reason = Reason(decision.reason if edit is None else edit.reason or Reason.OTHER)
    rule = RULES.get(reason, RULES[Reason.OTHER])
    by_person, was_public = actor is not None, decision.from_status == Status.PUBLISHED and edit is None
    detected = _detected(comment, decision.revision) if by_person else True
    noticed = comment.notice_count > 0 and edit is None
    flagged = by_person and comment.flag_count > comment.notice_count and edit is None
    statement = Statement(
        puid=str(uuid.uuid4()), site_id=comment.site_id, user_id=comment.author_id, comment_id=comment.id, decision=decision,
        revision=edit.number if edit is not None else None, reason=reason.value, decision_visibility=REMOVED if was_public else DISABLED,
        decision_ground=ILLEGAL if law else INCOMPATIBLE,
        ground=law or f"Guidelines for comments of {site.name}: {rule_words(site, reason, decision.site_reason)}",
        explanation=rule.explanation,
        decision_facts=facts_of(
            by_person=by_person, was_public=was_public, detected=detected, flagged=flagged, reason=reason, edit=edit is not None,
            noticed=noticed,
        ),
        category=rule.category, content_date=comment.created_at if edit is None else edit.created_at, created_at=decision.created_at,
        source_type=BY_NOTICE if noticed and by_person else BY_FLAG if flagged else OWN_INITIATIVE, automated_detection=detected,
        automated_decision=BY_PERSON if by_person else BY_PROGRAM,
        appeal_until=decision.created_at + dt.timedelta(days=site.policy.appeal_days), told=False,
    )
    if keep is not None:
        keep(statement)
        announce(comment, News.STATED, statement=statement, keep=keep)
        return
    if by_person:
        _tell(statement)
    db.session.add(statement)
    db.session.flush()
    announce(comment, News.STATED, statement=statement)


def rule_words(site: Site, reason: str, site_reason: str | None) -> str:
    """A rule as the site words it, else in our own words."""
    return words_of_reason(site, reason, site_reason) or RULE_NAMES.get(reason, RULE_NAMES[Reason.OTHER])


def rule_of(statement: Statement) -> str:
    """The rule that a statement rests on, in the site's words; its site and decision are loaded."""
    own = statement.decision.site_reason if statement.decision is not None else None
    return translate(rule_words(statement.site, statement.reason, own), None)  # a site's own words are in no catalogue


def told_explanation(statement: Statement) -> str:
    """The statement's explanation as its person reads it, in the present language."""
    if statement.sanction_id is not None:
        return gettext(TOLD_OF_ACCOUNT.get(statement.reason, TOLD_OF_ACCOUNT[Reason.OTHER]))
    return in_present_language(statement.explanation)


def in_present_language(text: str) -> str:
    """A statement's explanation or facts, which are kept in English, sentence by sentence in the language of whoever reads it."""
    return " ".join(translate(sentence, None) for sentence in re.split(r"(?<=\.) ", text))


_LATEST_FINDINGS = (
    select(Screening.findings)
    .where(Screening.comment_id == bindparam("comment"), Screening.revision == bindparam("revision"))
    .order_by(Screening.id.desc()).limit(1)
)


def _detected(comment: Comment, revision: int) -> bool:
    """Whether the screening found something in that text of the comment, rather than holding whatever comes."""
    findings = db.session.scalar(_LATEST_FINDINGS, {"comment": comment.id, "revision": revision}) or []
    return any(found.get("phase") in DETECTING and found.get("verdict") in {"hold", "reject"} for found in findings)


def live_statement(comment_id: int) -> Statement | None:
    """The statement that holds for a comment as a whole."""
    return db.session.scalar(
        select(Statement).where(of_whole(), Statement.comment_id == comment_id, Statement.ended_at.is_(None))
        .execution_options(populate_existing=True)
    )


def of_whole() -> ColumnElement[bool]:
    """Statements of a whole comment, or of an account: not those of an edit."""
    return Statement.revision.is_(None)


def live_statements_of_edits(comment_id: int) -> Sequence[Statement]:
    """Those that hold for edits of a comment, in their order."""
    return db.session.scalars(
        select(Statement)
        .where(Statement.comment_id == comment_id, Statement.revision.is_not(None), Statement.ended_at.is_(None))
        .order_by(Statement.id).execution_options(populate_existing=True)
    ).all()


def texts_of_edits(statements: Sequence[Statement]) -> dict[int, str]:
    """The rejected text, by statement, of those that are about an edit; no statement where none is."""
    wanted = [(s.comment_id, s.revision) for s in statements if s.revision is not None]
    if not wanted:
        return {}
    found = db.session.execute(
        select(Revision.comment_id, Revision.number, Revision.body).where(tuple_(Revision.comment_id, Revision.number).in_(wanted))
    )
    texts: dict[tuple[int | None, int | None], str] = {(row.comment_id, row.number): row.body for row in found}
    return {s.id: texts[s.comment_id, s.revision] for s in statements if (s.comment_id, s.revision) in texts}


def follow_edit(comment: Comment, decision: Decision, *, undoes: Decision | None = None) -> None:
    """Bring the statement of an edit in line with a decision on it or with the undo of one; flushes. Called by edit_steps alone."""
    if undoes is None:
        for statement in live_statements_of_edits(comment.id):
            if statement.revision == decision.revision:
                _close(statement, decision, Ending.OVERTURNED)
        return
    _reopen(undoes)
    _reinstate(comment, undoes)
    for statement in live_statements_of_edits(comment.id):
        if statement.decision_id == undoes.id:
            _close(statement, decision, Ending.TAKEN_BACK)


def _drop_edits(comment: Comment, decision: Decision) -> None:
    """The author has taken her comment back: what was decided about edits of it is over too."""
    for statement in live_statements_of_edits(comment.id):
        _close(statement, decision, Ending.WITHDRAWN)


def _end(comment: Comment, decision: Decision) -> None:
    statement = live_statement(comment.id)
    if statement is None:
        return  # rejected before there were statements, or in another system
    if decision.reason == Reason.OVERTURNED:
        ending = Ending.OVERTURNED
    elif decision.to_status == Status.WITHDRAWN:
        ending = Ending.WITHDRAWN
    else:
        ending = Ending.TAKEN_BACK
    _close(statement, decision, ending)


def _close(statement: Statement, decision: Decision, ending: Ending) -> None:
    statement.ended_at, statement.ended_by_id, statement.ending = decision.created_at, decision.id, ending.value
    mail_id, statement.mail_id = statement.mail_id, None
    db.session.flush()
    if recall_mail(mail_id):
        statement.told = False
    elif statement.told and ending == Ending.TAKEN_BACK:
        statement.mail_id = mail_about(statement, N_("We have taken back a decision about your comment"), "taken_back")
    if ending != Ending.OVERTURNED:  # then the appeal is why, and whoever judged it writes so
        db.session.execute(
            update(Appeal)
            .where(Appeal.statement_id == statement.id, Appeal.status == AppealStatus.OPEN)
            .values(
                status=AppealStatus.DROPPED if ending == Ending.WITHDRAWN else AppealStatus.SETTLED,
                decided_at=decision.created_at, decision_id=decision.id,
            )
        )
    db.session.flush()


def state_sanction(sanction: Sanction, site: Site | None) -> Statement:
    """The statement of a sanction that was just imposed, and of which its own mail tells; flushes.

    One on all sites is looked after by the site where the person wrote last.
    """
    home = site or home_of(sanction.user_id)
    reason, by_person = Reason(sanction.reason), sanction.actor_id is not None
    rule = RULES.get(reason, RULES[Reason.OTHER])
    column, code = SANCTIONS[SanctionKind(sanction.kind)]
    statement = Statement(
        puid=str(uuid.uuid4()), site_id=home.id, user_id=sanction.user_id, sanction_id=sanction.id, reason=reason.value,
        decision_ground=INCOMPATIBLE, ground=f"Guidelines for comments of {home.name}: {RULE_NAMES.get(reason, RULE_NAMES[Reason.OTHER])}",
        explanation=rule.explanation.replace("The comment", "What the person wrote", 1),
        decision_facts=(
            N_("A Community Manager decided this about the account, because of what was written from it.") if by_person
            else N_("A rule of the site did this by itself, because several comments of the account had been rejected.")
        ),
        category=rule.category, created_at=sanction.starts_at, end_date=sanction.ends_at, source_type=OWN_INITIATIVE,
        automated_detection=not by_person, automated_decision=BY_PERSON if by_person else BY_PROGRAM,
        appeal_until=sanction.starts_at + dt.timedelta(days=home.policy.appeal_days), told=True, **{column: code},
    )
    db.session.add(statement)
    db.session.flush()
    return statement


def home_of(user_id: int) -> Site:
    """The site where the person wrote last, for what concerns her on all; the first where she wrote nowhere."""
    last = select(Comment.site_id).where(Comment.author_id == user_id).order_by(Comment.created_at.desc(), Comment.id.desc()).limit(1)
    found = db.session.scalar(last) or db.session.scalars(select(Site.id).order_by(Site.id).limit(1)).one()
    return db.session.get_one(Site, found)


def statement_of_sanction(sanction_id: int) -> Statement | None:
    """The statement of a sanction; None for one from before there were statements."""
    return db.session.scalar(select(Statement).where(Statement.sanction_id == sanction_id))


def statements_of_sanctions(ids: Sequence[int]) -> dict[int, str]:
    """The puids of their statements, by sanction."""
    found = db.session.execute(select(Statement.sanction_id, Statement.puid).where(Statement.sanction_id.in_(ids)))
    return {row.sanction_id: row.puid for row in found}


def end_with_sanction(sanction: Sanction) -> None:
    """A colleague has ended a sanction: its statement ends, and an appeal against it is settled; flushes."""
    statement = statement_of_sanction(sanction.id)
    if statement is None or statement.ended_at is not None:
        return
    statement.ended_at, statement.ending = sanction.ended_at, Ending.TAKEN_BACK.value
    db.session.flush()
    db.session.execute(
        update(Appeal)
        .where(Appeal.statement_id == statement.id, Appeal.status == AppealStatus.OPEN)
        .values(status=AppealStatus.SETTLED, decided_at=sanction.ended_at)
    )


def _reinstate(comment: Comment, undoes: Decision) -> None:
    statement = db.session.scalar(
        select(Statement).where(Statement.comment_id == comment.id, Statement.ended_by_id == undoes.id)
        .execution_options(populate_existing=True)
    )
    if statement is None:
        return
    statement.ended_at = statement.ended_by_id = statement.ending = None
    mail_id, statement.mail_id = statement.mail_id, None
    db.session.flush()
    if not recall_mail(mail_id) and statement.automated_decision != BY_PROGRAM:
        _tell(statement)
    db.session.flush()


def _reopen(undoes: Decision) -> None:
    """The appeals that a decision closed, where it is undone."""
    for appeal in db.session.scalars(select(Appeal).where(Appeal.decision_id == undoes.id)).all():
        reopen_appeal(appeal)


def reopen_appeal(appeal: Appeal) -> None:
    """Have an appeal wait again; its author is told, if she was told how it was decided. Flushes."""
    was, mail_id = appeal.status, appeal.mail_id
    appeal.status, appeal.answer, appeal.alone = AppealStatus.OPEN.value, "", False
    appeal.decided_at = appeal.decided_by_id = appeal.decision_id = appeal.mail_id = None
    db.session.flush()
    if not recall_mail(mail_id) and was in {AppealStatus.UPHELD, AppealStatus.OVERTURNED}:
        statement = db.session.get_one(Statement, appeal.statement_id)
        appeal.mail_id = mail_about(statement, N_("Your appeal is open again"), "appeal_reopened", due=appeal.due_at)
        db.session.flush()


def _tell(statement: Statement) -> None:
    if wish_of(statement.user_id, Kind.DECISION).mail != How.AT_ONCE:
        return  # she finds it in the widget, on her page, and in the digest if she has one
    if statement.revision is not None:
        subject = N_("Your edit was not published")
    else:
        subject = N_("Your comment was taken down") if statement.decision_visibility == REMOVED else N_("Your comment was not published")
    stop = unsubscribe_url(statement.user_id, Kind.DECISION)
    statement.mail_id = mail_about(statement, subject, "statement", stop=stop)
    if statement.mail_id is not None:
        db.session.get_one(Mail, statement.mail_id).unsubscribe_url = stop
    statement.told = statement.mail_id is not None


def check_undo(decision: Decision, actor: User) -> Statement | None:
    """NotAllowed where taking this decision back would reopen an appeal against the actor's own one.

    The statement that was appealed, where the decision was made on an appeal.
    """
    if decision.reason not in {Reason.UPHELD, Reason.OVERTURNED}:
        return None
    statement = db.session.scalar(
        select(Statement).join(Appeal, Appeal.statement_id == Statement.id).where(Appeal.decision_id == decision.id)
    )
    if statement is not None and not standing_of(statement, actor).may:
        raise NotAllowed("This was decided on an appeal against your own decision; somebody else can take it back.", code="own_decision")
    return statement


def standing_of(statement: Statement, person: User) -> Standing:
    """Whether the person may judge an appeal against the decision."""
    if statement.sanction_id is not None:
        made = select(Sanction.actor_id).where(Sanction.id == statement.sanction_id)
    else:
        made = select(Decision.actor_id).where(Decision.id == statement.decision_id)
    first = db.session.scalar(made) == person.id
    return Standing(first, alone=first and not _others(statement.site_id, person))


def _others(site_id: int, person: User) -> bool:
    """Whether the site has another community manager."""
    return db.session.scalar(
        select(SiteRole.id)
        .where(SiteRole.site_id == site_id, SiteRole.role.in_(REVIEWERS), SiteRole.user_id != person.id)
        .limit(1)
    ) is not None


def mail_about(statement: Statement, subject: str, template: str, **context: object) -> int | None:
    """Queue a mail to whom the statement is for, in her language, with a link to its page; its id, None where she has no address. Flushes."""
    row = db.session.execute(
        select(User.email, User.display_name, User.language, Article.title, Site)
        .select_from(User).join(Site, Site.id == statement.site_id)
        .outerjoin(Comment, Comment.id == statement.comment_id).outerjoin(Article, Article.id == Comment.article_id)
        .where(User.id == statement.user_id)
    ).one()
    if row.email is None:
        return None
    # A statement that is being made has its decision, and no number of it yet.
    decision = None
    if statement.sanction_id is None:
        decision = db.session.get(Decision, statement.decision_id) if statement.decision_id else statement.decision
    own, message = (decision.site_reason, decision.message) if decision is not None else (None, "")
    with in_language(row.language or row.Site.language):
        return queue_mail_after(MAIL_AFTER, row.email, gettext(subject), template, context | {
            "statement": statement, "name": row.display_name, "site_name": row.Site.name, "article": row.title,
            "rule": translate(rule_words(row.Site, statement.reason, own), None), "message": message, "said": in_present_language,
            "removed": statement.decision_visibility == REMOVED, "link": mail_link(statement), "about_account": statement.sanction_id is not None, "edit": statement.revision is not None,
        }).id


def _tokens() -> URLSafeSerializer:
    secrets = [*reversed(current_app.config["SECRET_KEY_FALLBACKS"]), current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(secrets, salt="statement", signer_kwargs={"digest_method": hashlib.sha256})


def mail_token(puid: str) -> str:
    """What the link in a mail names a statement by."""
    token = _tokens().dumps(puid)
    return token if isinstance(token, str) else token.decode()


def mail_link(statement: Statement) -> str:
    """The path that a mail about a statement leads to."""
    return f"/account/decisions/from-mail/{mail_token(statement.puid)}"


def read_mail_token(token: str) -> str | None:
    """The statement's puid; None for a link that is none of ours."""
    try:
        return str(_tokens().loads(token))
    except BadSignature:
        return None


def days_left(moment: dt.datetime, now: dt.datetime | None = None) -> int:
    """Whole days until a moment; below 0 when it has passed."""
    return (moment - (now or utcnow())) // dt.timedelta(days=1)
