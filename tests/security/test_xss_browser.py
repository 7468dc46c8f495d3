"""The same vectors where it counts: in a browser's own parser, on our own pages.

On a bare page there is no content policy, so there the sanitiser alone is on trial. On ours, the
policy must have had nothing to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, BrowserContext, Dialog, Page

from commentsvc.accounts.api_keys import create_key
from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, start_session
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.markup import TAGS, render
from commentsvc.moderation.decide import reject
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.browser.conftest import service  # noqa: F401 - a fixture
from tests.factories import make_article, make_comment, make_site, make_user
from tests.security.vectors import names, vectors

pytestmark = pytest.mark.browser

# What no page of ours has, and every vector needs.
ACTIVE = """() => {
  const found = [];
  for (const el of document.querySelectorAll('*')) {
    for (const { name } of el.attributes) if (/^on/i.test(name)) found.push(`${el.tagName} ${name}`);
    if (/^(iframe|object|embed|base|applet|frame|portal|animate|set|foreignobject|handler|marquee|video|audio|track|img|picture)$/i.test(el.tagName)) found.push(el.tagName);
    if (el.tagName === 'SCRIPT' && !el.nonce) found.push('SCRIPT without our nonce');
    for (const name of ['href', 'src', 'action', 'formaction', 'srcset', 'poster', 'background', 'xlink:href'])
      if (/^[\\s\\0-\\x1f]*(javascript|vbscript|data(?!:image\\/svg\\+xml,%3C)|blob|filesystem):/i.test(el.getAttribute(name) || '')) found.push(`${el.tagName} ${name}=${el.getAttribute(name)}`);
  }
  return found;
}"""
WATCH = """
  window.refused = [];
  document.addEventListener('securitypolicyviolation', (e) => window.refused.push(`${e.violatedDirective} ${e.blockedURI}`));
