"""Two web nodes and two workers, each with a folder of its own, are one service: and stay one when a part dies.

Real processes on PostgreSQL and Redis over TCP. Every test leaves the fleet whole for the next.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import yaml
from flask import Flask, current_app
from sqlalchemy import Select, func, select

from commentsvc import create_app
from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.config import Settings
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.moderation.alarms import Worker
from commentsvc.moderation.models import Decision, Screening
from commentsvc.sites.models import Article, Site
from commentsvc.tasks import EXTENSION
from tests.factories import make_article, make_comment, make_site, make_user
from tests.postgres import start_postgres_on_tcp
from tests.scaling.fleet import REACTIONS, SECRET, Fleet, Process, Web, free_port, until
from tests.scaling.nginx import NGINX, configured
from tests.scaling.test_deploy import COMPOSE

pytestmark = pytest.mark.slow

API = "/api/v1"
PASSWORD = "harbour-lights-2026"
WAIT = {"Prefer": "wait=8"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    made = Fleet(folder, start_postgres_on_tcp(folder, free_port()))
    migrated = subprocess.run(
        [*made.workers[0].command[:-1], "db", "upgrade"], env=made.environ("setup"), capture_output=True, text=True, check=False
    )
    assert migrated.returncode == 0, migrated.stderr
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def _desk(fleet: Fleet) -> Iterator[Flask]:
    """An application beside the fleet, to look into its database."""
    app = create_app(Settings(
        INSTANCE=str(fleet.folder / "desk"), DATABASE_URL=fleet.database_url, REDIS_URL=fleet.redis_url, SECRET_KEY=SECRET,
    ))
    yield app
    with app.app_context():
        db.engine.dispose()
    app.extensions[EXTENSION].huey.storage.close()


@pytest.fixture(autouse=True)
def _context(_desk: Flask) -> Iterator[None]:
    token = write_intent.set(True)
    with _desk.app_context():
        yield
        db.session.remove()
    write_intent.reset(token)


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site)


def token_of(user: User) -> str:
    """Signed in, without spending what one address may sign in."""
    token = start_session(user, device="test")
    db.session.commit()
    return token


def post(web: Web, article: Article, token: str, body: str, *, headers: dict[str, str] | None = None) -> dict[str, object]:
    answer = web.ask("POST", f"{API}/articles/{article.id}/comments", {"body": body}, token=token, headers=headers)
    assert answer.status == 201, answer
    found: dict[str, object] = answer.data
    return found


def react(web: Web, comment: Comment, token: str) -> int:
    return web.ask("PUT", f"{API}/comments/{comment.id}/vote", {"value": 1}, token=token).status


def seen(statement: Select[*tuple[Any, ...]]) -> list[Any]:
    """What stands in the database now, whatever this test's own session has read before."""
    with db.engine.connect() as connection:
        return list(connection.execute(statement).all())


def pending() -> bool:
    return bool(seen(select(Comment.id).where(Comment.status == Status.PENDING).limit(1)))


def times_decided(kind: type[Decision | Screening], comments: list[int]) -> list[int]:
    """How often each of these comments was."""
    counts = dict(seen(select(kind.comment_id, func.count()).where(kind.comment_id.in_(comments)).group_by(kind.comment_id)))
    return [counts.get(n, 0) for n in comments]


def page(web: Web, site: Site, article: Article) -> str:
    answer = web.ask("GET", f"/embed/{site.key}/thread?url={quote(article.url, safe='')}")
    assert answer.status == 200, answer
    return answer.body


def test_reader_signs_in_at_one_node_and_goes_on_at_the_other(fleet: Fleet, article: Article) -> None:
    a, b = fleet.webs
    user = make_user("Ada", password_hash=hash_password(PASSWORD))
    token = a.ask("POST", f"{API}/sessions", {"email": user.email, "password": PASSWORD}).data["token"]
    posted = [post(web, article, token, f"A decent remark, number {n}.", headers=WAIT) for n, web in enumerate([b, a, b])]
    assert [comment["status"] for comment in posted] == ["published"] * 3, "the verdict of some worker is seen at either node"
    first = a.ask("GET", f"{API}/articles/{article.id}/comments?sort=oldest&limit=2").data
    rest = b.ask("GET", f"{API}/articles/{article.id}/comments?sort=oldest&limit=2&after={first['next']}")
    assert rest.status == 200, "a cursor that one node signed is good at the other"
    assert [c["id"] for c in first["comments"] + rest.data["comments"]] == [c["id"] for c in posted]


def test_form_of_one_node_may_be_sent_to_the_other(fleet: Fleet) -> None:
    a, b = fleet.webs
    user = make_user("Grace", password_hash=hash_password(PASSWORD))
    form = a.ask("GET", "/account/sign-in")
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', form.body)
    assert csrf is not None
    cookie = form.headers["set-cookie"].partition(";")[0]
    sent = urlencode({"email": user.email, "password": PASSWORD, "csrf_token": csrf[1]})
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    answer = b.ask("POST", "/account/sign-in", sent, headers=headers)
    assert answer.status == 303, answer.body[:500]
    signed_in = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    for web in (a, b):
        assert "Grace" in web.ask("GET", "/account/", headers=signed_in).body


