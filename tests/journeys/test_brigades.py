"""A brigade over HTTP: what its votes and flags come to, and what a Community Manager reads of it."""

from __future__ import annotations

import datetime as dt

from flask import Flask

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.brigades import NEW_FOR
from commentsvc.database import utcnow
from tests.accounts.browsing import PASSWORD, Browser
from tests.api.conftest import Caller
from tests.factories import make_article, make_comment, make_site, make_user


def do(app: Flask, user: User, address: str, comment_id: int) -> tuple[int, int]:
    """Vote down and flag from this address; the votes that are shown then."""
    caller, there = Caller(app, start_session(user, device="A program")), {"environ_base": {"REMOTE_ADDR": address}}
    answer = caller.put(f"/comments/{comment_id}/vote", {"value": -1}, **there)
    assert caller.post(f"/comments/{comment_id}/flags", {"reason": "spam"}, **there).status_code == 201
    votes = answer.json["votes"]
    return votes["up"], votes["down"]


def test_a_brigade_counts_as_one_and_the_card_says_so(app: Flask) -> None:
    site = make_site(key="courier")
    manager = make_user("Nora", email="nora@example.org", password_hash=hash_password(PASSWORD), role=Role.COMMUNITY_MANAGER, site=site)
    settled = make_user(created_at=utcnow() - NEW_FOR - dt.timedelta(days=1))
    comment_id = make_comment(make_article(site)).id
    assert [do(app, make_user(), f"8.8.4.{n}", comment_id) for n in range(3)] == [(0, 1)] * 3
    assert do(app, settled, "8.8.4.3", comment_id) == (0, 2)
    assert do(app, make_user(), "9.9.9.9", comment_id) == (0, 3)

    card = Caller(app, start_session(manager, device="A program")).get("/sites/courier/queues/flagged").json["cards"][0]
    assert [flag["counted"] for flag in card["flags"]] == [True, False, False, True, True]
    console = Browser(app)
    console.sign_in("nora@example.org")
    page = console.get("/review/courier/flagged").text
    assert "5 flags count as 3. 3 come from new accounts of one network within 1 minute: they count as one." in page
    assert "5 flags, count as 3" in page
    assert page.count("not counted") == 2
