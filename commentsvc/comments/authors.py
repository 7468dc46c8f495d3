"""People as the authors of what they wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sqlalchemy import bindparam, select, update

from commentsvc.accounts.audit import record
from commentsvc.accounts.badges import EXPERT, MEMBER, clean_field, refuse_imitation
from commentsvc.accounts.factors import check_code
from commentsvc.accounts.identity import clean_name, rename
from commentsvc.accounts.models import SiteBadge, User
from commentsvc.accounts.sessions import admit, start_session
from commentsvc.accounts.sso import VIA, Claims, exchange
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.sites.models import Article, Site

_ROWS: Final = SiteBadge.__table__.c
_BADGES: Final = select(_ROWS.expert, _ROWS.member).where(_ROWS.site_id == bindparam("site"), _ROWS.user_id == bindparam("user"))


def rename_author(user: User, display_name: str, *, vouched: bool = False) -> None:
    """Give the person another name, here and on every page she wrote on; flushes.

    Invalid names what is wrong with it; one that imitates a badge is somebody else's to vouch for. The versions of those
    articles move, so that no cached page keeps the old one.
    """
    if not vouched:
        refuse_imitation(clean_name(display_name), user)
    rename(user, display_name)
    renew_pages(user)


def give_badges(site: Site, user: User, *, expert: str | None, member: bool, by: User | None) -> bool:
    """What the site says of the person from now on; whether that changed anything. Flushes.

    `expert` is in what she is one ("": without saying so; None: she is none), `member` whether she subscribes. Invalid for a field that imitates the staff's badge. What is given by hand no token takes back.
    """
    field = None if expert is None else clean_field(expert)
    row = db.session.get(SiteBadge, (site.id, user.id), with_for_update=True) or SiteBadge(site_id=site.id, user_id=user.id, expert=None, member=False)
    if (row.expert, row.member) == (field, member):
        return False
    # What stays as a token gave it stays the token's.
    via = {EXPERT: row.expert_via if field == row.expert else None, MEMBER: row.member_via if member == row.member else None}
    return _write(row, site, user, field, member, by, via=via)


def badges_of(site_id: int, user_id: int) -> tuple[str | None, bool]:
    """What the site says of a person: expert and member, as SiteBadge has them; one statement."""
    row = db.session.connection().execute(_BADGES, {"site": site_id, "user": user_id}).one_or_none()
    return (row.expert, row.member) if row is not None else (None, False)


def _bring_badges(site: Site, user: User, claims: Claims) -> None:
    """Give or take what the publisher's token says; what a person gave stays."""
    row = db.session.get(SiteBadge, (site.id, user.id), with_for_update=True)
    if row is None and not claims.badges:
        return
    row = row or SiteBadge(site_id=site.id, user_id=user.id, expert=None, member=False)
    expert, member = row.expert, row.member
    via = {EXPERT: row.expert_via, MEMBER: row.member_via}
    if expert is None or via[EXPERT] == VIA:
        expert, via[EXPERT] = (claims.expert, VIA) if EXPERT in claims.badges else (None, None)
    if not member or via[MEMBER] == VIA:
        member, via[MEMBER] = (True, VIA) if MEMBER in claims.badges else (False, None)
    if (expert, member) != (row.expert, row.member):
        _write(row, site, user, expert, member, None, via=via, by_token=True)


def _write(
    row: SiteBadge, site: Site, user: User, expert: str | None, member: bool, by: User | None, *, via: Mapping[str, str | None],
    by_token: bool = False,
) -> bool:
    # Not the field's words: what stands in the audit log cannot be taken out again.
    facts = {
        "expert": [row.expert is not None, expert is not None], "member": [row.member, member],
        "field_changed": expert is not None and row.expert is not None and expert != row.expert,
    }
    row.expert, row.member, row.expert_via, row.member_via = expert, member, via[EXPERT], via[MEMBER]
    if expert is None and not member:
        if row in db.session:
            db.session.delete(row)
    else:
        db.session.add(row)
    noted = record(by, "badges.changed", site_id=site.id, subject=f"user:{user.id}", **facts)
    noted.via = VIA if by_token else noted.via
    renew_pages(user, site)
    return True


def renew_pages(user: User, site: Site | None = None) -> None:
    """Move the versions of the articles she wrote under (on that site), so that pages say what stands beside her name now; flushes."""
    theirs = select(Comment.article_id).where(Comment.author_id == user.id, Comment.listed)
    if site is not None:
        theirs = theirs.where(Comment.site_id == site.id)
    db.session.execute(
        update(Article)
        .where(Article.id.in_(theirs))
        .values(version=Article.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()


def sign_on(site: Site, token: str, *, device: str, network: str, code: str = "") -> tuple[User, str]:
    """The person of a publisher's token, under the name and with the badges it gives her, and her new session; flushes.

    As `exchange`. Who has set a second factor up gives its `code` at once, or is met with SecondFactorNeeded, after a commit.
    """
    user, claims = exchange(site, token)
    if user.display_name != claims.name:
        rename_author(user, claims.name, vouched=True)
    _bring_badges(site, user, claims)
    if code and user.second_factor_at is not None:
        check_code(user, code, network)
        return user, start_session(user, device=device)
    return user, admit(user, device=device)
