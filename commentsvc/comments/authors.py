"""People as the authors of what they wrote."""

from __future__ import annotations

from sqlalchemy import select, update

from commentsvc.accounts.factors import check_code
from commentsvc.accounts.identity import rename
from commentsvc.accounts.models import User
from commentsvc.accounts.sessions import admit, start_session
from commentsvc.accounts.sso import exchange
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.sites.models import Article, Site


def rename_author(user: User, display_name: str) -> None:
    """Give the person another name, here and on every page she wrote on; flushes.

    Invalid names what is wrong with it. The versions of those articles move, so that no cached
    page keeps the old one.
    """
    rename(user, display_name)
    theirs = select(Comment.article_id).where(Comment.author_id == user.id, Comment.listed)
    db.session.execute(
        update(Article)
        .where(Article.id.in_(theirs))
        .values(version=Article.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()


def sign_on(site: Site, token: str, *, device: str, network: str, code: str = "") -> tuple[User, str]:
    """The person of a publisher's token, under the name it gives her, and her new session; flushes.

    As `exchange`. Who has set a second factor up gives its `code` at once, or is met with SecondFactorNeeded, after a commit.
    """
    user, claims = exchange(site, token)
    if user.display_name != claims.name:
        rename_author(user, claims.name)
    if code and user.second_factor_at is not None:
        check_code(user, code, network)
        return user, start_session(user, device=device)
    return user, admit(user, device=device)
