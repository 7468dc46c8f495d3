"""Every page of the console that the URL map has: accessible, and as wide as the screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sso import add_key, set_sso
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation import desk
from commentsvc.moderation.appeals import lodge
from commentsvc.moderation.decide import latest_decision
from commentsvc.moderation.models import Reason
from commentsvc.moderation.settings import first_version
from commentsvc.moderation.statements import live_statement
from commentsvc.moderation.sweeps import start_sweep
from commentsvc.sites.models import Article, Site
from tests.browser import test_review_browser as console
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import PHONE, WIDE, SignIn
from tests.factories import make_comment, make_user

# The fixtures of the console's browser: its server, its people, and something awkward on every page.
address, sign_in, site, article, anna, everything = (
    console.address, console.sign_in, console.site, console.article, console.anna, console.everything,
)

pytestmark = [pytest.mark.browser, pytest.mark.slow]

# What stands in an address, and what it is in the test's world; a new kind of page adds its own here.
VALUES = {
    "site_key": "site", "queue_name": "queue", "comment_id": "comment", "article_id": "article", "decision_id": "decision",
    "user_id": "user", "person_id": "user", "grant_id": "grant", "batch": "batch",
    "appeal_id": "appeal", "sweep_id": "sweep", "number": "version", "table": "table", "label": "label",
}

ASKED = {"review.section": "?name=Sport"}  # what an address must be asked with


def pages(app: Flask) -> Iterator[Rule]:
    """Every address of the console that is read."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint.startswith("review.") and "GET" in (rule.methods or ()):
            yield rule


@pytest.mark.parametrize(("size", "dark"), [(PHONE, False), (WIDE, True)])
def test_every_page_of_the_url_map_is_accessible_and_fits(
    app: Flask, sign_in: SignIn, site: Site, everything: Comment, size: dict[str, int], dark: bool
) -> None:
    admin = make_user(console.LONG_NAME, role=Role.ADMIN, site=site, email="ada@example.org")
    ben = make_user("نور الهدى", role=Role.COMMUNITY_MANAGER, site=site)
    desk.add_note(everything, ben, "Unbroken" * 40)
    desk.ask(everything, ben, "Is this a threat? " * 20, admin.id)
    decision = latest_decision(everything.id)
    assert decision is not None
    refused = live_statement(make_comment(db.session.get_one(Article, everything.article_id), status=Status.REJECTED).id)
    assert refused is not None
    appeal = lodge(refused, db.session.get_one(User, refused.user_id), "It was a quotation. " * 30)
    spam = make_comment(db.session.get_one(Article, everything.article_id), status=Status.HELD)
    sweep = start_sweep(site, db.session.get_one(User, spam.author_id), actor=admin, reason=Reason.SPAM)
    first_version(site, actor=None, via="command")
    set_sso(site, "https://news.example", roles=["expert"], by=admin)
    add_key(site, "2026-11", "HS256", "a secret of at least 32 characters", by=admin)
    world = {
        "appeal": appeal.id, "sweep": sweep.id, "version": 1, "table": "outcomes", "label": "insult",
        "site": site.key, "queue": "held", "batch": "a-batch", "comment": everything.id, "article": everything.article_id, "decision": decision.id,
        "user": everything.author_id, "grant": db.session.query(SiteRole.id).filter_by(user_id=ben.id).scalar(),
    }
    db.session.commit()
    page = sign_in(admin, size=size, dark=dark)
    walked = 0
    for rule in sorted(pages(app), key=lambda rule: rule.rule):
        unknown = rule.arguments - VALUES.keys()
        assert not unknown, f"{rule.rule}: say in VALUES what {', '.join(unknown)} is here"
        with app.test_request_context():
            path = app.url_map.bind("").build(rule.endpoint, {name: world[VALUES[name]] for name in rule.arguments}) + ASKED.get(rule.endpoint, "")
        asked = page.context.request.get(path)
        if not asked.headers["content-type"].startswith("text/html"):
            continue  # a table to download, or data for the script
        assert asked.status == 200, path
        page.goto(path)
        found = axe(page)
        assert found.violations_count == 0, f"{path}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
        walked += 1
    assert walked >= 8
