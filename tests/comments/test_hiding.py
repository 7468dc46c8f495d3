"""Hiding a person for oneself: whom, how many, what is heard of her, and what becomes of it."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select

from commentsvc.accounts.models import SiteRole
from commentsvc.accounts.permissions import Role
from commentsvc.comments import hiding
from commentsvc.comments.hiding import hidden_by, hide, page_of_hidden, show, take_over
from commentsvc.comments.mentions import people_to_mention
from commentsvc.comments.models import Hidden, Status
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.privacy.erasure import _forget
from commentsvc.privacy.takeout import takeout
from tests.factories import make_article, make_comment, make_site, make_user
from tests.notifications.stories import events, mention

pytestmark = pytest.mark.usefixtures("app")


def test_hiding_twice_is_as_good_as_once_and_so_is_showing() -> None:
    reader, troll = make_user(), make_user("Troll")
    make_comment(make_article(), troll)
    for _ in range(2):
        hide(reader, troll.id)
        assert hidden_by(reader) == {troll.id}
    for _ in range(2):
        show(reader, troll.id)
        assert hidden_by(reader) == frozenset()


def test_nobody_hides_herself_or_a_community_manager_or_somebody_who_never_showed_herself() -> None:
    site = make_site()
    reader, manager, lurker = make_user(), make_user(role=Role.COMMUNITY_MANAGER, site=site), make_user()
    for person in (reader, manager):
        make_comment(make_article(site), person)
    make_comment(make_article(site), lurker, status=Status.HELD)
    for person_id, error in ((reader.id, Invalid), (manager.id, NotAllowed), (lurker.id, NotFound), (10**9, NotFound)):
        with pytest.raises(error):
            hide(reader, person_id)
    assert hidden_by(reader) == frozenset()


def test_a_person_hides_so_many_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "MOST", 2)
    reader, people = make_user(), [make_user() for _ in range(3)]
    for person in people:
        make_comment(make_article(), person)
    for person in (*people[:2], people[0]):  # one that is hidden already is none more
        hide(reader, person.id)
    with pytest.raises(Conflict, match="2 people already"):
        hide(reader, people[2].id)
    show(reader, people[0].id)
    hide(reader, people[2].id)
    found, following = page_of_hidden(reader, limit=1)
    assert [one.hidden.display_name for one in found] == [people[2].display_name]
    rest, end = page_of_hidden(reader, following, limit=1)
    assert ([one.hidden_id for one in rest], end) == ([people[1].id], None)


def test_replies_and_mentions_of_who_is_hidden_are_told_to_others_alone() -> None:
    article, reader, other, troll = make_article(), make_user("Ada"), make_user("Ben"), make_user("Troll")
    mine = make_comment(article, reader)
    before = make_comment(article, troll, parent=mine)
    assert events(reader) == [("reply", before.id)]
    hide(reader, troll.id)
    make_comment(article, troll, parent=mine)
    named = make_comment(article, troll, status=Status.HELD)
    for person in (reader, other):
        mention(named, person)
    assert events(reader) == []  # what she was told before is in her list no more, either
    show(reader, troll.id)
    assert events(reader) == [("reply", before.id)]


def test_who_becomes_a_community_manager_is_heard_again() -> None:
    article, reader, troll = make_article(), make_user(), make_user()
    mine = make_comment(article, reader)
    make_comment(article, troll)
    hide(reader, troll.id)
    db.session.add(SiteRole(site_id=article.site_id, user_id=troll.id, role=Role.COMMUNITY_MANAGER.value))
    db.session.commit()
    db.session.refresh(troll, ["roles"])
    reply = make_comment(article, troll, parent=mine)
    assert events(reader) == [("reply", reply.id)]


def test_it_is_in_her_data_not_in_the_others_and_goes_with_either() -> None:
    ada, ben, troll = make_user(), make_user(), make_user()
    make_comment(make_article(), troll)
    make_comment(make_article(), ben)
    for reader, person in ((ada, troll), (ben, troll), (ada, ben)):
        hide(reader, person.id)
    db.session.commit()
    [section] = [s for s in takeout(ada)["sections"] if s["name"].startswith("hidden_people")]
    assert [row["hidden_id"] for row in section["rows"]] == [troll.id, ben.id]
    assert not [s for s in takeout(troll)["sections"] if s["name"].startswith("hidden_people")]
    _forget(ben)  # both whom she hid, and who hid her
    assert hidden_by(ada) == {troll.id}
    _forget(troll)
    assert db.session.scalar(select(func.count()).select_from(Hidden)) == 0


def test_accounts_that_become_one_hide_whom_either_hid_and_never_themselves() -> None:
    kept, merged, troll, other, reader = (make_user() for _ in range(5))
    for person in (kept, merged, troll, other):
        make_comment(make_article(), person)
    for who, whom in ((kept, merged), (merged, kept), (kept, troll), (merged, troll), (merged, other), (reader, merged), (reader, kept), (other, merged)):
        hide(who, whom.id)
    take_over(kept.id, merged.id)
    pairs = {(row.user_id, row.hidden_id) for row in db.session.execute(select(Hidden.user_id, Hidden.hidden_id))}
    assert pairs == {(kept.id, troll.id), (kept.id, other.id), (reader.id, kept.id), (other.id, kept.id)}


def test_who_is_hidden_is_not_offered_as_somebody_to_mention() -> None:
    site, reader, troll = make_site(), make_user("Ada"), make_user("Troll")
    article = make_article(site)
    manager = make_user("Trudy", role=Role.COMMUNITY_MANAGER, site=site)
    for person in (troll, manager):
        make_comment(article, person)
    hide(reader, troll.id)
    assert people_to_mention(article.id, "Tr", by=reader.id) == [(manager.id, "Trudy")]
    assert {name for _, name in people_to_mention(article.id, "Tr", by=make_user().id)} == {"Troll", "Trudy"}
