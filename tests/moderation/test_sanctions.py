"""Sanctions: what each does, when it ends, and who of two managers was first."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.votes import vote
from commentsvc.config import Settings
from commentsvc.database import utcnow, write_intent
from commentsvc.delivery.email import deliver_due
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotSignedIn, Sanctioned, TooSoon
from commentsvc.extensions import db
from commentsvc.moderation import sanctions
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason, Screening
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.posting import cast_vote, levels, standings, take_in
from commentsvc.moderation.sanctions import acknowledge, active, end, impose, told_to
from commentsvc.screening.policy import EmailRule, Policy
from commentsvc.screening.trust import Level
from commentsvc.sites.models import Article, Site
from commentsvc.tasks import EXTENSION
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_site, make_user

K = SanctionKind
DAY = dt.timedelta(days=1)


@pytest.fixture
def article(app: Flask) -> Article:
    return make_article()


def manager_of(site: Site) -> User:
    return make_user("Nora", role=Role.COMMUNITY_MANAGER, site=site)


def put(user: User, site: Site, kind: SanctionKind, **given: object) -> Sanction:
    """A sanction by a manager of the site, committed."""
    values: dict[str, object] = {"reason": Reason.ABUSE, "message": "Please stop."}
    if kind in {K.SUSPEND, K.SHADOW}:
        values["ends_at"] = utcnow() + DAY
    made = impose(user, kind, actor=manager_of(site), site=site, **(values | given))  # type: ignore[arg-type]
    db.session.commit()
    return made


def later(monkeypatch: pytest.MonkeyPatch, by: dt.timedelta) -> None:
    then = utcnow() + by
    for module in ("moderation.sanctions", "moderation.posting", "delivery.email"):
        monkeypatch.setattr(f"commentsvc.{module}.utcnow", lambda: then)


@pytest.mark.parametrize(("kind", "code"), [(K.SUSPEND, "suspended"), (K.BAN, "banned")])
def test_whoever_is_suspended_or_banned_cannot_post_vote_or_flag_and_is_told_why(article: Article, kind: SanctionKind, code: str) -> None:
    user, comment = make_user(), make_comment(article)
    put(user, article.site, kind)
    for attempt in (
        lambda: take_in(article, user, "Hello."), lambda: cast_vote(comment, user, 1), lambda: flag(comment, user, "spam"),
    ):
        with pytest.raises(Sanctioned, match="Personal attack or insult") as refused:
            attempt()
        assert refused.value.code == code
        assert refused.value.sanction["reason"] == "abuse"
        assert (refused.value.sanction["until"] is None) == (kind == K.BAN)
    assert take_in(make_article(), user, "On another site it is another matter.").status == Status.PENDING


def test_whose_account_was_deleted_while_she_waited_for_her_turn_posts_nothing(article: Article) -> None:
    reader = make_user()
    stays = make_user()
    db.session.execute(update(User).where(User.id == reader.id).values(erased_at=utcnow()), execution_options={"synchronize_session": False})
    assert reader.erased_at is None, "as it was read before she waited"
    with pytest.raises(NotSignedIn):
        take_in(article, reader, "And another thing.")
    assert take_in(article, stays, "And another thing.").id
    assert [c.author_id for c in db.session.scalars(select(Comment))] == [stays.id]


def test_a_suspension_is_over_when_its_time_is_without_anything_running(article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    held = put(user, article.site, K.SUSPEND)
    later(monkeypatch, DAY + dt.timedelta(seconds=1))
    assert take_in(article, user, "Back again.").status == Status.PENDING
    assert [s.id for s in told_to(user.id, article.site_id)] == [held.id]
    acknowledge(held, user)
    assert told_to(user.id, article.site_id) == []
    assert held.ended_at is None, "nobody ended it"


def test_the_mail_that_says_it_is_over_goes_out_then_and_not_before(article: Article, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    name = article.site.name
    put(make_user(), article.site, K.SUSPEND)
    assert deliver_due(settings) == 1
    later(monkeypatch, DAY + dt.timedelta(seconds=1))
    assert deliver_due(settings) == 1
    subjects = db.session.scalars(select(Mail.subject).order_by(Mail.id)).all()
    assert subjects == [f"Your account is suspended on {name}", f"You can take part again on {name}"]


def test_a_sanction_ended_early_says_so_now_and_not_again_at_its_old_end(article: Article, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    user, nora = make_user(), manager_of(article.site)
    user_id, site_id = user.id, article.site_id
    held = put(user, article.site, K.SUSPEND)
    end(held, actor=manager_of(article.site), note="A misunderstanding.")
    db.session.commit()
    assert deliver_due(settings) == 2
    later(monkeypatch, 2 * DAY)
    assert deliver_due(settings) == 0
    assert (held.end_note, active(user_id, site_id)) == ("A misunderstanding.", [])
    with pytest.raises(Conflict, match="over already"):
        end(held, actor=nora)


def test_a_warning_is_read_before_the_next_post_and_keeps_nobody_from_voting(article: Article) -> None:
    user = make_user()
    warning = put(user, article.site, K.WARN, message="Argue with what was said, not with who said it.")
    with pytest.raises(Sanctioned) as refused:
        take_in(article, user, "Hello.")
    assert refused.value.code == "warned"
    assert refused.value.sanction["message"] == "Argue with what was said, not with who said it."
    cast_vote(make_comment(article), user, 1)
    with pytest.raises(NotAllowed):
        acknowledge(warning, make_user())
    acknowledge(warning, user)
    assert take_in(article, user, "Hello.").status == Status.PENDING
    assert warning.acknowledged


@pytest.mark.parametrize("kind", [K.ALWAYS_REVIEW, K.SHADOW])
def test_comments_are_held_with_a_finding_that_says_why(article: Article, run_worker: Callable[[], int], kind: SanctionKind) -> None:
    user = make_user()
    put(user, article.site, kind)
    comment = take_in(article, user, "A perfectly decent remark.")
    db.session.commit()
    run_worker()
    db.session.refresh(comment)
    screening = db.session.scalar(select(Screening).where(Screening.comment_id == comment.id))
    assert (comment.status, comment.hold_for) == (Status.HELD, kind.value)
    assert screening is not None
    assert [(f["phase"], f["verdict"]) for f in screening.findings] == [("sanction", "hold")]
    assert screening.scores, "the model still read it"


def test_a_shadow_shows_to_the_person_only_once_it_is_over(article: Article, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    user_id, site_id = user.id, article.site_id
    put(user, article.site, K.SHADOW)
    assert deliver_due(settings) == 0
    assert told_to(user_id, site_id) == []
    later(monkeypatch, DAY + dt.timedelta(seconds=1))
    assert [s.kind for s in told_to(user_id, site_id)] == [K.SHADOW]
    assert deliver_due(settings) == 1
    assert "We did not say so at the time" in db.session.scalars(select(Mail.text)).one()


@pytest.mark.parametrize(
    ("kind", "given", "message"),
    [
        (K.SUSPEND, {"ends_at": None}, "Say when it ends"), (K.SHADOW, {"ends_at": None}, "Say when it ends"),
        (K.SUSPEND, {"ends_at": utcnow() - DAY}, "over already"), (K.SUSPEND, {"ends_at": utcnow() + 800 * DAY}, "At most 366 days"),
        (K.SHADOW, {"ends_at": utcnow() + 31 * DAY}, "At most 30 days"), (K.BAN, {"ends_at": utcnow() + DAY}, "suspend instead"),
        (K.WARN, {"message": " "}, "Write what she should read"), (K.BAN, {"note": "x" * 2001}, "1 characters too long"),
        (K.BAN, {"reason": Reason.CLEAN}, "Choose a reason"),
    ],
)
def test_what_does_not_fit_is_refused_by_field(article: Article, kind: SanctionKind, given: dict[str, object], message: str) -> None:
    with pytest.raises(Invalid, match=message) as refused:
        put(make_user(), article.site, kind, **given)
    assert refused.value.field


def test_nobody_sanctions_herself_or_staff(article: Article) -> None:
    nora = manager_of(article.site)
    with pytest.raises(NotAllowed) as refused:
        impose(nora, K.BAN, actor=nora, site=article.site, reason=Reason.ABUSE)
    assert refused.value.code == "yourself"
    with pytest.raises(NotAllowed) as refused:
        impose(nora, K.BAN, actor=manager_of(article.site), site=article.site, reason=Reason.ABUSE)
    assert refused.value.code == "staff"


def test_all_sites_take_an_admin_of_every_one(article: Article) -> None:
    other, user = make_site(), make_user()
    admin = make_user(role=Role.ADMIN, site=article.site)
    with pytest.raises(NotAllowed) as refused:
        impose(user, K.BAN, actor=admin, site=None, reason=Reason.SPAM)
    assert refused.value.code == "not_all_sites"
    boss = make_user(role=Role.ADMIN, site=article.site)
    from commentsvc.accounts.roles import grant_role

    grant_role(other, boss, Role.ADMIN)
    ban = impose(user, K.BAN, actor=boss, site=None, reason=Reason.SPAM)
    db.session.commit()
    for site in (article.site, other):
        with pytest.raises(Sanctioned, match="on any site"):
            take_in(make_article(site), user, "Hello.")
    with pytest.raises(NotAllowed):
        end(ban, actor=admin)


def test_a_second_sanction_of_a_kind_learns_of_the_first(article: Article) -> None:
    user = make_user()
    put(user, article.site, K.SUSPEND)
    with pytest.raises(Conflict, match="Nora has already suspended this person until") as refused:
        put(user, article.site, K.SUSPEND)
    assert refused.value.current["kind"] == "suspend"
    put(user, article.site, K.ALWAYS_REVIEW)


def at_once(app: Flask, *jobs: Callable[[], object]) -> list[object]:
    """Run each in a thread and transaction of its own, all begun together; what came of each."""
    barrier = threading.Barrier(len(jobs))
    results: list[object] = [None] * len(jobs)

    def work(number: int, job: Callable[[], object]) -> None:
        write_intent.set(True)
        with app.app_context():
            barrier.wait()
            try:
                results[number] = job()
                db.session.commit()
            except (Conflict, Sanctioned) as error:
                db.session.rollback()
                results[number] = error
            finally:
                db.session.remove()
                with contextlib.suppress(AttributeError):  # this one did not ring
                    app.extensions[EXTENSION].huey.storage.close()  # it keeps a connection for each thread that rang

    threads = [threading.Thread(target=work, args=item) for item in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_of_two_managers_who_sanction_at_once_one_is_told_of_the_other(app: Flask, article: Article) -> None:
    user_id, site_id = make_user().id, article.site_id
    managers = [manager_of(article.site).id for _ in range(4)]
    db.session.remove()

    def ban(manager: int) -> object:
        site = db.session.get_one(Site, site_id)
        return impose(db.session.get_one(User, user_id), K.BAN, actor=db.session.get_one(User, manager), site=site, reason=Reason.SPAM)

    results = at_once(app, *(lambda m=m: ban(m) for m in managers))
    assert sorted(type(r).__name__ for r in results) == ["Conflict", "Conflict", "Conflict", "Sanction"]
    assert len(active(user_id, site_id)) == 1


def test_a_post_in_flight_is_before_the_ban_or_refused_by_it(app: Flask, article: Article) -> None:
    user_id, article_id, site_id = make_user().id, article.id, article.site_id
    manager_id = manager_of(article.site).id
    db.session.remove()
    stamps: dict[str, list[dt.datetime]] = {"posted": [], "banned": []}

    def post(number: int) -> object:
        found = fresh(db.session.get_one(Article, article_id))
        comment = take_in(found, db.session.get_one(User, user_id), f"Remark number {number}.")
        stamps["posted"].append(comment.created_at)
        return comment

    def ban() -> object:
        site = db.session.get_one(Site, site_id)
        return impose(db.session.get_one(User, user_id), K.BAN, actor=db.session.get_one(User, manager_id), site=site, reason=Reason.SPAM)

    results = at_once(app, *(lambda n=n: post(n) for n in range(4)), ban)
    refused = sum(isinstance(r, Sanctioned) for r in results)
    stored = db.session.scalars(select(Comment.id)).all()
    assert (len(stored), len(active(user_id, site_id))) == (4 - refused, 1)
    with pytest.raises(Sanctioned):
        post(99)


def test_asking_costs_a_post_one_statement_whatever_is_asked(app: Flask, statements: Statements) -> None:
    plain = make_article()
    strict = make_article(make_site(policy=Policy(trust_offset_new=0.1, trust_pace=1, email_rules=(EmailRule("spam.example", "refuse", "Spam"),))))
    for article in (plain, strict):
        user = make_user()
        db.session.commit()
        found = fresh(article)
        statements.clear()
        take_in(found, user, "A decent remark.")
        asked = [s for s in statements if "sanctions" in s]
        assert len(asked) == 1
        if article is plain:
            from commentsvc.comments.submit import submit_comment
            from commentsvc.moderation.screen import screen_comment

            with_asking = len(statements)
            db.session.commit()
            other = make_user()
            statements.clear()
            screen_comment(submit_comment(found, other, "Another decent remark."))
            assert with_asking == len(statements) + 1


def test_an_address_at_a_domain_of_the_rules_is_refused_or_read_first(app: Flask) -> None:
    rules = (EmailRule("spam.example", "refuse", "Sold accounts", subdomains=True), EmailRule("mail.example", "always_review", "Throw-away addresses"))
    article = make_article(make_site(policy=Policy(email_rules=rules)))
    for address in ("a@spam.example", "b@x.spam.example"):
        with pytest.raises(NotAllowed) as refused:
            take_in(article, make_user(email=address), "Hello.")
        assert refused.value.code == "email_domain"
    assert take_in(article, make_user(email="c@mail.example"), "Hello.").hold_for == "email_domain"
    assert take_in(article, make_user(email="d@sub.mail.example"), "Hello.").hold_for is None
    assert take_in(article, make_user(email="e@notspam.example"), "Hello.").hold_for is None
    boss = make_user(email="boss@spam.example", role=Role.ADMIN, site=article.site)
    assert take_in(article, boss, "Hello.").status == Status.PUBLISHED


def test_new_authors_wait_between_comments_where_the_site_says_so(app: Flask) -> None:
    article = make_article(make_site(policy=Policy(trust_pace=600)))
    user = make_user()
    comment = take_in(article, user, "First.")
    db.session.commit()
    assert comment.author_level == Level.NEW
    with pytest.raises(TooSoon, match="What you typed is kept"):
        take_in(article, user, "Second.")
    assert take_in(article, user, "First.").id == comment.id, "pressed twice is still one comment"


def test_the_record_is_what_stands_and_what_was_rejected_even_if_withdrawn_since(app: Flask) -> None:
    from commentsvc.moderation.decide import reject, undo, withdraw

    article = make_article()
    user, nora = make_user(), manager_of(article.site)
    made = [make_comment(article, user) for _ in range(5)]
    key = (article.site_id, user.id)
    flag(made[0], make_user(), "abuse")
    vote(made[1], make_user(), 1)
    decisions = [reject(c, actor=nora, reason=Reason.ABUSE, seen=c.version) for c in made[:3]]
    undo(decisions[2], actor=nora)
    withdraw(made[1], user)
    db.session.commit()
    found = standings([key])[key]
    assert (found.published, found.rejected, found.upheld) == (3, 2, 1)
    assert levels([key]) == {key: Level.WATCHED}
    assert sanctions.active(user.id, article.site_id) == []
