"""Hiding a person for oneself: what she writes is folded away for one reader alone, on every site, and nobody is told.

Everywhere, not site by site: an account is one on all sites, and so is who annoys somebody. What a Community Manager
says as one is never hidden, since it is about the conversation itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, delete, exists, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import aliased, joinedload

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import STAFF
from commentsvc.comments.models import Comment, Hidden, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.pagination import SortKey, page

# The list goes with each answer to its reader; who is annoyed by more people than this wants no comments at all.
MOST: Final = 500
PER_PAGE: Final = 50
_STAFF: Final = [role.value for role in STAFF]


def hide(user: User, person_id: int) -> User:
    """Fold away what this person writes, for this reader; doing so twice is as good as once. The person; flushes.

    NotFound for who has nothing published, so that nobody learns the names of people who never showed themselves.
    """
    if person_id == user.id:
        raise Invalid("You cannot hide yourself.", code="yourself")
    person = db.session.get(User, person_id)
    seen = select(Comment.id).where(Comment.author_id == person_id, Comment.status == Status.PUBLISHED)
    if person is None or not db.session.scalar(select(exists(seen))):
        raise NotFound("There is no such person.")
    if any(grant.role in _STAFF for grant in person.roles):
        raise NotAllowed("Community Managers cannot be hidden: what they say concerns the conversation itself.", code="staff")
    db.session.execute(select(User.id).where(User.id == user.id).with_for_update(key_share=True))  # two windows of hers in turn
    there = db.session.scalars(select(Hidden.hidden_id).where(Hidden.user_id == user.id)).all()
    if person_id not in there and len(there) >= MOST:
        raise Conflict("You hide %(most)s people already. Show some of them again first.", code="too_many_hidden", values={"most": MOST})
    insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
    db.session.execute(insert(Hidden).values(user_id=user.id, hidden_id=person_id, created_at=utcnow()).on_conflict_do_nothing())
    return person


def show(user: User, person_id: int) -> None:
    """Show what this person writes again; nothing happens where she is not hidden. Flushes."""
    db.session.execute(delete(Hidden).where(Hidden.user_id == user.id, Hidden.hidden_id == person_id).execution_options(synchronize_session=False))


def hidden_by(user: User) -> frozenset[int]:
    """The people whom she hides; one statement."""
    return frozenset(db.session.scalars(select(Hidden.hidden_id).where(Hidden.user_id == user.id)))


def page_of_hidden(user: User, after: str | None = None, limit: int = PER_PAGE) -> tuple[Sequence[Hidden], str | None]:
    """The people whom she hides with their names, the latest first, and where the next page begins."""
    check_limit(limit)
    scope = f"hidden:{user.id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    wanted = select(Hidden).where(Hidden.user_id == user.id).options(joinedload(Hidden.hidden).lazyload(User.roles))
    rows, more = page(wanted, SortKey(Hidden.id), Hidden.id, position=position, limit=limit)
    found = [row[0] for row in rows]
    return found, signer.write(scope, found[-1].id, found[-1].id) if more else None


def hides(reader: Any, author: Any) -> ColumnElement[bool]:
    """Whether the one hides the other, as a condition; nobody hides who has become a Community Manager since."""
    staff = exists(select(SiteRole.user_id).where(SiteRole.user_id == author, SiteRole.role.in_(_STAFF)))
    return and_(exists(select(Hidden.id).where(Hidden.user_id == reader, Hidden.hidden_id == author)), ~staff)


def take_over(kept_id: int, merged_id: int) -> None:
    """Two accounts become one: it hides whom either hid, and is hidden from whom either was; never from itself."""
    other = aliased(Hidden)
    whole = {"synchronize_session": False}
    both = {kept_id, merged_id}
    db.session.execute(delete(Hidden).where(Hidden.user_id.in_(both), Hidden.hidden_id.in_(both)).execution_options(**whole))
    for column, rest in ((Hidden.user_id, Hidden.hidden_id), (Hidden.hidden_id, Hidden.user_id)):
        double = select(other.id).where(getattr(other, column.key) == kept_id, getattr(other, rest.key) == rest).exists()
        db.session.execute(delete(Hidden).where(column == merged_id, double).execution_options(**whole))
        db.session.execute(update(Hidden).where(column == merged_id).values({column.key: kept_id}).execution_options(**whole))
