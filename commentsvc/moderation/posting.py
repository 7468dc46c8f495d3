"""A post on its way in: may she, what is known of her, and what the screening makes of it at once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Label,
    Select,
    bindparam,
    cast,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.orm import aliased
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import Admission, submit_comment
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.errors import NotAllowed, NotSignedIn, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import NN_
from commentsvc.moderation.models import Decision, Flag
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.sanctions import BLOCKING, check, holds, refuse
from commentsvc.moderation.screen import screen_comment
from commentsvc.screening.policy import Policy
from commentsvc.screening.trust import FORGIVEN_AFTER, PUBLISHED_COUNTED, Level, Standing, level_of
from commentsvc.sites.models import Article

SLOW = {Level.NEW, Level.WATCHED}
# By the seconds in what the wait is told in.
WAIT_A_LITTLE = {
    1: NN_(
        "New authors wait a little between comments here. What you typed is kept: send it again in %(num)d second.",
        "New authors wait a little between comments here. What you typed is kept: send it again in %(num)d seconds.",
    ),
    60: NN_(
        "New authors wait a little between comments here. What you typed is kept: send it again in %(num)d minute.",
        "New authors wait a little between comments here. What you typed is kept: send it again in %(num)d minutes.",
    ),
}


def take_in(
    article: Article, author: User, body: str, parent_id: int | None = None, *, request_key: str = ""
) -> Comment:
    """Store a person's comment and screen it as far as goes without the model; its author and article are loaded. Flushes.

    As `submit_comment`; besides, Sanctioned or NotAllowed where she may not post here, TooSoon where
    the site has new authors wait.
    """
    comment = submit_comment(article, author, body, parent_id, request_key=request_key, admit=admit)
    set_committed_value(comment, "article", article)  # not yet there on one that was sent twice
    if comment.status == Status.PENDING:
        screen_comment(comment)
    for name, known in (("article", article), ("author", author)):  # a decision has read the row anew, without them
        set_committed_value(comment, name, known)
    return comment


def cast_vote(comment: Comment, user: User, value: int, network: str = "") -> Comment:
    """As `vote`; Sanctioned where the person may not vote here."""
    check(user, comment.site_id)
    return vote(comment, user, value, network)


def admit(article: Article, author: User, *, pace: bool = True) -> Admission:
    """Whether the author may post here now, and what is known of her; one statement, under her lock.

    NotSignedIn where her account was deleted while she waited for the lock. Without `pace` it is no new comment, and she
    need not wait.
    """
    policy: Policy = article.site.policy
    role = author.role_on(article.site_id)
    staff = Permission.SKIP_SCREENING in PERMISSIONS[role]
    rule = None if staff else policy.email_rule(author.email)
    if rule is not None and rule.action == "refuse":
        raise NotAllowed(
            "This site takes no comments from accounts with an e-mail address at this domain.", code="email_domain"
        )
    now = utcnow()
    asks = policy.asks_trust and not staff
    asked = {"user": author.id, "site": article.site_id, "now": now, "since": now - FORGIVEN_AFTER}
    found = db.session.connection().execute(_RECORD if asks else _HELD, asked).all()
    if found[0].erased_at is not None:
        raise NotSignedIn("Sign in to do this.")
    held = [row.sanction_id for row in found if row.sanction_id is not None]
    sanctions = db.session.scalars(select(Sanction).where(Sanction.id.in_(held)).order_by(Sanction.id)).all() if held else []
    refuse(sanctions, (*BLOCKING, SanctionKind.WARN))
    level = None
    if asks:
        standing = Standing(*found[0][:4])
        level = level_of(standing, now)
        if pace:
            _keep_pace(policy, level, found[0].last_posted, now)
    kinds = {sanction.kind for sanction in sanctions}
    hold_for = next((k.value for k in (SanctionKind.SHADOW, SanctionKind.ALWAYS_REVIEW) if k in kinds), None)
    if hold_for is None and rule is not None:
        hold_for = "email_domain"
    return Admission(hold_for=hold_for, author_level=level.value if level else None)


def _keep_pace(policy: Policy, level: Level, last_posted: dt.datetime | None, now: dt.datetime) -> None:
    if not policy.trust_pace or level not in SLOW or last_posted is None:
        return
    left = math.ceil(policy.trust_pace - (now - last_posted).total_seconds())
    if left > 0:
        unit = 1 if left < 120 else 60
        raise TooSoon(WAIT_A_LITTLE[unit], retry_after=left, values={"num": math.ceil(left / unit)})


def _was_rejected(comment: Any) -> ColumnElement[bool]:
    """Withdrawing what was rejected does not take it off the record."""
    d, later = aliased(Decision), aliased(Decision)
    return exists(select(d.id).where(
        d.comment_id == comment.id, d.to_status == Status.REJECTED,
        ~exists(select(later.id).where(later.comment_id == d.comment_id, later.id > d.id, later.to_status != Status.WITHDRAWN)),
    ))


def _upheld(comment: Any) -> ColumnElement[bool]:
    flag, ruling = aliased(Flag), aliased(Decision)
    return exists(
        select(flag.id).join(ruling, ruling.id == flag.resolved_by_id)
        .where(flag.comment_id == comment.id, flag.user_id != comment.author_id, ruling.to_status == Status.REJECTED)
    )


def _bad(comment: Any, since: Any) -> tuple[ColumnElement[bool], ...]:
    return (
        comment.status.in_([Status.REJECTED, Status.WITHDRAWN]), comment.created_at > since,
        or_(comment.status == Status.REJECTED, _was_rejected(comment)),
    )


def standing_columns(user_id: Any, site_id: Any, since: Any) -> tuple[Label[Any], ...]:
    """The fields of a Standing of this person on this site, in their order, each read from `ix_comments_record`.

    Values or parameters; `since` is FORGIVEN_AFTER ago.
    """
    c = aliased(Comment)
    mine = (c.author_id == user_id, c.site_id == site_id)
    standing = (*mine, c.status == Status.PUBLISHED)
    published = select(func.count()).select_from(select(c.id).where(*standing).limit(PUBLISHED_COUNTED).subquery())
    first = select(c.created_at).where(*standing).order_by(c.created_at).limit(1)
    bad = select(func.count()).select_from(c).where(*mine, *_bad(c, since))
    return (
        published.scalar_subquery().label("published"), first.scalar_subquery().label("first_published"),
        bad.scalar_subquery().label("rejected"), bad.where(_upheld(c)).scalar_subquery().label("upheld"),
    )


def _record() -> Select[Any]:
    last_posted = (
        select(Comment.created_at).where(Comment.author_id == _USER, Comment.site_id == _SITE)
        .order_by(Comment.created_at.desc()).limit(1).scalar_subquery().label("last_posted")
    )
    return _held(*standing_columns(_USER, _SITE, bindparam("since")), last_posted)


def _held(*columns: Any) -> Select[Any]:
    return (
        select(*columns, User.erased_at, Sanction.id.label("sanction_id")).select_from(User).outerjoin(Sanction, _HOLDS)
        .where(User.id == _USER).order_by(Sanction.id)
    )


# Every post asks one of these: the sanctions that hold, one row without any; or these and the record. To write them anew
# each time took longer than the database does for them.
_USER: Final = bindparam("user", type_=Comment.author_id.type)
_SITE: Final = bindparam("site", type_=Comment.site_id.type)
_HOLDS: Final = holds(_USER, _SITE, bindparam("now"))
_HELD: Final = _held()
_RECORD: Final = _record()


def standings(keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], Standing]:
    """What the formula of trust looks at, by (site, person); one statement, however many."""
    if not keys:
        return {}
    c = aliased(Comment)
    theirs = (c.author_id.in_({user for _, user in keys}), c.site_id.in_({site for site, _ in keys}))
    none = literal(0)
    each = select(c.site_id, c.author_id, func.count(), func.min(c.created_at), none, none).where(*theirs, c.status == Status.PUBLISHED).group_by(c.site_id, c.author_id)
    marks = (
        select(c.site_id, c.author_id, none, cast(null(), Comment.created_at.type), func.count(), func.count().filter(_upheld(c)))
        .where(*theirs, *_bad(c, utcnow() - FORGIVEN_AFTER)).group_by(c.site_id, c.author_id)
    )
    found = dict.fromkeys(keys, Standing())
    for site, user, published, first, rejected, upheld in db.session.execute(union_all(each, marks)):
        if (site, user) in found:
            known = found[site, user]
            found[site, user] = Standing(
                min(known.published + published, PUBLISHED_COUNTED), known.first_published or first, known.rejected + rejected,
                known.upheld + upheld,
            )
    return found


def levels(keys: Collection[tuple[int, int]]) -> dict[tuple[int, int], Level]:
    """The levels of trust as they are now, by (site, person); one statement."""
    now = utcnow()
    return {key: level_of(standing, now) for key, standing in standings(keys).items()}
