"""Two accounts of one person become one. It cannot be taken back, so it takes her name to confirm."""

from __future__ import annotations

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import aliased

from commentsvc.accounts.audit import record
from commentsvc.accounts.closing import close
from commentsvc.accounts.models import ExternalAuthor, ExternalIdentity, Profile, SiteBadge, User
from commentsvc.comments.authors import renew_pages
from commentsvc.comments.counts import article_has_respect, lock_article, set_votes
from commentsvc.comments.hiding import take_over
from commentsvc.comments.models import Comment, Vote
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import gettext, in_language
from commentsvc.moderation.decide import count_open_flags
from commentsvc.moderation.models import Appeal, Flag, LegalNotice, Statement
from commentsvc.moderation.people_models import Merge, PersonNote, Sanction, Sweep
from commentsvc.moderation.sanctions import admin_of_all, lock_person
from commentsvc.moderation.statements import home_of

WHOLE = {"synchronize_session": False}


def merge(kept: User, merged: User, *, actor: User, typed_name: str) -> Merge:
    """Give all that `merged` wrote and did to `kept`, and close it; flushes.

    Comments, votes, flags, sanctions, notes, badges and the bio move; where both voted on or flagged one comment, what `kept` said
    stands, and what would now be about her own comments goes. All counts are then what a recount gives.
    It cannot be taken back: `typed_name` is the merged account's name, typed by whoever asks.
    NotAllowed unless she is admin of every site, since accounts belong to all of them.
    """
    if not admin_of_all(actor):
        raise NotAllowed("Only somebody who is admin of every site can merge accounts.", code="not_all_sites")
    if kept.id == merged.id:
        raise Invalid("These are one account already.", field="merged_id", code="same_account")
    if actor.id in {kept.id, merged.id}:
        raise NotAllowed("You cannot merge your own account.", code="yourself")
    for one in sorted((kept.id, merged.id)):
        lock_person(one)
    if db.session.scalar(select(func.count()).select_from(Merge).where(Merge.merged_id.in_([kept.id, merged.id]))):
        raise Conflict("One of these accounts has been merged into another already.", code="already_merged")
    if merged.roles:
        raise NotAllowed("The account to be merged holds a role on a site. Take it from it first.", code="staff")
    if " ".join(typed_name.split()) != " ".join(merged.display_name.split()):
        raise Invalid("Type the name of the account that will be closed, as it stands there.", field="typed_name")
    row = Merge(kept_id=kept.id, merged_id=merged.id, actor_id=actor.id, created_at=utcnow())
    db.session.add(row)
    db.session.flush()
    _lock_articles(merged.id)
    row.comments = _move_comments(kept.id, merged.id)
    row.votes, row.votes_dropped, voted = _move_reactions(Vote, kept.id, merged.id)
    _, _, flagged = _move_reactions(Flag, kept.id, merged.id)
    _count_again(voted, flagged)
    take_over(kept.id, merged.id)
    for table, column in (
        (Sanction, Sanction.user_id), (PersonNote, PersonNote.user_id), (Sweep, Sweep.user_id), (ExternalAuthor, ExternalAuthor.user_id),
        (Statement, Statement.user_id), (Appeal, Appeal.user_id), (ExternalIdentity, ExternalIdentity.user_id),
        (LegalNotice, LegalNotice.user_id),
    ):
        db.session.execute(update(table).where(column == merged.id).values({column.key: kept.id}).execution_options(**WHOLE))
    _move_badges(kept, merged.id)
    _move_profile(kept.id, merged.id)
    record(actor, "account.merged", subject=f"user:{merged.id}", into=kept.id, comments=row.comments, votes=row.votes)
    _tell(kept, merged)
    close(merged)
    db.session.flush()
    return row


def _lock_articles(merged_id: int) -> None:
    """The articles on which anything moves, locked in one order; their pages are new from now on."""
    found = db.session.scalars(
        select(Comment.article_id).where(Comment.author_id == merged_id)
        .union(
            select(Comment.article_id).join(Vote, Vote.comment_id == Comment.id).where(Vote.user_id == merged_id),
            select(Comment.article_id).join(Flag, Flag.comment_id == Comment.id).where(Flag.user_id == merged_id),
        )
    ).all()
    for article_id in sorted(set(found)):
        lock_article(article_id)


