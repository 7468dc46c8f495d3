"""The worker's lanes and its keeper, with a scoring process that fails in every way there is."""

from __future__ import annotations

import datetime as dt
import os
import signal
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, current_app
from sqlalchemy import Select, event, func, select, text
from sqlalchemy.exc import OperationalError

from commentsvc.accounts.models import Profile
from commentsvc.bell import Bell, DatabaseBell, LocalBell
from commentsvc.comments.counts import recount
from commentsvc.comments.models import Comment, Status
from commentsvc.config import Settings
from commentsvc.database import follow_up, utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.moderation.alarms import Alarm, Worker, health
from commentsvc.moderation.bios import set_bio
from commentsvc.moderation.models import Decision, Screening
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article
from commentsvc.tasks import EXTENSION, Tasks
from commentsvc.worker import LOOK_SECONDS, Pause, ScreeningWorker
from tests.factories import make_article, make_comment, make_site, make_user
from tests.moderation.stand_ins import READER

Start = Callable[..., ScreeningWorker]


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def start(app: Flask, settings: Settings, models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start a worker whose model is the stand-in; `lease` also bounds what it waits for."""
    monkeypatch.setattr(Settings, "models_path", property(lambda _self: models))
    made: list[ScreeningWorker] = []

    def begin(lease: int = 30, **given: Any) -> ScreeningWorker:
        db.session.commit()
        worker = ScreeningWorker(app, replace(settings, SCREENING_LEASE=lease, **given), Bell(), loader=READER)
        made.append(worker)
        worker.start()
        return worker

    yield begin
    for worker in made:
        worker.stop()


@contextmanager
def reading() -> Iterator[None]:
    """What the database has now; the test must not hold SQLite's write lock while workers write."""
    token = write_intent.set(False)
    try:
        with current_app.app_context():  # a session of its own
            yield
    finally:
        write_intent.reset(token)


def until(true: Callable[[], bool], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.02)


def statuses(comments: list[int]) -> list[str]:
    with reading():
        rows = db.session.execute(select(Comment.id, Comment.status).where(Comment.id.in_(comments))).all()
    found = {row[0]: row[1] for row in rows}
    return [found[c] for c in comments]


def pend(article: Article, *bodies: str) -> list[int]:
    ids = [make_comment(article, body=body, status=Status.PENDING).id for body in bodies]
    db.session.commit()
    return ids


def alarms() -> list[Alarm]:
    with reading():
        return list(health().alarms)


def kinds() -> list[str]:
    return [alarm.kind for alarm in alarms()]


def number(query: Select[Any]) -> int:
    with reading():
        return int(db.session.scalar(query))


def test_a_bio_is_read_too_though_nothing_else_waits(start: Start) -> None:
    person = make_user()
    set_bio(person, "I like rain.")
    db.session.commit()
    start()
    until(lambda: number(select(func.count()).select_from(Profile).where(Profile.bio == "I like rain.")) == 1)


def test_what_waited_is_decided_and_what_comes_in_at_once(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commentsvc.worker.LOOK_SECONDS", dict.fromkeys(LOOK_SECONDS, 60.0))
    article = make_article()
    waited = pend(article, "one", "so toxic", "two")
    worker = start()
    until(lambda: statuses(waited) == ["published", "held", "published"])
    until(lambda: number(select(func.count()).select_from(Worker).where(Worker.model_name == "reader")) == 1)
    [new] = pend(article, "a new one")
    worker._bell.ring()
    until(lambda: statuses([new]) == ["published"])  # it heard the bell; by itself it looks after a minute


def test_a_worker_with_a_corrupt_model_says_so_keeps_trying_and_recovers(start: Start, models: Path) -> None:
    (models / "corrupt").touch()
    waiting = pend(make_article(), "one", "so toxic")
    worker = start()
    until(lambda: kinds() == ["model"])
    [alarm] = alarms()
    assert "is corrupt" in alarm.error
    assert alarm.since is not None
    assert all(thread.is_alive() for thread in worker._threads)
    assert statuses(waiting) == ["pending", "pending"]
    (models / "corrupt").unlink()
    until(lambda: statuses(waiting) == ["published", "held"])
    until(lambda: kinds() == [])


@pytest.mark.parametrize("how", ["fails", "nan"])
def test_a_model_that_goes_wrong_in_mid_life_publishes_nothing_and_recovers(start: Start, models: Path, how: str) -> None:
    article = make_article()
    first = pend(article, "one")
    worker = start()
    until(lambda: statuses(first) == ["published"])
    (models / how).touch()
    waiting = pend(article, "two", "so toxic")
    worker._bell.ring()
    until(lambda: kinds() == ["model"])
    assert statuses(waiting) == ["pending", "pending"]
    (models / how).unlink()
    until(lambda: statuses(waiting) == ["published", "held"])
    until(lambda: kinds() == [])


def test_a_killed_scoring_process_costs_nothing(start: Start) -> None:
    article = make_article()
    worker = start()
    until(lambda: worker.model.pid is not None)
    ids = pend(article, *(f"SLOW {n}" for n in range(12)))
    killed = 0
    while "pending" in statuses(ids):
        pid = worker.model.pid
        if pid is not None and killed < 2:
            os.kill(pid, signal.SIGKILL)
            killed += 1
        worker._bell.ring()
        time.sleep(0.3)
    assert set(statuses(ids)) == {"published"}
    assert killed == 2


def test_a_text_that_crashes_the_model_is_held_and_the_others_are_decided(start: Start) -> None:
    ids = pend(make_article(), "one", "CRASH", "two", "so toxic")
    start()
    until(lambda: "pending" not in statuses(ids), 30)
    assert statuses(ids) == ["published", "held", "published", "held"]
    assert kinds() == []


@pytest.mark.slow
def test_a_text_that_hangs_the_model_is_held_and_others_do_not_wait_for_it(start: Start) -> None:
    article = make_article()
    [bad] = pend(article, "HANG")
    worker = start(lease=4)
    until(lambda: number(select(func.count()).where(Comment.id == bad, Comment.claimed_until.is_not(None))) == 1)
    time.sleep(0.5)  # the model has it
    others = pend(article, "one", "two")
    worker._bell.ring()
    until(lambda: statuses(others) == ["published", "published"])
    assert statuses([bad]) == ["pending"], "they came later and were done sooner"
    until(lambda: statuses([bad]) == ["held"], 60)


def test_an_explanation_that_kills_the_model_leaves_the_verdict(start: Start) -> None:
    ids = pend(make_article(), "so toxic and INEXPLICABLE", "fine")
    start()
    until(lambda: statuses(ids) == ["held", "published"])
    with reading():
        screening = db.session.scalars(select(Screening).where(Screening.comment_id == ids[0])).one()
        assert screening.scores is not None
        assert screening.findings[0]["explanation"] is None


def test_where_a_site_fails_open_comments_are_published_and_screened_when_the_model_is_back(start: Start, models: Path) -> None:
    (models / "corrupt").touch()
    article = make_article(make_site(policy=Policy(fail_open_after=60)))
    ids = pend(article, "so toxic", "fine", "too new")
    for comment_id in ids[:2]:
        db.session.get_one(Comment, comment_id).accepted_at = utcnow() - dt.timedelta(seconds=90)
    db.session.commit()
    start()
    until(lambda: statuses(ids) == ["published", "published", "pending"])
    (models / "corrupt").unlink()
    until(lambda: statuses(ids) == ["held", "published", "published"])


def test_a_database_that_fails_for_a_while_loses_nothing(start: Start) -> None:
    """As a full disk does, in the middle of writing decisions down."""
    full = {"on": False}

    def fail(_c: object, _cur: object, statement: str, *_rest: object) -> None:
        if full["on"] and statement.startswith("INSERT INTO decisions"):
            raise OperationalError(statement, {}, Exception("database or disk is full"))

    event.listen(db.engine, "before_cursor_execute", fail)
    try:
        article = make_article()
        worker = start()
        until(lambda: worker.model.pid is not None)
        full["on"] = True
        ids = pend(article, *(f"number {n}" for n in range(12)))
        worker._bell.ring()
        time.sleep(2.5)
        assert set(statuses(ids)) == {"pending"}
        full["on"] = False
        until(lambda: set(statuses(ids)) == {"published"}, 30)
        assert number(select(func.max(Comment.screen_attempts))) == 1, "the disk's fault is no comment's"
        assert number(select(func.count()).select_from(Decision)) == 12
    finally:
        event.remove(db.engine, "before_cursor_execute", fail)


def test_counts_are_exact_when_several_lanes_decide_in_one_thread(start: Start) -> None:
    article = make_article()
    root = make_comment(article)
    ids = [make_comment(article, parent=root, status=Status.PENDING).id for _ in range(40)]
    ids += pend(article, *(f"root {n}" for n in range(40)))
    start(SCREENING_THREADS=3, SCREENING_BATCH=5)
    until(lambda: set(statuses(ids)) == {"published"}, 30)
    columns = (Comment.id, Comment.listed, Comment.preview, Comment.reply_count, Comment.thread_count)
    before = db.session.execute(select(*columns).order_by(Comment.id)).all()
    published = db.session.scalar(select(Article.comment_count).where(Article.id == article.id))
    recount(article.id)
    db.session.flush()
    assert db.session.execute(select(*columns).order_by(Comment.id)).all() == before
    assert db.session.scalar(select(Article.comment_count).where(Article.id == article.id)) == published == 81
    db.session.commit()


@pytest.mark.slow
def test_a_posted_comment_does_not_wait_behind_a_backlog(start: Start, models: Path) -> None:
    """The stand-in takes no time; what is measured is the queueing. With the model: benchmarks."""
    article = make_article()
    first = make_comment(article, status=Status.PENDING)
    columns = {c.name: getattr(first, c.name) for c in Comment.__table__.columns if c.name != "id"}
    rows = [columns | {"external_id": f"old:{n}", "body": f"old {n}", "body_hash": f"{n}"} for n in range(10_000)]
    db.session.execute(Comment.__table__.insert(), rows)  # type: ignore[attr-defined]
    db.session.commit()
    worker = start()
    until(lambda: statuses([first.id]) == ["published"])
    taken = []
    for n in range(5):
        [new] = pend(article, f"posted {n}")
        began = time.monotonic()
        worker._bell.ring()
        until(lambda new=new: statuses([new]) == ["published"])  # type: ignore[misc]
        taken.append(time.monotonic() - began)
    left = number(select(func.count()).select_from(Comment).where(Comment.status == "pending"))
    assert left > 1000, "the backlog was there all the time"
    assert statistics.median(taken) < 1.0, "behind the backlog every one of them waits; a busy machine stops for a moment"


def test_pauses_grow_and_end() -> None:
    pause = Pause()
    assert [pause.longer() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    pause.over()
    assert pause.longer() == 1


def test_the_local_bell_reaches_every_worker_and_nobody_is_fine(tmp_path: Path) -> None:
    bell = LocalBell(tmp_path / "bell")
    bell.ring()  # nobody ever listened
    heard = [threading.Event(), threading.Event()]
    stop = threading.Event()
    ears = [threading.Thread(target=bell.listen, args=(h.set, stop.is_set)) for h in heard]
    for ear in ears:
        ear.start()
    until_set = time.monotonic() + 5
    while not any(h.is_set() for h in heard) and time.monotonic() < until_set:
        bell.ring()
        time.sleep(0.01)
    assert any(h.is_set() for h in heard)
    stop.set()
    for ear in ears:
        ear.join()
    for _ in range(100_000 // 10_000):
        bell.ring()  # nobody listens any more


def test_a_bell_rung_before_waiting_is_heard() -> None:
    bell = Bell()
    seen = bell.count
    bell.ring()
    assert bell.wait(seen, 0)
    assert not bell.wait(bell.count, 0.01)


def test_postgresql_rings_without_a_message_and_goes_on_when_the_line_is_cut(app: Flask) -> None:
    tasks: Tasks = app.extensions[EXTENSION]
    if not isinstance(tasks.wire, DatabaseBell):
        pytest.skip("a SQLite database has one machine")
    messages = tasks.huey.pending_count()
    heard, stop = threading.Event(), threading.Event()
    ear = threading.Thread(target=tasks.wire.listen, args=(heard.set, stop.is_set))
    ear.start()
    try:
        assert heard.wait(10), "what rang before it listened may have been missed"
        for cut in (False, True):
            if cut:
                heard.clear()
                db.session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN commentsvc_bell'"))
                db.session.commit()
                assert heard.wait(10), "it listens again"
            heard.clear()
            follow_up(db.session, "screen")
            assert not heard.wait(0.2), "not before the commit"
            db.session.commit()
            assert heard.wait(10)
        assert tasks.huey.pending_count() == messages
    finally:
        stop.set()
        ear.join()