def test_host_whose_key_was_forgotten_does_not_start(fleet: Fleet) -> None:
    environ = fleet.environ("forgotten")
    del environ["COMMENTSVC_SECRET_KEY"]
    for command in ([*fleet.webs[0].command[:-1], str(free_port())], fleet.workers[0].command):
        ended = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=30)
        assert ended.returncode == 1
        assert "COMMENTSVC_SECRET_KEY is not set, so this node made its own" in ended.stderr


def test_each_comment_is_screened_once_though_two_workers_run(fleet: Fleet, article: Article) -> None:
    until(lambda: _ready(*fleet.workers), 20, "both workers report, and their models work")
    tokens = [token_of(make_user()) for _ in range(8)]

    def send(n: int) -> dict[str, object]:
        return post(fleet.webs[n % 2], article, tokens[n % 8], f"Thank you for the report, says reader {n}.")

    with ThreadPoolExecutor(8) as pool:
        posted = [int(str(comment["id"])) for comment in pool.map(send, range(64))]
    until(lambda: not pending(), 20, "all are decided")
    for kind in (Screening, Decision):
        assert times_decided(kind, posted) == [1] * 64, kind


def _ready(*workers: Process) -> bool:
    """Whether each of them has reported that its model works."""
    running = {int(found.split(":")[-2]) for (found,) in seen(select(Worker.id).where(Worker.error.is_(None)))}
    return all(worker.running is not None and worker.running.pid in running for worker in workers)


def test_vote_counts_once_wherever_it_is_cast(fleet: Fleet, article: Article) -> None:
    comment = make_comment(article)
    token = token_of(make_user())
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda web: react(web, comment, token), fleet.webs * 2)) == {200}
    assert seen(select(Vote.value).where(Vote.comment_id == comment.id)) == [(1,)]
    assert seen(select(Comment.up).where(Comment.id == comment.id)) == [(1,)]


def test_limit_counts_across_nodes(fleet: Fleet, article: Article) -> None:
    assert _after_spending_at_the_first(fleet, make_comment(article)) == [429, 429]


def _after_spending_at_the_first(fleet: Fleet, comment: Comment) -> list[int]:
    """What either node answers an account that has just spent its reactions at the first one."""
    token = token_of(make_user())
    for _ in range(REACTIONS):
        assert react(fleet.webs[0], comment, token) == 200
    return [react(web, comment, token) for web in fleet.webs]


def test_decision_at_one_node_is_seen_on_the_other_ones_page_within_a_second(fleet: Fleet, site: Site, article: Article) -> None:
    a, b = fleet.webs
    comment = make_comment(article, body="This should not have been said.")
    manager = token_of(make_user(role=Role.COMMUNITY_MANAGER, site=site))
    until(lambda: "should not have been said" in page(b, site, article), 5, "the page is warm")
    decision = {"action": "reject", "reason": "abuse", "version": comment.version}
    answer = a.ask("POST", f"{API}/comments/{comment.id}/decisions", decision, token=manager)
    assert answer.status == 201, answer
    until(lambda: "should not have been said" not in page(b, site, article), 1.0, "gone from the other node's page")


def test_without_redis_all_goes_on_and_with_it_limits_are_shared_again(fleet: Fleet, site: Site, article: Article) -> None:
    a, b = fleet.webs
    comment = make_comment(article)
    token = token_of(make_user())
    fleet.redis.signal(signal.SIGSTOP)
    began = time.monotonic()
    post(a, article, token, "Said while Redis hangs.")
    took = time.monotonic() - began
    print(f"hang {took:.2f}")
    assert took < 9, "the Redis client by itself waits 5 seconds for the limits and again for the bell"
    fleet.redis.kill()
    try:
        for web in (a, b):
            # The bell was in Redis, too: the workers look by themselves every second or two.
            assert post(web, article, token, f"Said without Redis at {web.port}.", headers=WAIT)["status"] == "published"
            assert "Said without Redis" in page(web, site, article)
            assert web.ask("GET", "/readyz").status == 200
        assert _after_spending_at_the_first(fleet, comment) == [429, 200], "limits are counted in each process"
        fleet.workers[0].kill()
        fleet.workers[0].start()
        until(lambda: _ready(fleet.workers[0]), 20, "a worker starts without Redis, too")
    finally:
        fleet.redis.start()
    until(lambda: _after_spending_at_the_first(fleet, comment) == [429, 429], 40, "limits are shared again")
    assert post(a, article, token, "Said with Redis again.", headers=WAIT)["status"] == "published"
    until(lambda: current_app.extensions[EXTENSION].huey.pending_count() == 0, 5, "the workers hear the bell in Redis again")


