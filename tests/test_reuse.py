"""Answers for everybody, given again from a process's memory for a moment."""

from __future__ import annotations

import dataclasses
from typing import Any
from urllib.parse import quote

import pytest
from flask import Flask, Response, request
from werkzeug.test import Client

from commentsvc.comments.models import Comment, Status
from commentsvc.config import Settings
from commentsvc.extensions import db
from commentsvc.moderation.decide import reject
from commentsvc.moderation.models import Reason
from commentsvc.reuse import OUTAGE_REACH, Reuse
from tests.conftest import serving
from tests.factories import make_article, make_comment, make_site, make_user

PUBLIC = {"Cache-Control": "public, max-age=0, s-maxage=1", "ETag": 'W/"abc"', "X-Request-Id": "first"}


class World:
    """An application that counts how often it is asked, and a clock."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.now = 100.0
        self.headers: dict[str, str] = dict(PUBLIC)
        self.status = 200
        self.app = Flask(__name__)
        self.app.add_url_rule("/<path:path>", view_func=self.view, methods=["GET", "POST"])
        self.reuse = Reuse(self.app.wsgi_app, 0.5, lambda: self.now)
        self.client = Client(self.reuse)

    def view(self, path: str) -> Response:
        self.asked.append(path)
        if self.status == 503:
            return Response("later", 503, {"Retry-After": "30"})
        if "If-None-Match" in request.headers and request.headers["If-None-Match"] == self.headers.get("ETag"):
            return Response(status=304, headers=self.headers)
        return Response(f"answer {len(self.asked)}", self.status, self.headers)

    def get(self, path: str = "/page", **headers: str) -> Any:
        return self.client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture
def world() -> World:
    return World()


def test_within_the_moment_the_application_is_asked_once(world: World) -> None:
    first, second = world.get(), world.get()
    assert (first.text, second.text) == ("answer 1", "answer 1")
    assert second.headers["ETag"] == PUBLIC["ETag"]
    assert second.headers["X-Request-Id"] not in {"", "first"}
    world.now += 0.51
    assert world.get().text == "answer 2"


def test_a_browser_that_has_it_is_told_so(world: World) -> None:
    world.get()
    unchanged = world.get(If_None_Match='W/"abc"')
    assert (unchanged.status_code, unchanged.data) == (304, b"")
    assert "Content-Type" not in unchanged.headers
    assert unchanged.headers["Cache-Control"] == PUBLIC["Cache-Control"]
    assert world.get(If_None_Match='W/"other"').status_code == 200
    assert len(world.asked) == 1


def test_a_304_of_the_application_keeps_the_page_for_another_moment(world: World) -> None:
    world.get()
    world.now += 0.6
    assert world.get(If_None_Match='W/"abc"').status_code == 304
    world.now += 0.4
    assert world.get().text == "answer 1"
    assert len(world.asked) == 2


@pytest.mark.parametrize(
    "changed",
    [
        {"Cache-Control": "private, no-store"}, {"Cache-Control": "public, max-age=60"}, {"Set-Cookie": "a=b"}, {"ETag": ""},
    ],
    ids=str,
)
def test_what_is_not_for_everybody_is_not_kept(world: World, changed: dict[str, str]) -> None:
    world.headers |= changed
    assert world.get().text == "answer 1"
    assert world.get().text == "answer 2"


@pytest.mark.parametrize("status", [201, 404, 500])
def test_only_good_pages_are_kept(world: World, status: int) -> None:
    world.status = status
    world.get()
    assert world.get().text == "answer 2"


def test_everything_an_answer_depends_on_is_told_apart(world: World) -> None:
    world.get("/page")
    for path, headers in (
        ("/page?sort=top", {}), ("/other", {}), ("/page", {"Accept-Encoding": "gzip"}), ("/page", {"Origin": "https://a.example"}),
    ):
        before = len(world.asked)
        world.client.get(path, headers=headers)
        assert len(world.asked) == before + 1
    world.client.get("/page", environ_overrides={"SCRIPT_NAME": "/talk"})
    world.client.get("/page", base_url="https://localhost")
    assert len(world.asked) == 7


def test_bearers_and_posts_are_never_answered_from_memory(world: World) -> None:
    world.get()
    assert world.get(Authorization="Bearer x").text == "answer 2"
    assert world.client.post("/page").text == "answer 3"
    assert world.get().text == "answer 1"


def test_an_outage_shows_what_was_true_just_before(world: World) -> None:
    world.get("/asked")
    world.now += OUTAGE_REACH - 1
    world.status = 503
    during = world.get("/asked")
    assert (during.status_code, during.text) == (200, "answer 1")
    assert world.get("/never").status_code == 503
    world.now += 300
    assert world.get("/asked").status_code == 200
    world.now += 400  # whoever has failed for ten minutes says so
    assert world.get("/asked").status_code == 503
    world.status = 200
    assert world.get("/asked").text.startswith("answer")


def test_an_outage_does_not_bring_back_old_pages(world: World) -> None:
    world.get("/asked")
    world.now += OUTAGE_REACH + 1
    world.status = 503
    answer = world.get("/asked")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")


def test_a_removed_comment_is_gone_from_both_pages_after_the_moment(settings: Settings, app: Flask) -> None:
    """On a process of its own, as it is shipped: half a second, then one more look at the database."""
    site = make_site()
    article = make_article(site)
    comment = make_comment(article, body="This one will be removed.", status=Status.PUBLISHED)
    manager = make_user()
    comment_id, manager_id = comment.id, manager.id
    db.session.commit()
    db.session.remove()
    with serving(dataclasses.replace(settings, PAGE_REUSE_MS=Settings.PAGE_REUSE_MS)) as shipped:
        kept = shipped.wsgi_app
        assert isinstance(kept, Reuse)
        now = [0.0]
        kept._clock = lambda: now[0]
        client = shipped.test_client()
        paths = [f"/embed/{site.key}/thread?url={quote(article.url, safe='')}", f"/api/v1/articles/{article.id}/comments"]
        db.session.remove()
        before = [client.get(path) for path in paths]
        assert all("This one will be removed." in page.text for page in before)

        comment = db.session.get_one(Comment, comment_id)
        user = db.session.get_one(type(manager), manager_id)
        reject(comment, actor=user, reason=Reason.SPAM, seen=comment.version)
        db.session.commit()
        now[0] = 0.49
        assert [client.get(path).data for path in paths] == [page.data for page in before]
        now[0] = 0.51
        for path, page in zip(paths, before, strict=True):
            after = client.get(path, headers={"If-None-Match": page.headers["ETag"]})
            assert after.status_code == 200
            assert "This one will be removed." not in after.text
