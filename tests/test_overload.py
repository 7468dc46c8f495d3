"""More than a web process can do: who is worked on, who waits, who is asked to come back, and with what words."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from commentsvc import create_app
from commentsvc.accounts.sessions import start_session
from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.overload import PLACE, Gate, Kind, threads_for
from commentsvc.reuse import Reuse
from commentsvc.tasks import EXTENSION
from tests.factories import make_article, make_site, make_user

pytestmark = pytest.mark.once

LONG = 20.0  # seconds; nothing here takes so long unless it is broken
PATIENT = {Kind.FIRST: (LONG, LONG), Kind.READ: (LONG, LONG), Kind.SPARE: (0.0, 0.0)}


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONG
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.002)


class Crowd:
    """An application whose answers wait until they are let go, behind a gate; whoever asks does so in a thread."""

    def __init__(self, places: int, room: int, patience: Any = None) -> None:
        self.inside: list[str] = []
        self.begun: list[str] = []
        self.finish: dict[str, threading.Event] = {}
        self.turned_away: list[Kind] = []
        self.answers: dict[str, TestResponse] = {}
        self.now = 0.0
        self.gate = Gate(
            self._app, places, room, patience=patience or PATIENT, clock=lambda: self.now, count=self.turned_away.append,
        )
        self._threads: list[threading.Thread] = []

    def _app(self, environ: Any, start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        self.begun.append(path)
        if "wait" in path:
            environ[PLACE].leave_to_wait()
        self.inside.append(path)
        assert self.finish.setdefault(path, threading.Event()).wait(LONG)
        self.inside.remove(path)
        if "fails" in path:
            raise ValueError(path)
        return Response("done")(environ, start_response)

    def ask(self, path: str, method: str = "GET") -> None:
        """Ask in a thread of its own; returns once it is worked on, waits, or is answered."""
        before = len(self.inside) + self.gate.waiting + len(self.answers)

        def run() -> None:
            try:
                self.answers[path] = Client(self.gate).open(path, method=method)
            except ValueError:
                self.answers[path] = TestResponse(iter([b""]), "500", Headers(), Request({}))

        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()
        until(lambda: len(self.inside) + self.gate.waiting + len(self.answers) > before)

    def let_go(self, path: str) -> None:
        self.finish.setdefault(path, threading.Event()).set()
        until(lambda: path in self.answers)

    def status(self, path: str) -> int:
        until(lambda: path in self.answers)
        return self.answers[path].status_code

    def end(self) -> None:
        until(self._all_let_go)
        for thread in self._threads:
            thread.join(LONG)

    def _all_let_go(self) -> bool:
        for event in list(self.finish.values()):
            event.set()
        for path in list(self.inside):
            self.finish.setdefault(path, threading.Event()).set()
        return not any(thread.is_alive() for thread in self._threads)


@pytest.fixture
def crowd() -> Iterator[Callable[..., Crowd]]:
    with ExitStack() as stack:
        def make(*given: Any) -> Crowd:
            made = Crowd(*given)
            stack.callback(made.end)
            return made

        yield make


def test_as_many_are_worked_on_as_there_are_places_and_the_next_gets_a_place_that_is_free(crowd: Any) -> None:
    made = crowd(2, 4)
    for path in ("/1", "/2", "/3"):
        made.ask(path)
    assert (made.inside, made.gate.waiting) == (["/1", "/2"], 1)
    made.let_go("/1")
    until(lambda: "/3" in made.inside)
    assert made.gate.waiting == 0
    made.let_go("/2")
    made.let_go("/3")
    assert {made.status(path) for path in ("/1", "/2", "/3")} == {200}
    assert made.turned_away == []


def test_who_finds_no_room_is_turned_away_at_once_reads_first(crowd: Any) -> None:
    made = crowd(1, 4)
    made.ask("/busy")
    for n in range(2):
        made.ask(f"/read/{n}")
    made.ask("/read/too-many")
    assert made.status("/read/too-many") == 503
    for n in range(2):
        made.ask(f"/post/{n}", "POST")
    made.ask("/post/too-many", "POST")
    assert made.status("/post/too-many") == 503
    assert made.turned_away == [Kind.READ, Kind.FIRST]
    assert made.gate.waiting == 4
    assert made.begun == ["/busy"], "of those that are turned away the application hears nothing"


def test_posts_and_the_console_go_before_reads_that_came_earlier(crowd: Any) -> None:
    made = crowd(1, 8)
    made.ask("/busy")
    made.ask("/read")
    made.ask("/post", "POST")
    made.ask("/review/news/held")
    last = "/busy"
    for following in ("/post", "/review/news/held", "/read"):
        made.let_go(last)
        until(lambda: bool(made.inside))
        assert made.inside == [following]
        last = following


def test_every_fourth_place_goes_to_a_read(crowd: Any) -> None:
    made = crowd(1, 20)
    made.ask("/busy")
    for n in range(6):
        made.ask(f"/post/{n}", "POST")
    made.ask("/read")
    order, last = [], "/busy"
    for _ in range(7):
        made.let_go(last)
        until(lambda: bool(made.inside))
        last = made.inside[0]
        order.append(last)
    assert order.index("/read") == 3


def test_a_wait_in_vain_ends_and_in_a_rush_that_does_not_end_it_ends_sooner(crowd: Any) -> None:
    made = crowd(1, 8, {Kind.FIRST: (LONG, LONG), Kind.READ: (LONG, 0.001), Kind.SPARE: (0.0, 0.0)})
    made.ask("/busy")
    made.ask("/read/1")
    made.now = 0.9
    made.ask("/read/2")
    assert made.gate.waiting == 2
    made.now = 1.1  # somebody has been waiting for more than a second
    made.ask("/read/3")
    assert made.status("/read/3") == 503
    assert made.gate.waiting == 2, "those who came earlier were promised more"
    for path in ("/busy", "/read/1", "/read/2"):
        made.let_go(path)
    made.ask("/busy/again")
    made.ask("/read/4")
    assert made.gate.waiting == 1, "the rush is over: a new one may wait again"


def test_a_place_of_a_request_that_fails_is_free_again(crowd: Any) -> None:
    made = crowd(1, 8)
    for n in range(3):
        made.ask(f"/fails/{n}")
        made.let_go(f"/fails/{n}")
    made.ask("/works")
    assert made.inside == ["/works"]


def test_who_only_waits_for_a_verdict_leaves_the_place_to_others_up_to_half_the_room(crowd: Any) -> None:
    made = crowd(1, 4)
    made.ask("/wait/1", "POST")
    made.ask("/wait/2", "POST")
    assert made.inside == ["/wait/1", "/wait/2"]
    made.ask("/wait/3", "POST")  # keeps its place: too many stand outside already
    made.ask("/post/1", "POST")
    assert made.inside == ["/wait/1", "/wait/2", "/wait/3"]
    assert made.gate.waiting == 1
    for n in (1, 2):
        made.let_go(f"/wait/{n}")
    assert made.gate.waiting == 1, "they had no place to give back"
    made.let_go("/wait/3")
    until(lambda: made.inside == ["/post/1"])
    made.let_go("/post/1")
    made.ask("/one")
    made.ask("/more")
    assert (made.inside, made.gate.waiting) == (["/one"], 1), "as many places as before"


def test_health_pages_and_files_are_never_turned_away(crowd: Any) -> None:
    made = crowd(1, 1)
    made.ask("/busy")
    made.ask("/post", "POST")
    made.ask("/post/2", "POST")
    assert made.status("/post/2") == 503
    for path in ("/healthz", "/readyz", "/metrics", "/embed.js", "/counts.js", "/static/review.css", "/embed/assets/1/widget.js"):
        made.ask(path)
        assert path in made.inside


def test_a_hundred_requests_at_once_leave_no_place_taken_and_nobody_waiting() -> None:
    done: list[int] = []
    lock = threading.Lock()
    working, most = 0, 0

    def app(environ: Any, start_response: Any) -> Any:
        nonlocal working, most
        with lock:
            working += 1
            most = max(most, working)
        time.sleep(0.001)
        with lock:
            working -= 1
        return Response("done")(environ, start_response)

    gate = Gate(app, 3, 20, patience={Kind.FIRST: (0.02, 0.01), Kind.READ: (0.01, 0.005), Kind.SPARE: (0.0, 0.0)})
    crowd = [
        threading.Thread(target=lambda n=n: done.append(Client(gate).open("/", method="POST" if n % 2 else "GET").status_code))
        for n in range(100)
    ]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(LONG)
    assert len(done) == 100
    assert set(done) <= {200, 503}
    assert most <= 3
    assert (gate.waiting, gate._free, gate._outside) == (0, 3, 0)


def test_a_page_that_is_kept_is_given_from_memory_where_there_is_no_place(crowd: Any) -> None:
    page = {"Cache-Control": "public, s-maxage=1", "ETag": 'W/"a"', "Content-Type": "text/html"}
    gone = threading.Event()
    held = threading.Event()

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/slow":
            held.set()
            assert gone.wait(LONG)
        return Response("page", headers=page)(environ, start_response)

    now = 0.0
    turned_away: list[Kind] = []
    gate = Gate(app, 1, 4, patience=dict.fromkeys(Kind, (0.001, 0.001)), count=turned_away.append)
    client = Client(Reuse(gate, 0.5, lambda: now))
    assert client.get("/page").text == "page"
    slow = threading.Thread(target=lambda: client.post("/slow"))
    slow.start()
    assert held.wait(LONG)
    now = 5.0
    assert client.get("/page").status_code == 200
    assert client.get("/never-asked-for").status_code == 503
    assert turned_away == [Kind.FIRST, Kind.READ], "what renews a kept page is more than a read"
    now = 40.0
    assert client.get("/page").status_code == 503, "it is too old to be shown"
    gone.set()
    slow.join(LONG)
    assert client.get("/page").status_code == 200


def test_while_a_page_is_renewed_others_who_ask_for_it_do_not_queue() -> None:
    renewing, go_on = threading.Event(), threading.Event()
    asked: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        asked.append(environ["PATH_INFO"])
        if len(asked) == 2:
            renewing.set()
            assert go_on.wait(LONG)
        return Response("page", headers={"Cache-Control": "public, s-maxage=1", "ETag": 'W/"a"'})(environ, start_response)

    now = 0.0
    turned_away: list[Kind] = []
    client = Client(Reuse(Gate(app, 1, 4, patience=PATIENT, count=turned_away.append), 0.5, lambda: now))
    client.get("/page")
    now = 1.0
    first = threading.Thread(target=lambda: client.get("/page"))
    first.start()
    assert renewing.wait(LONG)
    assert client.get("/page").status_code == 200
    assert (turned_away, len(asked)) == ([Kind.SPARE], 2)
    go_on.set()
    first.join(LONG)


def test_a_server_gets_a_thread_for_each_who_works_or_waits_and_some_to_say_no() -> None:
    assert threads_for(12, 48) > 60
    assert threads_for(12, 0) == 12, "switched off: as before"


# What is said


@pytest.fixture
def full(settings: Settings) -> Iterator[tuple[Flask, Any]]:
    """The service with one place, and that one taken; with its client."""
    made = create_app(dataclasses.replace(settings, WAITING_ROOM=1), places=1)
    gate = made.wsgi_app
    assert isinstance(gate, Gate)
    gate._patience = dict.fromkeys(Kind, (0.001, 0.001))
    assert gate._enter(Kind.FIRST)
    yield made, made.test_client()
    with made.app_context():
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()


def test_every_surface_says_it_in_its_own_form(full: Any) -> None:
    _, client = full
    api = client.get("/api/v1/articles/1/comments", headers={"Origin": "https://news.example"})
    assert api.status_code == 503
    assert api.content_type == "application/problem+json"
    assert api.json["code"] == "busy"
    assert api.json["instance"] == api.headers["X-Request-Id"]
    assert set(api.json) == {"type", "title", "status", "detail", "code", "instance"}
    assert "Retry-After" in api.headers["Access-Control-Expose-Headers"]
    perspective = client.post("/v1alpha1/comments:analyze", json={})
    assert perspective.json["error"]["status"] == "UNAVAILABLE"
    widget = client.post("/embed/comments/1/vote", data={"value": "1"}, headers={"X-Requested-With": "commentsvc"})
    assert widget.json["error"]["code"] == "busy"
    assert "kept" in widget.json["error"]["message"]
    console = client.post("/review/", headers={"HX-Request": "true"})
    assert (console.status_code, console.mimetype) == (503, "text/plain")
    page = client.get("/embed/news/thread")
    assert 'href="">Try again</a>' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in client.get("/review/").headers["Content-Security-Policy"]
    for answer in (api, perspective, widget, console, page):
        assert 3 <= int(answer.headers["Retry-After"]) <= 8
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert client.head("/embed/news/thread").data == b""
    assert client.get("/healthz").status_code == 200


def test_those_turned_away_together_do_not_come_back_together(full: Any) -> None:
    assert len({full[1].get("/review/").headers["Retry-After"] for _ in range(60)}) > 3


def test_a_form_without_script_gets_its_text_back_and_never_a_password(full: Any) -> None:
    _, client = full
    typed = '</textarea><script>alert(1)</script> "quoted" שלום'
    page = client.post("/embed/a/7/comments", data={"body": typed, "parent_id": '3"><b>', "csrf_token": "token"})
    assert page.status_code == 503
    assert "<script>" not in page.text
    assert "&lt;/textarea&gt;&lt;script&gt;" in page.text
    assert "שלום" in page.text
    assert 'name="csrf_token" value="token"' in page.text
    assert 'value="3&quot;&gt;&lt;b&gt;"' in page.text
    account = client.post("/account/sign-in", data={"email": "anna@news.example", "password": "my secret words"})
    assert "my secret words" not in account.text
    assert "anna@news.example" not in account.text
    assert "Go back" in account.text


def test_a_reader_is_told_in_her_language(full: Any) -> None:
    _, client = full
    widget = client.post("/embed/comments/1/vote", headers={"X-Requested-With": "commentsvc", "Accept-Language": "tlh, fr;q=0.8, en;q=0.5"})
    assert widget.json["error"]["message"].startswith("Beaucoup de monde est ici")
    page = client.get("/embed/news/thread?lang=ar", headers={"Accept-Language": "fr"})
    assert '<html lang="ar" dir="rtl">' in page.text
    assert "Try again" not in page.text
    api = client.get("/api/v1/articles/1/comments", headers={"Accept-Language": "fr"})
    assert api.json["detail"].startswith("Too much is asked"), "programs are told in English"
    assert '<html lang="en" dir="ltr">' in client.get("/embed/news/thread?lang=%00", headers={"Accept-Language": "x;q=y"}).text


@pytest.mark.parametrize("sent", [
    {"data": b"body=" + b"x" * 300_000, "content_type": "application/x-www-form-urlencoded"},
    {"data": b"&".join([b"a=1"] * 5000), "content_type": "application/x-www-form-urlencoded"},
    {"data": b"%ff=%ff&body=%80", "content_type": "application/x-www-form-urlencoded; charset=nonsense"},
    {"data": b"{}", "content_type": "text/plain"},
    {"data": {"file": (__import__("io").BytesIO(b"x"), "a.txt")}},
])
def test_what_is_no_small_form_is_not_read(full: Any, sent: Any) -> None:
    page = full[1].post("/embed/a/7/comments", **sent)
    assert page.status_code == 503
    assert len(page.data) < 3000


def test_when_the_place_is_free_the_service_serves_again(app: Flask, full: Any) -> None:
    made, client = full
    site = make_site()
    article = make_article(site)
    db.session.commit()
    path = f"/embed/{site.key}/thread?url={quote(article.url, safe='')}"
    assert client.get(path).status_code == 503
    made.wsgi_app.give_back()
    assert client.get(path).status_code == 200
    assert json.loads(client.get("/readyz").text)["status"] in {"ok", "alarm"}


def test_a_post_that_waits_for_its_verdict_keeps_no_place(app: Flask, settings: Settings) -> None:
    site, author = make_site(), make_user()
    article, token = make_article(site), start_session(author, device="test")
    db.session.commit()
    made = create_app(dataclasses.replace(settings, WAITING_ROOM=4), places=1)
    gate = made.wsgi_app
    assert isinstance(gate, Gate)
    answers: list[Any] = []

    def post() -> None:
        headers = {"Authorization": f"Bearer {token}", "Prefer": "wait=2"}  # no worker runs: it waits to the end
        answers.append(made.test_client().post(f"/api/v1/articles/{article.id}/comments", json={"body": "Good evening."}, headers=headers))

    waiting = threading.Thread(target=post)
    waiting.start()
    until(lambda: gate._outside == 1)
    assert made.test_client().get(f"/api/v1/articles/{article.id}/comments").status_code == 200
    waiting.join(LONG)
    assert answers[0].status_code == 201
    assert (gate._free, gate._outside) == (1, 0)
    with made.app_context():
        db.engine.dispose()
    made.extensions[EXTENSION].huey.storage.close()
