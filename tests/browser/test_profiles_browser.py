"""The pages about people: accessible and as wide as the screen, whatever somebody is called and says."""

from __future__ import annotations

import pytest
from flask import Flask

from commentsvc.accounts.models import Profile
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id
from commentsvc.comments.authors import give_badges
from commentsvc.comments.models import Status
from commentsvc.embed.cache import pages
from commentsvc.extensions import db
from commentsvc.sites.models import Article, Site
from tests.browser import test_review_browser as console
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LOOKS, SignIn
from tests.factories import make_article, make_comment, make_user

address, sign_in, site = console.address, console.sign_in, console.site

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The harbour bridge reopens after three winters")


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_every_page_about_a_person_is_accessible_and_fits(app: Flask, sign_in: SignIn, site: Site, article: Article, size: dict[str, int], dark: bool) -> None:
    pages().clear()
    ada, long, layla, new = make_user("Ada Byron"), make_user("Wilhelmina" * 20), make_user("ليلى عبد الرحمن"), make_user("Nobody Yet")
    for number in range(23):
        make_comment(article, ada, f"The night bus crosses it again, number {number}. It takes *half* the time it took." + " It is well done." * (number % 4))
    for status in (Status.HELD, Status.PENDING, Status.REJECTED, Status.WITHDRAWN):
        make_comment(article, ada, f"This one is {status.value}.", status=status)
    make_comment(article, long, "Unbroken" * 40)
    make_comment(article, layla, "جسر جميل.")
    give_badges(site, ada, expert="Epidemiologist", member=True, by=None)
    give_badges(site, long, expert="Lichenology and related sciences of the northern hemisphere", member=True, by=None)
    db.session.add_all((
        Profile(user_id=ada.id, bio="I count what spreads, and ring the bells of St Anne’s.\nOn Sundays only."),
        Profile(
            user_id=long.id, bio="Wide" * 70, offered="Call me at bells@example.org", state="held", number=2, offered_at=article.created_at,
            findings=[{"phase": "suspect_phrases", "message": "Suspect: “bells”.", "verdict": "hold"}],
        ),
        Profile(user_id=layla.id, bio="أحب الجسور\nوالسفن.", history_private=True),
    ))
    admin = make_user(role=Role.ADMIN, site=site)
    db.session.commit()
    public = [f"/people/{site.key}/{public_id(site.id, user.id)}" for user in (ada, long, layla, new)]
    review = f"/review/{site.key}/people"
    for person, paths in (
        (long, (*public, f"/people/{site.key}/unknown", f"/embed/a/{article.id}", "/account/profile")),
        (ada, ("/account/profile", "/account/comments", "/account/")),
        (admin, (f"{review}/{long.id}", f"{review}/{ada.id}", f"{review}?filter=bio")),
    ):
        page = sign_in(person, size=size, dark=dark)
        for path in paths:
            page.goto(path)
            found = axe(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