def test_worker_takes_over_what_a_killed_one_had_claimed(fleet: Fleet, article: Article) -> None:
    until(lambda: not pending() and _ready(*fleet.workers), 20, "nothing else is in anybody's hands")
    first, second = fleet.workers
    second.signal(signal.SIGSTOP)  # so that what is claimed now is the first one's
    try:
        author = make_user()
        posted = [make_comment(article, author, f"A long remark, number {n}. " * 60, status=Status.PENDING).id for n in range(12)]
        until(lambda: _claimed(posted) > 0, 10, "the first worker has claimed some")
        first.kill()
        left = _claimed(posted)
    finally:
        second.signal(signal.SIGCONT)
    assert left > 0, "it was killed with comments in its hands"
    until(lambda: not pending(), 30, "the second has decided all of them")
    assert times_decided(Decision, posted) == [1] * len(posted)
    first.start()


def _claimed(among: list[int]) -> int:
    held = select(Comment.id).where(Comment.id.in_(among), Comment.status == Status.PENDING, Comment.claimed_until > utcnow())
    return len(seen(held))


def test_readers_of_a_killed_web_node_go_on_at_the_other(fleet: Fleet, site: Site, article: Article) -> None:
    a, b = fleet.webs
    token = token_of(make_user())
    post(a, article, token, "Said at the node that dies.", headers=WAIT)
    a.kill()
    try:
        assert "Said at the node that dies." in page(b, site, article)
        assert post(b, article, token, "Said at the other one.", headers=WAIT)["status"] == "published"
    finally:
        a.start()
        until(a.up, 30, "the node is back")
    until(lambda: "Said at the other one." in page(a, site, article), 2, "and shows what was said meanwhile")


def test_nodes_share_no_folder(fleet: Fleet) -> None:
    folders = {Path(process.environ["COMMENTSVC_INSTANCE"]) for process in (*fleet.webs, *fleet.workers)}
    assert len(folders) == 4
    assert not [folder for folder in folders if (folder / "secret_key").exists() or list(folder.glob("*.sqlite3"))]



def test_health_checks_of_the_compose_file_find_the_nodes_healthy(fleet: Fleet) -> None:
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    until(lambda: _ready(*fleet.workers), 20, "both workers report")
    port, nobody = fleet.webs[0].port, free_port()
    for name, seen_as, healthy in (
        ("web", {"8000": str(port)}, True), ("web", {"8000": str(nobody)}, False),
        ("worker", {}, True), ("worker", {"socket.gethostname()": "'another host'"}, False),
    ):
        program = services[name]["healthcheck"]["test"][3]
        for there, here in seen_as.items():
            assert there in program
            program = program.replace(there, here)
        ended = subprocess.run(
            [sys.executable, "-c", program], env=fleet.environ("checked"), capture_output=True, text=True, check=False, timeout=20
        )
        assert (ended.returncode == 0) == healthy, ended.stderr


def test_nginx_in_front_asks_once_for_a_crowd_and_forgets_with_the_nodes(
    fleet: Fleet, site: Site, article: Article, tmp_path: Path
) -> None:
    if NGINX is None:
        pytest.skip("needs nginx, which is not here")
    comment = make_comment(article, body="This should not have been said.")
    manager = token_of(make_user(role=Role.COMMUNITY_MANAGER, site=site))
    path = f"/embed/{site.key}/thread?url={quote(article.url, safe='')}"
    port = free_port()
    main = configured(tmp_path, [web.port for web in fleet.webs], http=free_port(), https=port)
    proxy = Process([NGINX, "-c", str(main)], dict(os.environ), tmp_path / "nginx.log")
    proxy.start()
    front = Web([], {}, tmp_path, port=port, tls=True)
    try:
        until(lambda: front.up("/healthz"), 10, f"nginx answers; {proxy.log.read_text()}")
        with ThreadPoolExecutor(8) as pool:
            crowd = list(pool.map(lambda _: front.ask("GET", path), range(40)))
        assert {answer.status for answer in crowd} == {200}
        asked = [answer.headers["x-cache"] for answer in crowd]
        assert asked.count("HIT") >= 30, asked
        again = front.ask("GET", path, headers={"If-None-Match": crowd[0].headers["etag"]})
        assert again.status == 304
        listed = f"{API}/articles/{article.id}/comments"
        assert front.ask("GET", listed, token=manager).headers["x-cache"] == "BYPASS", "an answer to a bearer is not for others"
        assert front.ask("POST", listed, "x" * 1_000_001, token=manager).status == 413
        decision = {"action": "reject", "reason": "abuse", "version": comment.version}
        assert front.ask("POST", f"{API}/comments/{comment.id}/decisions", decision, token=manager).status == 201
        until(lambda: "should not have been said" not in front.ask("GET", path).body, 2.0, "gone here, too")
    finally:
        proxy.stop()