def _move_comments(kept_id: int, merged_id: int) -> int:
    other = aliased(Comment)
    # Of two posts under one Idempotency-Key the key no longer says which is meant.
    clash = (
        select(other.id).where(other.author_id == kept_id, other.site_id == Comment.site_id, other.request_key == Comment.request_key).exists()
    )
    db.session.execute(
        update(Comment).where(Comment.author_id == merged_id, Comment.request_key.is_not(None), clash)
        .values(request_key=None).execution_options(**WHOLE)
    )
    moved = db.session.scalars(
        update(Comment).where(Comment.author_id == merged_id).values(author_id=kept_id).returning(Comment.id).execution_options(**WHOLE)
    )
    return len(moved.all())


def _move_reactions(table: type[Vote | Flag], kept_id: int, merged_id: int) -> tuple[int, int, set[int]]:
    """Move votes or flags; how many moved, how many went, and on which comments something went."""
    other = aliased(table)
    own = select(Comment.id).where(Comment.id == table.comment_id, Comment.author_id == kept_id).exists()
    double = select(other.id).where(other.comment_id == table.comment_id, other.user_id == kept_id).exists()
    gone = db.session.scalars(
        delete(table).where(or_(
            and_(table.user_id == merged_id, or_(double, own)), and_(table.user_id == kept_id, own),
        )).returning(table.comment_id).execution_options(**WHOLE)
    ).all()
    moved = db.session.scalars(
        update(table).where(table.user_id == merged_id).values(user_id=kept_id).returning(table.id).execution_options(**WHOLE)
    ).all()
    return len(moved), len(gone), set(gone)


def _move_badges(kept: User, merged_id: int) -> None:
    """What a site says of either it says of both; of two fields the kept account's stands."""
    rows = db.session.scalars(select(SiteBadge).where(SiteBadge.user_id == merged_id)).all()
    for row in rows:
        own = db.session.get(SiteBadge, (row.site_id, kept.id))
        if own is None:
            own = SiteBadge(site_id=row.site_id, user_id=kept.id, expert=None, member=False)
            db.session.add(own)
        if own.expert is None:
            own.expert, own.expert_via = row.expert, row.expert_via
        if not own.member:
            own.member, own.member_via = row.member, row.member_via
        db.session.delete(row)
    db.session.flush()
    if rows:
        renew_pages(kept)


def _move_profile(kept_id: int, merged_id: int) -> None:
    """What either says about herself, the kept account first; who kept her history private on one goes on doing so."""
    row, own = db.session.get(Profile, merged_id), db.session.get(Profile, kept_id)
    if row is None:
        return
    if own is None:
        db.session.execute(update(Profile).where(Profile.user_id == merged_id).values(user_id=kept_id).execution_options(**WHOLE))
        db.session.expire(row)
        return
    if not own.bio and own.offered is None:
        own.bio, own.offered, own.state, own.findings, own.offered_at = row.bio, row.offered, row.state, row.findings, row.offered_at
        own.reason, own.reason_words = row.reason, row.reason_words
        own.number += 1
    own.history_private = own.history_private or row.history_private
    db.session.delete(row)
    db.session.flush()


def _count_again(voted: set[int], flagged: set[int]) -> None:
    for comment in db.session.scalars(select(Comment).where(Comment.id.in_(voted | flagged)).execution_options(populate_existing=True)):
        if comment.id in voted:
            up, down = db.session.execute(
                select(func.count().filter(Vote.value == 1), func.count().filter(Vote.value == -1)).where(Vote.comment_id == comment.id, Vote.counted)
            ).one()
            set_votes(comment, up, down, respect=article_has_respect(comment.article_id))
        if comment.id in flagged:
            count_open_flags(comment)
    db.session.flush()


def _tell(kept: User, merged: User) -> None:
    for address in filter(None, (kept.email, merged.email)):
        with in_language(kept.language or merged.language or home_of(kept.id).language):
            queue_mail(
                address, gettext("Your two accounts are one now"), "merged", name=kept.display_name, closed=merged.display_name,
                here=address == kept.email,
            )


def accounts_of(user_id: int) -> list[int]:
    """The account's number, and those of all that were merged into it, or into one that was."""
    found = [user_id]
    for one in found:
        found.extend(db.session.scalars(select(Merge.merged_id).where(Merge.kept_id == one).order_by(Merge.id)))
    return found
