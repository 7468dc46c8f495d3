"""Two accounts that become one keep what she follows, what she was told, and how she wants to be told."""

from __future__ import annotations

from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import ExternalIdentity, Profile, SiteBadge, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import DEFAULTS, How, Kind, Wish, set_wish, wishes_of
from commentsvc.comments.authors import badges_of, give_badges
from commentsvc.extensions import db
from commentsvc.notifications.follows import follow, page_of_follows, unfollow
from commentsvc.notifications.merging import merge
from commentsvc.notifications.models import Follow, Notification
from tests.factories import make_article, make_comment, make_site, make_user


def test_a_merge_moves_what_she_follows_is_told_and_says(app: Flask) -> None:
    site = make_site()
    boss = make_user("Boss", role=Role.ADMIN, site=site)
    kept, twin = make_user("Ada"), make_user("Ada L.")
    both, kept_alone, twin_alone, refused = (make_article(site) for _ in range(4))
    follow(kept, both)
    follow(twin, both)
    follow(kept, kept_alone)
    follow(twin, twin_alone)
    unfollow(kept, refused)
    follow(twin, refused)
    set_wish(kept.id, Kind.REPLY, Wish(False, How.NEVER))
    set_wish(twin.id, Kind.REPLY, Wish(True, How.WEEKLY))
    set_wish(twin.id, Kind.FOLLOWED, Wish(True, How.DAILY))
    comment = make_comment(both)
    for person, subject in ((kept, "comment:1"), (twin, "comment:1"), (twin, "comment:2")):
        db.session.add(Notification(user_id=person.id, kind="reply", subject=subject, site_id=site.id, comment_id=comment.id))
    give_badges(site, kept, expert=None, member=True, by=boss)
    give_badges(site, twin, expert="Bells", member=False, by=boss)
    db.session.add(Profile(user_id=twin.id, bio="I ring bells.", history_private=True))
    db.session.add(ExternalIdentity(issuer=f"sso:{site.id}", subject="7", site_id=site.id, user_id=twin.id))
    db.session.commit()
    merge(kept, twin, actor=boss, typed_name="Ada L.")
    db.session.commit()
    db.session.expire_all()
    assert {article.id for _, article in page_of_follows(kept)[0]} == {both.id, kept_alone.id, twin_alone.id}
    assert wishes_of(kept.id) == DEFAULTS | {Kind.REPLY: Wish(False, How.NEVER), Kind.FOLLOWED: Wish(True, How.DAILY)}
    assert sorted(db.session.scalars(select(Notification.subject).where(Notification.user_id == kept.id))) == ["comment:1", "comment:2"]
    assert badges_of(site.id, kept.id) == ("Bells", True)
    profile = db.session.get_one(Profile, kept.id)
    assert (profile.bio, profile.history_private) == ("I ring bells.", True)
    assert db.session.scalars(select(ExternalIdentity.user_id)).all() == [kept.id]
    for table in (Follow, Notification, SiteBadge, Profile):
        assert db.session.scalars(select(table).where(table.user_id == twin.id)).all() == []


def test_what_the_kept_account_says_about_itself_stands(app: Flask) -> None:
    site = make_site()
    boss, kept, twin = make_user("Boss", role=Role.ADMIN, site=site), make_user("Ada"), make_user("Ada L.")
    db.session.add_all((Profile(user_id=kept.id, bio="First."), Profile(user_id=twin.id, bio="Second.")))
    db.session.commit()
    merge(kept, twin, actor=boss, typed_name="Ada L.")
    db.session.commit()
    people: list[User] = [kept, twin]
    assert [p.bio for p in db.session.scalars(select(Profile).where(Profile.user_id.in_([p.id for p in people])))] == ["First."]
