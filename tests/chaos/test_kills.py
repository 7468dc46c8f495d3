"""`kill -9` at any moment, while comments are posted: nothing is lost, decided twice, or let through.

The worker is the real one in processes of its own; its model is a stand-in that takes its time over some
texts, so that kills find it in the middle of a batch. The seed is printed with a failure.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.comments.counts import recount
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.submit import submit_comment
from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Screening
from commentsvc.moderation.screen import screen_comment
from commentsvc.sites.models import Article
from tests.factories import fresh, make_article, make_site, make_user
from tests.moderation.stand_ins import READER

POSTING_SECONDS = 12.0
DRAIN_SECONDS = 40.0  # for a machine that does other work; it takes a few
LEASE = 2  # what a killed worker had claimed is taken over after this

WORKER = f"""
from commentsvc import create_app
from commentsvc.tasks import run_worker
run_worker(create_app(), loader={READER!r})
"""


class Crew:
    """A worker that is started again whenever it is gone."""

    def __init__(self, environ: dict[str, str], log: Path) -> None:
        self._environ = environ
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.kills: Counter[str] = Counter()

    def keep_going(self) -> None:
        if self.process is None or self.process.poll() is not None:
            with self._log.open("ab") as log:
                self.process = subprocess.Popen([sys.executable, "-c", WORKER], env=self._environ, stdout=log, stderr=log)

    def kill(self, rng: random.Random) -> None:
        """End the worker, or only the process that scores, without asking."""
        assert self.process is not None
        children = _children(self.process.pid)
        if children and rng.random() < 0.4:
            self._end(children[0], "scoring process")
        else:
            self._end(self.process.pid, "worker")
            self.process.wait()

    def _end(self, pid: int, what: str) -> None:
        try:
            os.kill(pid, signal.SIGKILL)
            self.kills[what] += 1
        except ProcessLookupError:
            pass

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


@contextmanager
def crew(settings: Settings, log: Path) -> Iterator[Crew]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("COMMENTSVC_")}
    environ = inherited | {
        "COMMENTSVC_INSTANCE": settings.INSTANCE, "COMMENTSVC_DATABASE_URL": settings.DATABASE_URL,
        "COMMENTSVC_SECRET_KEY": settings.SECRET_KEY, "COMMENTSVC_SCREENING_LEASE": str(LEASE),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    made = Crew(environ, log)
    try:
        yield made
    finally:
        made.stop()


def _post(article_id: int, author_id: int, number: int, rng: random.Random) -> int:
    """As a surface posts: accepted once this returns."""
    article = fresh(db.session.get_one(Article, article_id))
    author = db.session.get_one(User, author_id)
    published = db.session.scalars(
        select(Comment.id).where(Comment.article_id == article_id, Comment.status == Status.PUBLISHED).limit(20)
    ).all()
    parent = rng.choice(published) if published and rng.random() < 0.6 else None
    words = ["so toxic"] * (number % 4 == 0) + ["SLOW"] * (number % 5 == 0) + [f"comment {number}"]
    comment = submit_comment(article, author, " ".join(words), parent)
    comment.article = article
    screen_comment(comment)
    db.session.commit()
    posted = comment.id
    db.session.remove()
    return posted


def test_killed_workers_lose_nothing_decide_nothing_twice_and_publish_nothing_unread(
    app: Flask, settings: Settings, tmp_path: Path
) -> None:
    seed = random.randrange(10**6)
    rng = random.Random(seed)
    site = make_site()
    articles = [make_article(site).id for _ in range(3)]
    authors = [make_user().id for _ in range(5)]
    db.session.remove()
    posted: list[int] = []
    with crew(settings, tmp_path / "worker.log") as workers:
        ends = time.monotonic() + POSTING_SECONDS
        next_kill = time.monotonic() + 1.5
        while time.monotonic() < ends:
            workers.keep_going()
            posted.append(_post(rng.choice(articles), rng.choice(authors), len(posted), rng))
            if time.monotonic() > next_kill:
                workers.kill(rng)
                next_kill = time.monotonic() + rng.uniform(0.3, 2.5)
            time.sleep(rng.uniform(0.0, 0.12))
        deadline = time.monotonic() + DRAIN_SECONDS
        while _pending() and time.monotonic() < deadline:
            workers.keep_going()
            time.sleep(0.2)
        log = (tmp_path / "worker.log").read_text()[-2000:]
        about = f"seed {seed}, {len(posted)} posted, killed {dict(workers.kills)}\n{log}"
        assert _pending() == 0, about
        assert sum(workers.kills.values()) >= 4, about
        _check(posted, articles, about)
        print(about)


def _pending() -> int:
    found = db.session.scalar(select(func.count()).select_from(Comment).where(Comment.status == Status.PENDING)) or 0
    db.session.rollback()
    return found


def _check(posted: list[int], articles: list[int], about: str) -> None:
    comments = {c.id: c for c in db.session.scalars(select(Comment))}
    assert set(comments) == set(posted), about
    decided = Counter(db.session.scalars(select(Decision.comment_id)))
    assert decided == Counter(posted), f"each exactly once; {about}"
    read = {s.comment_id: s for s in db.session.scalars(select(Screening))}
    for comment in comments.values():
        screening = read[comment.id]
        if comment.status == Status.PUBLISHED:
            assert "toxic" not in comment.body, about
            assert screening.scores, f"published unread: {about}"
        else:
            # Held for its words; or because it was in the hands of too many that were killed.
            assert comment.status == Status.HELD, about
            assert "toxic" in comment.body or comment.screen_attempts > 3, about
    before = _counts(articles)
    for article_id in articles:
        recount(article_id)
    db.session.flush()
    assert _counts(articles) == before, about
    db.session.rollback()


def _counts(articles: list[int]) -> list[object]:
    columns = (Comment.id, Comment.listed, Comment.preview, Comment.reply_count, Comment.thread_count)
    return [
        db.session.execute(select(*columns).order_by(Comment.id)).all(),
        db.session.execute(select(Article.id, Article.comment_count).where(Article.id.in_(articles)).order_by(Article.id)).all(),
    ]