"""


@dataclass
class Watched:
    """A page, and whatever it did that it should not."""

    page: Page
    did: list[str] = field(default_factory=list)

    def look(self, where: str) -> None:
        """Fail if anything ran, was asked for, was refused or stands ready in the page as it is now."""
        self.page.evaluate("() => document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        assert self.page.evaluate("() => window.xss") is None, where
        assert self.page.evaluate("() => window.refused || []") == [], where
        assert self.page.evaluate(ACTIVE) == [], where
        assert self.did == [], where


@contextmanager
def watched(context: BrowserContext) -> Iterator[Watched]:
    page = context.new_page()
    page.add_init_script(WATCH)
    found = Watched(page)

    def opened(dialog: Dialog) -> None:
        if dialog.type == "beforeunload":  # the browser's own question, before one leaves what is not saved
            return dialog.accept()
        found.did.append(dialog.message)
        return dialog.dismiss()

    page.on("dialog", opened)
    page.on("pageerror", lambda error: found.did.append(str(error)))
    page.on("console", lambda m: found.did.append(m.text) if "Content Security Policy" in m.text else None)
    page.on("request", lambda r: found.did.append(r.url) if "evil.example" in r.url else None)
    yield found
    page.close()


@pytest.fixture
def nobody(browser: Browser) -> Iterator[Watched]:
    """A browser that is not signed in."""
    with browser.new_context() as context, watched(context) as found:
        yield found


@pytest.fixture
def site(app: Flask) -> Site:
    """A site that says evil things itself, as far as an admin can make it."""
    evil = names()
    return make_site(
        name=evil[0], welcome=f"{evil[1]} {{site}} {evil[2]}", guidelines="\n\n".join(vectors()[::40]),
        policy=Policy(max_length=50_000, banned_phrases=tuple(n for n in evil if any(c.isalnum() for c in n))[:20], suspect_phrases=(evil[3], "window")),
    )


def conversation(site: Site, status: Status, *, size: int) -> tuple[Article, list[Comment]]:
    """One article with every vector in it, `size` to a comment, by authors with evil names."""
    evil, every = names(), vectors()
    article = make_article(site, url="https://news.example/evil", title=" ".join(evil[:6]))
    authors = [make_user(name=name) for name in evil]
    return article, [
        make_comment(article, authors[n % len(authors)], "\n\n".join(every[start : start + size]), status=status)
        for n, start in enumerate(range(0, len(every), size))
    ]


ON_A_BARE_PAGE = """(pieces) => {
  const found = [];
  pieces.forEach((piece, n) => {
    const box = document.createElement('div');
    document.body.append(box);
    box.innerHTML = piece;                                       // as a script would put it in
    const parsed = new DOMParser().parseFromString(piece, 'text/html').body;  // as a page would be read
    for (const el of [...box.querySelectorAll('*'), ...parsed.querySelectorAll('*')]) {
      const names = [...el.attributes].map((a) => a.name);
      if (!TAGS.includes(el.localName) || el.namespaceURI !== 'http://www.w3.org/1999/xhtml') found.push([n, el.outerHTML]);
      if (names.some((name) => !['href', 'rel'].includes(name))) found.push([n, el.outerHTML]);
      if (el.localName === 'a' && el.hasAttribute('href') && !['http:', 'https:', 'mailto:'].includes(el.protocol)) found.push([n, el.outerHTML]);
      if (el.localName === 'a' && el.hasAttribute('href') && el.rel !== 'ugc nofollow noopener') found.push([n, el.outerHTML]);
    }
    if (box.innerHTML !== new DOMParser().parseFromString(`<div>${box.innerHTML}</div>`, 'text/html').body.firstChild.innerHTML) found.push([n, 'reads differently the second time']);
    box.remove();
  });
  return found;
}""".replace("TAGS", str(sorted(TAGS)))


def test_no_vector_runs_on_a_page_without_any_policy(nobody: Watched) -> None:
    """Rendered bare, in one page after another, and looked at element by element."""
    pieces = [render(vector) for vector in vectors()]
    for start in range(0, len(pieces), 60):
        chunk = pieces[start : start + 60]
        nobody.page.set_content("<!doctype html><body>" + "".join(f"<div>{piece}</div>" for piece in chunk), wait_until="domcontentloaded")
        assert nobody.page.evaluate(ON_A_BARE_PAGE, chunk) == []
        nobody.look(f"vectors from {start}")


def test_no_vector_runs_in_the_widget(app: Flask, nobody: Watched, site: Site, service: str) -> None:  # noqa: F811
    article, comments = conversation(site, Status.PUBLISHED, size=12)
    key, article_id, some = site.key, article.id, [comment.id for comment in comments[::15]]
    db.session.remove()
    seen = 0
    address: str | None = f"{service}/embed/{key}/thread?url=https://news.example/evil&theme=dark&font=x%3C/style%3E%3Cscript%3Ewindow.xss=1%3C/script%3E&accent=red;%7D"
    while address:
        nobody.page.goto(address)
        nobody.look(address)
        seen += nobody.page.locator("article.c, .c[id^=comment-]").count()
        more = nobody.page.locator("a[href*='after=']").first
        href = more.get_attribute("href") if more.count() else None
        address = f"{service}{href}" if href and href.startswith("/") else None
    assert seen >= len(comments)
    for path in (
        f"/embed/a/{article_id}", f"/embed/a/{article_id}?form=sign-up", f"/embed/a/{article_id}?reply={some[0]}", f"/embed/a/{article_id}?flag={some[0]}",
        *(f"/embed/c/{comment_id}" for comment_id in some),
    ):
        nobody.page.goto(service + path)
        nobody.look(path)


@pytest.fixture
def manager(app: Flask, site: Site, browser: Browser, service: str) -> Iterator[tuple[Watched, User]]:  # noqa: F811
    """An admin's signed-in browser; her own name is evil, and so is her device's."""
    person = make_user(name=names()[5], role=Role.ADMIN, site=site)
    token = start_session(person, device=names()[3])
    create_key(person, names()[0], ["read"], None)
    db.session.commit()
    cookie = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
    with browser.new_context() as context, watched(context) as found:
        context.add_cookies([{"name": COOKIE, "value": cookie, "url": service}])
        yield found, person


def test_no_vector_runs_in_the_console(app: Flask, manager: tuple[Watched, User], site: Site, service: str) -> None:  # noqa: F811
    found, person = manager
    evil = names()
    _, held = conversation(site, Status.HELD, size=45)
    flagged = make_comment(make_article(site, url="https://news.example/flagged", title=evil[7]), make_user(name=evil[1]), evil[0])
    for name in evil[:8]:
        flag(flagged, make_user(name=name), "other", name)
    for comment in held[-3:]:
        reject(comment, actor=person, reason=Reason.ABUSE, seen=comment.version, note="\n".join(evil))
    make_user(name=evil[4], role=Role.COMMUNITY_MANAGER, site=site)
    db.session.commit()
    key, ids = site.key, [comment.id for comment in held]
    db.session.remove()
    paths = [f"/review/{key}/held?comment={comment_id}" for comment_id in ids[:-3]]
    paths += [f"/review/{key}/{name}" for name in ("flagged", "new", "approved", "rejected", "modlog", "articles", "settings", "team")]
    paths += [f"/review/{key}/articles?q={evil[0]}", "/review/", "/account/", f"/review/{key}/nowhere{evil[0]}"]
    for path in paths:
        found.page.goto(service + path)
        found.look(path)


def test_what_was_typed_into_a_form_at_fault_comes_back_as_text(app: Flask, manager: tuple[Watched, User], site: Site, service: str) -> None:  # noqa: F811
    found, _ = manager
    evil, key = names()[0], site.key
    db.session.remove()
    page = found.page
    page.goto(f"{service}/review/{key}/settings")
    for field_name in ("name", "welcome", "guidelines", "origins"):
        page.locator(f"[name={field_name}]").fill(evil * 9 if field_name != "name" else evil * 40)
    with page.expect_navigation():
        page.locator("form:has([name=origins]) .save button.primary").click()
    found.look("settings at fault")
    page.goto(f"{service}/account/")
    page.locator("[name=display_name]").fill(evil * 12)
    with page.expect_navigation():
        page.locator("form:has([name=display_name]) button").first.click()
    found.look("name at fault")


# Pieces that a search for a way through is best made of, in any order.
PIECES = st.sampled_from([
    "<", ">", "</", "/>", "<!--", "-->", "<![CDATA[", "]]>", "&lt;", "&#60;", "&", "&colon;", '"', "'", "`", "```", "\n", "\n\n", "    ", "\t", "\x00", "\x0c", "[", "](", ")", "![", "*", "**", "~~", "> ", "- ",
    "script", "svg", "math", "style", "img src=x ", "a href=", "p ", "template", "noscript", "mglyph", "table", "form", "onerror=", "onload=", "window.xss=1", "javascript:", "data:text/html,", "https://a.example/", "www.a.example",
    "a@b.example", "\\", "\u2028", "\u202e", "＜", "\ufeff", "=", " ", "x",
])


@pytest.fixture
def bare(nobody: Watched) -> Watched:
    nobody.page.set_content("<!doctype html><body></body>")
    return nobody


@settings(max_examples=300, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(st.one_of(st.lists(PIECES, max_size=25).map("".join), st.text(max_size=60)), min_size=1, max_size=10))
def test_no_text_at_all_gives_the_browser_more_than_it_should(bare: Watched, bodies: list[str]) -> None:
    """The browser's own parser is the judge, of up to three thousand texts."""
    pieces: list[Any] = [render(body) for body in bodies]
    assert bare.page.evaluate(ON_A_BARE_PAGE, pieces) == []
    assert bare.page.evaluate("() => window.xss") is None
    assert bare.did == []
