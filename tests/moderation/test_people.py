"""A site's people: lists, records, timelines, notes, sweeps, merges, and the rule for repeat offenders."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.closing import WAYS_IN
from commentsvc.accounts.models import (
    EmailChange,
    ExternalIdentity,
    ExternalSignIn,
    HandOver,
    Passkey,
    PasswordReset,
    RecoveryCode,
    SignInStep,
    Totp,
    User,
)
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.merging import merge
from commentsvc.moderation.models import Decision, Flag, Reason
from commentsvc.moderation.notes import add_note, delete_note, edit_note, note_on, notes_on
from commentsvc.moderation.people import (
    Filter,
    Kind,
    find_person,
    masked,
    page_of_people,
    page_of_sanctions,
    person_of,
    sanction_on,
    sanctions_of,
    timeline,
)
from commentsvc.moderation.people_models import Rule, SanctionKind, SweepState
from commentsvc.moderation.posting import take_in
from commentsvc.moderation.sanctions import active, end, impose
from commentsvc.moderation.sweeps import BATCH, advance, run_due_sweeps, start_sweep, undo_sweep
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user

K = SanctionKind


@pytest.fixture
def article(app: Flask) -> Article:
    return make_article()


def manager_of(site: Site) -> User:
    return make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)


def names(site: Site, *given: object, **more: object) -> list[str]:
    return [row.user.display_name for row in page_of_people(site, *given, **more)[0]]  # type: ignore[arg-type]


def test_the_people_of_a_site_are_found_by_name_address_and_filter(article: Article) -> None:
    site = article.site
    ada, bob, cleo = make_user("Ada Lovelace", email="ada@mail.example"), make_user("Bob"), make_user("Cleo 100%")
    make_user("Nobody here")
    old = utcnow() - dt.timedelta(days=40)
    ada.created_at = old
    for user in (ada, bob, cleo):
        make_comment(article, user)
    for _ in range(3):
        make_comment(article, bob, status=Status.REJECTED)
    nora = manager_of(site)
    impose(cleo, K.BAN, actor=nora, site=site, reason=Reason.SPAM)
    db.session.commit()
    assert names(site) == ["Nora", "Cleo 100%", "Bob", "Ada Lovelace"]
    assert names(site, "love") == ["Ada Lovelace"]
    assert names(site, "0%") == ["Cleo 100%"]
    assert names(site, email="ADA@mail.example") == ["Ada Lovelace"]
    assert names(site, email="ada") == []
    assert names(site, "", Filter.SANCTIONED) == ["Cleo 100%"]
    assert names(site, "", Filter.REJECTED) == ["Bob"]
    assert names(site, "", Filter.NEW) == ["Nora", "Cleo 100%", "Bob"]
    assert names(make_site()) == []


def test_the_list_costs_the_same_whatever_its_length_and_loses_nobody(article: Article, statements: Statements) -> None:
    made = [make_user(f"Reader {n}") for n in range(7)]
    for user in made:
        make_comment(article, user)
    page_of_people(article.site, limit=1)
    statements.clear()
    page_of_people(article.site, limit=1)
    one = len(statements)
    statements.clear()
    found, after = page_of_people(article.site, limit=5)
    assert len(statements) == one <= 6
    rest, last = page_of_people(article.site, limit=5, after=after)
    assert [row.user.id for row in [*found, *rest]] == [user.id for user in reversed(made)]
    assert last is None
    with pytest.raises(Invalid, match="another list"):
        page_of_people(article.site, "x", after=after)


def test_who_did_nothing_on_a_site_is_nobody_there(article: Article) -> None:
    user, other = make_user(), make_site()
    make_comment(article, user)
    assert find_person(article.site, user.id).id == user.id
    with pytest.raises(NotFound):
        find_person(other, user.id)
    ban = impose(user, K.BAN, actor=manager_of(article.site), site=article.site, reason=Reason.SPAM)
    with pytest.raises(NotFound):
        sanction_on(other, ban.id)


def test_a_record_counts_comments_flags_and_how_many_of_hers_were_upheld(article: Article) -> None:
    user, nora = make_user(), manager_of(article.site)
    for status in (Status.PUBLISHED, Status.PUBLISHED, Status.REJECTED, Status.HELD, Status.WITHDRAWN):
        own = make_comment(article, user, status=status)
    first = db.session.scalars(select(Comment).where(Comment.author_id == user.id).order_by(Comment.id)).first()
    assert first is not None
    flag(first, make_user(), "spam")
    bad, good, waits = (make_comment(article) for _ in range(3))
    for comment in (bad, good, waits):
        flag(comment, user, "abuse")
    reject(bad, actor=nora, reason=Reason.ABUSE, seen=bad.version)
    approve(good, actor=nora, seen=good.version)
    db.session.commit()
    person = person_of(article.site, user)
    r = person.record
    assert (r.published, r.rejected, r.held, r.withdrawn, r.flagged) == (2, 1, 1, 1, 1)
    assert person.flags_received == 1
    assert (person.flags.made, person.flags.decided, person.flags.upheld, person.flags.reliability) == (3, 2, 1, 0.5)
    assert person.first_at is not None
    assert person.first_at <= own.created_at


def test_a_timeline_shows_everything_once_latest_first_at_any_page_size(article: Article) -> None:
    user, nora = make_user(), manager_of(article.site)
    for number in range(4):
        comment = make_comment(article, user, created_at=utcnow() - dt.timedelta(hours=10 - number))
        reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version)
    add_note(article.site, user, "Met him at the fair.", author=nora)
    ban = impose(user, K.BAN, actor=nora, site=article.site, reason=Reason.SPAM)
    end(ban, actor=nora)
    make_comment(make_article(), user)  # another site's
    db.session.commit()
    whole, after = timeline(article.site, user, limit=100)
    assert after is None
    kinds = [event.kind for event in whole]
    assert {kind: kinds.count(kind) for kind in Kind} == {
        Kind.COMMENT: 4, Kind.DECISION: 4, Kind.NOTE: 1, Kind.SANCTION: 1, Kind.SANCTION_END: 1,
    }
    assert [event.at for event in whole] == sorted((event.at for event in whole), reverse=True)
    for limit in (1, 2, 3):
        pieces, cursor = [], None
        while True:
            found, cursor = timeline(article.site, user, cursor, limit)
            pieces += [(event.kind, event.of.id) for event in found]
            if cursor is None:
                break
        assert pieces == [(event.kind, event.of.id) for event in whole]
    assert [event.kind for event in timeline(article.site, user, what="notes")[0]] == [Kind.NOTE]


def test_a_note_is_changed_and_deleted_by_whoever_wrote_it_and_nobody_else(article: Article) -> None:
    user, nora, omar = make_user(), manager_of(article.site), manager_of(article.site)
    note = add_note(article.site, user, "  Kind in person. ", author=nora)
    with pytest.raises(NotAllowed):
        edit_note(note, "x", author=omar)
    with pytest.raises(NotAllowed):
        delete_note(note, author=omar)
    edit_note(note, "Kind, in person.", author=nora)
    assert (note.body, note.edited_at is not None) == ("Kind, in person.", True)
    with pytest.raises(Invalid):
        edit_note(note, " ", author=nora)
    with pytest.raises(NotFound):
        note_on(make_site(), note.id)
    delete_note(note, author=nora)
    assert list(notes_on(article.site, user.id)) == []


def test_a_sanction_says_what_it_held_and_refused(article: Article) -> None:
    user, nora = make_user(), manager_of(article.site)
    impose(user, K.ALWAYS_REVIEW, actor=nora, site=article.site, reason=Reason.SPAM)
    db.session.commit()
    for number in range(2):
        take_in(article, user, f"Number {number}.")
    db.session.commit()
    [effect] = sanctions_of(article.site, user)
    assert (effect.held, effect.refused) == (2, 0)
    found, _ = page_of_sanctions(article.site, holding=True)
    assert [s.id for s in found] == [effect.sanction.id]


# ---- Sweeps


def spam(article: Article, number: int) -> User:
    user = make_user("Spammer")
    for n in range(number):
        make_comment(article, user, f"Buy {n}", status=(Status.PUBLISHED, Status.HELD, Status.PENDING)[n % 3])
    return user


def statuses(user: User) -> dict[str, int]:
    return dict(db.session.execute(
        select(Comment.status, func.count()).where(Comment.author_id == user.id).group_by(Comment.status)
    ).all())


def test_a_sweep_rejects_all_in_batches_and_its_undo_restores_exactly_that(article: Article) -> None:
    nora, user = manager_of(article.site), spam(article, 2 * BATCH + 5)
    other = make_article(article.site)
    replied = make_comment(other, user, "A root with a reply.")
    make_comment(other, parent=replied)
    make_comment(make_article(), user, "On another site.")
    old = make_comment(article, user, status=Status.REJECTED)
    flag(replied, make_user(), "spam")
    db.session.commit()
    before = statuses(user)
    sweep = start_sweep(article.site, user, actor=nora, reason=Reason.SPAM, note="Links everywhere.")
    db.session.commit()
    late = make_comment(article, user, "Posted later.")
    seen = []
    while advance(sweep.id):
        db.session.refresh(sweep)
        seen.append(sweep.seen)
    db.session.refresh(sweep)
    assert (sweep.state, sweep.rejected, sweep.total) == (SweepState.DONE, 2 * BATCH + 6, 2 * BATCH + 6)
    assert seen == [BATCH, 2 * BATCH]
    assert statuses(user) == {"published": 2, "rejected": 2 * BATCH + 7}
    assert miscounted() == []
    # A colleague publishes one of them, the author takes another back.
    two = db.session.scalars(select(Comment).where(Comment.author_id == user.id, Comment.status == "rejected", Comment.id != old.id).limit(2)).all()
    approve(two[0], actor=manager_of(article.site), seen=two[0].version)
    withdraw(two[1], user)
    db.session.commit()
    undo_sweep(sweep, actor=nora)
    db.session.commit()
    assert run_due_sweeps() == 1
    db.session.refresh(sweep)
    assert (sweep.state, sweep.restored, sweep.stood) == (SweepState.UNDONE, 2 * BATCH + 4, 2)
    db.session.refresh(late)
    db.session.refresh(replied)
    assert (late.status, replied.status, replied.flag_count) == (Status.PUBLISHED, Status.PUBLISHED, 1)
    after = statuses(user)
    assert after.get("rejected") == before["rejected"]
    assert after["withdrawn"] == 1
    assert miscounted() == []


def test_a_sweep_can_be_taken_back_while_it_is_under_way(article: Article) -> None:
    nora, user = manager_of(article.site), spam(article, 2 * BATCH)
    before = statuses(user)
    sweep = start_sweep(article.site, user, actor=nora, reason=Reason.SPAM)
    db.session.commit()
    assert advance(sweep.id)
    with pytest.raises(Conflict, match="Nora is already doing this"):
        start_sweep(article.site, user, actor=nora, reason=Reason.SPAM)
    undo_sweep(sweep, actor=nora)
    db.session.commit()
    run_due_sweeps()
    assert statuses(user) == before
    with pytest.raises(Conflict):
        undo_sweep(sweep, actor=nora)


def test_there_is_no_sweep_of_nothing(article: Article) -> None:
    with pytest.raises(Invalid, match="nothing to reject"):
        start_sweep(article.site, make_user(), actor=manager_of(article.site), reason=Reason.SPAM)


# ---- Merging


def boss_of(*sites: Site) -> User:
    boss = make_user("Boss")
    for site in sites:
        grant_role(site, boss, Role.ADMIN)
    db.session.commit()
    return boss


def give_every_way_in(user: User) -> None:
    """A row of each kind that could open the account."""
    later = utcnow() + dt.timedelta(hours=1)
    user.second_factor_at = utcnow()
    db.session.add_all([
        PasswordReset(user_id=user.id, token_hash=b"r" * 32, expires_at=later),
        EmailChange(user_id=user.id, email="new@example.org", token_hash=b"e" * 32, expires_at=later),
        ExternalIdentity(user_id=user.id, issuer="https://id.example", subject="7", site_id=None, email=None, created_at=utcnow(), last_used_at=utcnow()),
        ExternalSignIn(user_id=user.id, state_hash=b"s" * 32, provider="id", nonce="n", verifier="v", next="", expires_at=later),
        HandOver(user_id=user.id, code_hash=b"h" * 32, challenge=b"c" * 32, expires_at=later),
        Passkey(user_id=user.id, credential_id=b"p", public_key=b"k", sign_count=0, name="Phone"),
        Totp(user_id=user.id, sealed=b"t", confirmed_at=utcnow()),
        RecoveryCode(user_id=user.id, code_hash=b"x" * 32),
        SignInStep(user_id=user.id, token_hash=b"i" * 32, purpose="code", challenge=b"c" * 32, expires_at=later),
    ])
    db.session.flush()
    for way in WAYS_IN:
        assert db.session.scalar(select(func.count()).select_from(way).where(way.user_id == user.id)) == 1, way


def test_a_merge_keeps_everything_once_and_counts_as_a_recount_does(article: Article) -> None:
    site = article.site
    boss, nora = boss_of(site), manager_of(site)
    kept, twin, third = make_user("Ada"), make_user("Ada L."), make_user()
    mine, hers, others = make_comment(article, kept), make_comment(article, twin), make_comment(article, third)
    reply = make_comment(article, twin, parent=mine)
    for comment, voter, value in ((mine, twin, 1), (hers, kept, 1), (others, kept, 1), (others, twin, -1), (hers, third, 1)):
        vote(comment, voter, value)
    for comment, flagger in ((mine, twin), (others, kept), (others, twin)):
        flag(comment, flagger, "spam")
    impose(twin, K.ALWAYS_REVIEW, actor=nora, site=site, reason=Reason.SPAM)
    add_note(site, twin, "Two accounts?", author=nora)
    start_session(twin, device="a phone")
    give_every_way_in(twin)
    db.session.commit()
    version = article.version
    done = merge(kept, twin, actor=boss, typed_name="Ada L.")
    db.session.commit()
    assert miscounted() == []
    assert (done.comments, done.votes, done.votes_dropped) == (2, 0, 3)
    assert set(db.session.scalars(select(Comment.author_id))) == {kept.id, third.id}
    assert {tuple(row) for row in db.session.execute(select(Vote.user_id, Vote.value))} == {(kept.id, 1), (third.id, 1)}
    assert [(f.comment_id, f.user_id) for f in db.session.scalars(select(Flag))] == [(others.id, kept.id)]
    for comment in (mine, others, reply):
        db.session.refresh(comment)
    assert (mine.flag_count, others.flag_count, mine.up) == (0, 1, 0)
    assert [s.kind for s in active(kept.id, article.site_id)] == [K.ALWAYS_REVIEW]
    assert len(notes_on(site, kept.id)) == 1
    assert (twin.email, twin.password_hash, twin.second_factor_at) == (None, None, None)
    for way in WAYS_IN:
        assert db.session.scalar(select(func.count()).select_from(way).where(way.user_id == twin.id)) == 0, way
    db.session.refresh(article)
    assert article.version > version
    assert names(site, "Ada") == ["Ada"]
    assert find_person(site, twin.id).id == twin.id
    with pytest.raises(NotFound):
        find_person(make_site(), twin.id)
    with pytest.raises(NotAllowed):
        merge(third, twin, actor=boss, typed_name="Ada L.")  # no admin of the site that is new
    grant_role(db.session.scalars(select(Site).order_by(Site.id.desc())).first(), boss, Role.ADMIN)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        merge(third, twin, actor=boss, typed_name="Ada L.")


def test_a_merge_takes_an_admin_of_all_sites_the_typed_name_and_no_staff(article: Article) -> None:
    make_site()
    kept, twin = make_user("Ada"), make_user("Ada L.")
    with pytest.raises(NotAllowed):
        merge(kept, twin, actor=boss_of(article.site), typed_name="Ada L.")
    boss = boss_of(*db.session.scalars(select(Site)))
    with pytest.raises(Invalid, match="Type the name"):
        merge(kept, twin, actor=boss, typed_name="Ada")
    with pytest.raises(Invalid):
        merge(kept, kept, actor=boss, typed_name="Ada")
    with pytest.raises(NotAllowed):
        merge(kept, manager_of(article.site), actor=boss, typed_name="Nora")
    with pytest.raises(NotAllowed):
        merge(boss, kept, actor=boss, typed_name="Ada")


# ---- The rule for repeat offenders


def test_after_so_many_rejections_a_sanction_follows_by_itself_and_goes_with_the_undo(app: Flask) -> None:
    article = make_article(make_site(policy=Policy(repeat_rejections=3, repeat_days=7, repeat_action="suspend", repeat_hours=48)))
    nora, user = manager_of(article.site), make_user()
    comments = [make_comment(article, user) for _ in range(4)]
    for comment in comments[:2]:
        reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    assert active(user.id, article.site_id) == []
    third = reject(comments[2], actor=nora, reason=Reason.ABUSE, seen=comments[2].version)
    [sanction] = active(user.id, article.site_id)
    assert (sanction.kind, sanction.rule, sanction.actor_id) == (K.SUSPEND, Rule.REPEAT_OFFENDER, None)
    assert sanction.ends_at is not None
    assert abs(sanction.ends_at - utcnow() - dt.timedelta(hours=48)) < dt.timedelta(minutes=1)
    reject(comments[3], actor=nora, reason=Reason.ABUSE, seen=comments[3].version)
    assert len(active(user.id, article.site_id)) == 1, "one is enough"
    undo(third, actor=nora)
    assert len(active(user.id, article.site_id)) == 1, "three are still rejected"
    last = db.session.scalars(select(Decision).where(Decision.comment_id == comments[3].id).order_by(Decision.id.desc())).first()
    assert last is not None
    undo(last, actor=nora)
    db.session.commit()
    assert active(user.id, article.site_id) == []


def test_the_rule_is_off_by_default_and_spares_staff(article: Article) -> None:
    nora, user = manager_of(article.site), make_user()
    for comment in [make_comment(article, user) for _ in range(5)]:
        reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    assert active(user.id, article.site_id) == []
    strict = make_article(make_site(policy=Policy(repeat_rejections=1)))
    omar = manager_of(strict.site)
    comment = make_comment(strict, omar)
    reject(comment, actor=manager_of(strict.site), reason=Reason.OFF_TOPIC, seen=comment.version)
    assert active(omar.id, strict.site_id) == []


def test_an_address_is_masked_to_its_first_letter_and_domain() -> None:
    assert [masked(email) for email in ("ada@mail.example", None)] == ["a…@mail.example", ""]
