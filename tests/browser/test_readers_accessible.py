"""Every page that readers meet and that the URL map has: accessible, and as wide as the screen, for a stranger and for whose it is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import select, update
from sqlalchemy.orm import joinedload

from commentsvc.account_pages.blueprint import STEP
from commentsvc.account_pages.registration import PENDING
from commentsvc.accounts.addresses import ask_for_address
from commentsvc.accounts.factors import begin_totp
from commentsvc.accounts.models import Profile, User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id
from commentsvc.accounts.registration import start_registration
from commentsvc.accounts.resets import request_reset
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.accounts.steps import CODE, begin_step
from commentsvc.accounts.wishes import How, Kind, unsubscribe_url
from commentsvc.comments.hiding import hide
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.figures import morning
from commentsvc.moderation.decide import mark
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.guests import leave
from commentsvc.moderation.statements import mail_token
from commentsvc.notifications.telling import tell_all
from commentsvc.sites.models import Article, Site
from tests import test_access
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LONG_NAME, PHONE, WIDE
from tests.factories import make_comment, make_user
from tests.test_access import PAGES, World

world = test_access.world  # one of everything

pytestmark = [pytest.mark.browser, pytest.mark.slow]

CONSOLE = re.compile(r"review\.|api_(?!documentation)|perspective\.")  # test_console_accessible.py, and what programs ask
# What no reader opens as a page. A new address is walked until it is named here.
PARTS = {  # the widget's script puts them into the page
    "embed.fragment", "embed.account_fragment", "embed.context", "embed.replies", "embed.notices", "embed.news", "embed.counts", "embed.failure_words",
    "embed.me", "embed.people", "embed.state", "embed.edit_form", "embed.moderation",
}
FILES = {
    "static", "demo.static", "api_documentation.static", "favicon", "loader.embed_script", "loader.counts_script", "loader.asset", "embed.atom", "embed.json_feed",
    "security_txt", "healthz", "readyz", "metrics", "api_documentation.openapi",
}
# The first leads to a provider's page, where one is configured; the other is Swagger's, for who writes programs.
ELSEWHERE = {"account.external_sign_in", "api_documentation.try_it"}
SHOWN = {  # an address of a page that is there, where the table of who may has another
    "embed.arrive": "/embed/a/{article}/arrive?token=x",
    "account.guest_form": "/account/guest/{guest}", "account.morning_mail": "/account/morning-mail/{morning}", "account.unsubscribe_form": "/account/unsubscribe/{unsubscribe}",
    "account.link_form": "/account/verify/{verify}", "account.reset_form": "/account/reset/{reset}", "account.address_form": "/account/address/{new_address}",
    "account.statement_from_mail": "/account/decisions/from-mail/{mailed}", "account.welcome": "/account/welcome?next=https://news.example/a",
}
MORE = (  # pages that have several faces, and those of what is not there
    *(f"/embed/a/{{article}}?form={form}" for form in ("sign-in", "sign-up", "forgot", "guest", "code")),
    *(f"/embed/a/{{article}}?{panel}={{comment}}" for panel in ("reply", "flag", "withdraw", "edit")),
    "/embed/c/{deep}", "/embed/{site}/thread?url={url}", "/embed/{site}/thread?url=https://other.example/a", "/embed/nowhere/thread?url=https://news.example/a",
    "/embed/a/999999", "/embed/comments/{held}/history", "/account/unsubscribe/{digest}", "/people/{site}/{hidden}", "/people/{site}/x", "/account/nothing", "/nothing",
    *(f"/account/{page}/x" for page in ("guest", "morning-mail", "unsubscribe", "verify", "reset", "address", "invitation", "decisions", "decisions/from-mail")),
)
OPEN = """() => {
  for (const details of document.querySelectorAll("details")) if (!details.closest(".menu")) details.open = true;
  // In the frame the ground is the host page's.
  if (document.body.matches(".widget:not(.page)")) document.body.style.background = getComputedStyle(document.body).getPropertyValue("--page");
}"""


def addresses(app: Flask) -> list[str]:
    """Of every page: a new one stands in the table of who may before it can be in the URL map."""
    asked = [rule.endpoint for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not CONSOLE.match(rule.endpoint)]
    assert set(asked) >= PARTS | FILES | ELSEWHERE
    return [SHOWN.get(endpoint) or PAGES[endpoint, "GET"][0] for endpoint in sorted({*asked} - PARTS - FILES - ELSEWHERE)] + list(MORE)


def mailed(kind: str, to: str) -> str:
    """What the link in the latest mail to an address ends in."""
    text = db.session.scalars(select(Mail.text).where(Mail.recipient == to).order_by(Mail.id.desc())).first()
    found = re.search(rf"/account/{kind}/([\w.-]+)", text or "")
    assert found
    return found[1]


def lived_in(names: dict[str, Any]) -> dict[str, Any]:
    """What else a reader may have before her, awkward where it can be, and what the links in her mails end in."""
    owner, article = db.session.get_one(User, names["owner"]), db.session.get_one(Article, names["article"], options=[joinedload(Article.site)], populate_existing=True)
    manager = make_user("نور الهدى", role=Role.COMMUNITY_MANAGER, site=article.site)
    db.session.get_one(Profile, owner.id).bio = "Wide" * 60
    deep = make_comment(article, owner, "Unbroken" * 60)
    mark(deep, Mark.FEATURED, on=True, actor=manager, seen=deep.version)
    for number in range(9):
        deep = make_comment(article, make_user(f"{LONG_NAME[:50]} {number}"), f"https://example.org/{'a' * 90} and ||the *end*||\n\n> Quoted\n\n- one\n- two", parent=deep)
    hidden = make_user("Gone " * 10)
    make_comment(article, hidden, "Nothing kind.", status=Status.PUBLISHED)
    hide(owner, hidden.id)
    leave(article, "Gil", "gil@example.org", "Hello.")
    start_registration("new@example.org", "Nell New", "eleven purple bicycles")
    handle = start_registration("code@example.org", "Cora Code", "eleven purple bicycles")
    request_reset(owner.email or "")
    reset = mailed("reset", owner.email or "")
    ask_for_address(owner, "moved@example.org")
    begin_totp(owner)
    ticket, _ = begin_step(CODE, manager)
    db.session.commit()
    tell_all()
    db.session.commit()
    return names | {
        "deep": deep.id, "url": article.url, "hidden": public_id(article.site_id, hidden.id), "handle": handle, "ticket": ticket,
        "guest": mailed("guest", "gil@example.org"), "verify": mailed("verify", "new@example.org"), "reset": reset, "new_address": mailed("address", "moved@example.org"),
        "mailed": mail_token(names["statement"]), "morning": morning.unsubscribe_url(article.site_id, manager.id).rsplit("/", 1)[1],
        "unsubscribe": unsubscribe_url(owner.id, Kind.REPLY).rsplit("/", 1)[1], "digest": unsubscribe_url(owner.id, How.DAILY).rsplit("/", 1)[1],
    }


@pytest.mark.parametrize(("size", "scheme", "language"), [(PHONE, "light", "ar"), (WIDE, "dark", "en")], ids=["phone-light-arabic", "wide-dark-english"])
def test_every_page_of_the_url_map_is_accessible_and_fits(
    app: Flask, browser: Browser, service: str, world: World, size: dict[str, int], scheme: str, language: str
) -> None:
    names = lived_in(world.names)
    db.session.execute(update(Site).values(language=language))
    owner = db.session.get_one(User, names["owner"])
    token = start_session(owner, device="test")
    db.session.execute(update(UserSession).values(confirmed_at=utcnow()))
    db.session.commit()
    cookies = {
        "stranger": {PENDING: {"handle": names["handle"], "email": "code@example.org"}, STEP: {"ticket": names["ticket"]}},
        "owner": {"_user_id": token, "_fresh": True},
    }
    sealed = {who: app.session_interface.get_signing_serializer(app).dumps(cookie) for who, cookie in cookies.items()}  # type: ignore[attr-defined]
    wrong: list[str] = []
    same: set[str] = set()  # pages that a script changes for nobody
    for who, cookie in sealed.items():
        seen: set[str] = set()
        with browser.new_context(base_url=service, viewport=size, color_scheme=scheme, locale=language) as context:  # type: ignore[arg-type]
            context.add_cookies([{"name": name, "value": cookie, "domain": "localhost", "path": "/", "secure": True, "httpOnly": True} for name in (COOKIE, FRAMED_COOKIE)])
            page = context.new_page()
            for address in addresses(app):
                answer = page.goto(address.format(**names))
                assert answer is not None
                assert answer.headers["content-type"].startswith("text/html"), f"{address}: no page; say so in PARTS or FILES"
                assert answer.status < 500, address
                text = re.sub(r'(nonce|value|content)="[^"]*"', "", answer.text())
                if page.url in seen or text in same:
                    continue  # several lead to the sign-in, and not everything differs by who asks
                seen.add(page.url)
                if "<script" not in text:
                    same.add(text)
                page.evaluate(OPEN)
                found, wide = axe(page), page.evaluate("document.documentElement.scrollWidth")
                if found.violations_count or wide > size["width"]:
                    wrong.append(f"{address} as {who}: {answer.status}, {wide} wide\n{found.generate_report()}")
        assert len(seen) >= 30
    assert not wrong, "\n".join(wrong)
