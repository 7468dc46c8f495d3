"""Every page in a language of marks: what a person reads is marked text, or data, and no word that nobody translates."""

from __future__ import annotations

import ast
import contextvars
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

import commentsvc
from commentsvc.accounts.models import Profile, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.comments.models import Comment
from commentsvc.embed import cache
from commentsvc.extensions import db
from commentsvc.i18n import in_language
from commentsvc.moderation.models import REJECT_REASONS, Appeal, Decision, Reason, Statement
from commentsvc.moderation.queue import Queue
from commentsvc.privacy.places import PLACES
from commentsvc.privacy.takeout import NAMES as NAMES_OF_COLUMNS
from commentsvc.privacy.takeout import takeout_zip
from commentsvc.review.audit import ACTION_NAMES, FACT_NAMES
from commentsvc.review.script_words import TEXTS, script_words
from commentsvc.sites.models import Article, Site
from tests import everything, test_access
from tests.factories import make_user
from tests.pseudo import TAG, bare, speak_pseudo
from tests.test_access import PAGES, World

world = test_access.world

pytestmark = pytest.mark.once  # what a page says is the same whichever database it comes from

# Elements that a sentence goes on in.
INLINE = frozenset({"a", "abbr", "b", "bdi", "code", "em", "i", "kbd", "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "wbr", "svg", "use", "img", "br"})
EMPHASIS = frozenset({"b", "em", "i", "mark", "strong", "wbr"})  # also within a word
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
SAID = frozenset({"aria-label", "aria-description", "aria-roledescription", "aria-valuetext", "placeholder", "title", "alt", "label"})
# Not for people, or what is printed on a key.
SKIPPED = frozenset({"script", "style", "kbd"})


class Reader(HTMLParser):
    """What a person reads or is read of a page, a piece each: the runs of text between blocks, and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._run = ""
        self._inside: list[tuple[str, bool]] = []  # the open elements, and whether what is in them is skipped

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._pass(tag)
        # Pictures made of letters (initials, what a button of the editor shows) have a text beside them.
        skipped = self._skipped or tag in SKIPPED or given.get("aria-hidden") == "true" or (tag != "html" and given.get("lang", TAG) != TAG)
        if tag not in VOID:
            self._inside.append((tag, skipped))
        if skipped:
            return
        self.found += [value for name, value in given.items() if name in SAID]
        if tag == "input" and given.get("type") in {"submit", "button", "reset"}:
            self.found.append(given.get("value", ""))
        if tag == "meta" and given.get("name") == "description":
            self.found.append(given.get("content", ""))
        for name, value in given.items():
            if name.startswith("data-") and "words" in name:
                self.found += _strings(json.loads(value))

    def handle_endtag(self, tag: str) -> None:
        self._pass(tag)
        while self._inside and any(tag == name for name, _ in self._inside):
            if self._inside.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self._run += data

    def close(self) -> None:
        super().close()
        self._end()

    @property
    def _skipped(self) -> bool:
        return bool(self._inside) and self._inside[-1][1]

    def _pass(self, tag: str) -> None:
        if tag not in INLINE:
            self._end()
        elif tag not in EMPHASIS:
            self._run += " "

    def _end(self) -> None:
        self.found.append(self._run)
        self._run = ""


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from _strings(one)


def read(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader.found


def browser_of(app: Flask, user: User | None) -> FlaskClient:
    """Somebody's browser, signed in at the widget and outside of it."""
    client = app.test_client()
    if user is not None:
        token = start_session(user, device="test")
        db.session.commit()
        value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
        client.set_cookie(COOKIE, value, path="/")
        client.set_cookie(FRAMED_COOKIE, value, path="/embed")
    return client


def pieces(answer: TestResponse) -> list[str]:
    """What a person reads of an answer."""
    if answer.mimetype == "text/html":
        return read(answer.text)
    if answer.mimetype == "application/json":
        return [piece for text in _strings(answer.get_json()) if "<" in text for piece in read(text)]
    return []


# What stands on pages and is in no language: names of formats, algorithms and zones, what buttons of the editor show,
# keys of the service's own.
NAMES = (
    "CSV", "UTC", "RS256", "ES256", "EdDSA", "HS256", "Deutsch", "commentsvc", "mail.example", "en", TAG, "B", "I", "a", "my-data.json", *(reason.value for reason in Reason), *(role.value for role in Role),
)
# Dates and days as Babel writes them in TAG, addresses (also veiled ones), hashes, the beginnings of keys, an app's secret.
PATTERNS = re.compile(
    r"\b(\w+, )?\d{1,2}\. (Jan|Feb|M\u00e4r|Apr|Mai|Jun|Jul|Aug|Sep|Okt|Nov|Dez)\w*\.?( \d{4})?|\b(Mo|Di|Mi|Do|Fr|Sa|So)\.|\S+@\S+|\b(ck_)?[\w-]{8,}…|(\b[A-Z2-7]{4}\b ?){8}"
)
# What the tests' own worlds put on pages beside what stands in COLUMNS.
GIVEN = ("Please.", "It was a quotation.", "Noted.", "A note of hers.", "What is this?", "guest@example.org", "Staff", "The wall", "Sport", "test", "elsewhere", "a program", "A browser", "Election night", "You fool.", "m")
# A built-in reason's words as the site keeps them until it words it anew: typed text, in the form that is for changing it.
KEPT_IN_ENGLISH = {"/settings/reasons": tuple(REJECT_REASONS.values())}
COLUMNS = (User.display_name, User.email, Site.name, Site.key, Site.welcome, Article.title, Article.url, Article.section, Comment.body, Statement.puid, Profile.bio, Profile.offered)


def data() -> frozenset[str]:
    """What is data here."""
    found = {str(value) for column in COLUMNS for value in db.session.scalars(select(column).distinct()) if value}
    return frozenset({*found, *NAMES, *GIVEN})


SURFACES = ("embed", "account", "review", "modlog", "profiles")
READ = [address for (endpoint, method), (address, _, _) in PAGES.items() if method == "GET" and endpoint.split(".")[0] in SURFACES]
# Pages that have several faces, and those of what is not there.
MORE = (
    *(f"/review/{{site}}/{queue.value}" for queue in Queue), "/review/{site}/dashboard?days=30", "/review/{site}/people?filter=sanctioned", "/review/{site}/people/{owner}?form=note",
    *(f"/embed/a/{{article}}?form={form}" for form in ("sign-in", "sign-up", "forgot", "guest", "code")), "/embed/a/{article}?reply={comment}", "/embed/a/{article}?flag={comment}",
    "/embed/a/{article}?sort=old", "/embed/a/999999", "/embed/nowhere/thread?url=https://news.example/a", "/embed/{site}/thread?url=https://other.example/a", "/embed/{site}/thread?url=x",
    "/account/nothing", "/review/nowhere/held", "/review/{site}/comments/999999", "/account/decisions/x", "/review/{site}/held?since=x&until=y&section=" + "s" * 200, "/nothing",
)


@pytest.fixture(autouse=True)
def marks(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    for name in (cache.EXTENSION, cache.FRAGMENTS):  # so that no page of marks is kept for other tests
        monkeypatch.setitem(app.extensions, name, None)
    cache.init_app(app)
    monkeypatch.setattr(everything, "AWKWARD", "«x»")


def walk(app: Flask, names: dict[str, Any], admin: User, reader: User) -> dict[str, str]:
    """What is unmarked on the pages, each with where it was first: the console's as an admin, the others as a reader and a stranger too."""
    db.session.execute(update(Site).values(language=TAG))
    db.session.execute(update(User).values(language=None))
    db.session.commit()
    everywhere, everybody = data(), {"admin": browser_of(app, admin), "reader": browser_of(app, reader), "stranger": browser_of(app, None)}
    db.session.remove()
    found: dict[str, str] = {}
    for address in (*READ, *MORE):
        path = address.format(**names)
        known = everywhere.union(*(words for end, words in KEPT_IN_ENGLISH.items() if path.endswith(end)))
        for who in ("admin",) if path.startswith("/review") else everybody:
            answer = contextvars.Context().run(everybody[who].get, path, headers={"Accept-Language": TAG}, buffered=True)
            assert answer.status_code < 500, path
            for piece in pieces(answer) if answer.status_code not in range(300, 400) else ():
                if left := bare(PATTERNS.sub(" ", piece), known):
                    found.setdefault(left, f"{path} as {who}: {answer.status_code}")
    return found


def test_every_page_of_one_of_everything(app: Flask, world: World) -> None:
    admin = world.people["admin"]
    assert admin is not None
    found = walk(app, world.names, admin, db.session.get_one(User, world.names["owner"]))
    assert not found, "\n".join(f"{where}: {left}" for left, where in found.items())


def test_every_page_of_a_site_where_much_has_happened(app: Flask) -> None:
    everything.fill_everything()
    nora = db.session.scalars(select(User).where(User.display_name == "Nora")).one()
    site = db.session.get_one(Site, nora.roles[0].site_id)
    admin = make_user("Ada Admin", role=Role.ADMIN, site=site)
    featured = db.session.scalars(select(Comment).where(Comment.site_id == site.id, Comment.featured_at.is_not(None))).first()
    assert featured is not None
    statement = db.session.scalars(select(Statement).where(Statement.comment_id.is_not(None))).first()
    assert statement is not None
    names: dict[str, Any] = dict.fromkeys(re.findall(r"\{(\w+)\}", " ".join(READ)), 1) | {
        "site": site.key, "article": featured.article_id, "comment": featured.id, "owner": featured.author_id, "statement": statement.puid,
        "held": db.session.scalar(select(Comment.id).where(Comment.site_id == site.id, Comment.status == "held")) or featured.id, "batch": "0123456789abcdef",
        "appeal": db.session.scalar(select(Appeal.id)), "decision": db.session.scalar(select(Decision.id)), "mark": "featured",
    }
    db.session.commit()
    author = featured.author_id
    found = walk(app, names, admin, db.session.get_one(User, author))
    with in_language(TAG), takeout_zip(db.session.get_one(User, author)) as file, ZipFile(file) as archive:
        page = re.sub(r"<td.*?</td>", "", archive.read("my-data.html").decode(), flags=re.DOTALL)  # as the database has it
    found |= {left: "my-data.html" for piece in read(page) if (left := bare(PATTERNS.sub(" ", piece), data()))}
    assert not found, "\n".join(f"{where}: {left}" for left, where in found.items())


SENT = [(address, form) for (endpoint, method), (address, _, form) in PAGES.items() if method == "POST" and endpoint.split(".")[0] in SURFACES]


def test_every_answer_to_a_form(app: Flask, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent empty by an admin and by the owner of what the world holds, and filled in by a stranger; by script too."""
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())
    db.session.execute(update(Site).values(language=TAG))
    db.session.commit()
    admin = world.people["admin"]
    assert admin is not None
    known = data() | {value for _, form in SENT for value in form.values()}
    browsers = {"admin": browser_of(app, admin), "owner": browser_of(app, db.session.get_one(User, world.names["owner"])), "stranger": browser_of(app, None)}
    db.session.remove()
    found: dict[str, str] = {}
    for address, form in SENT:
        path = address.format(**world.names)
        for who, headers in (("admin", {}), ("owner", {"X-Requested-With": "commentsvc"}), ("stranger", {})):
            if "sign-out" in path or "sessions" in path:
                continue  # the others would be strangers from then on
            given = {name: value.format(**world.names) for name, value in form.items()} if who == "stranger" else {}
            answer = contextvars.Context().run(browsers[who].post, path, data=given, headers={"Accept-Language": TAG, **headers}, buffered=True)
            said = answer.get_json() if answer.mimetype == "application/json" else {}
            told = [text for place in (said, said.get("error") or {}) if (text := place.get("message"))]
            for piece in [*pieces(answer), *told] if answer.status_code not in range(300, 400) else ():
                if left := bare(PATTERNS.sub(" ", piece), known):
                    found.setdefault(left, f"{path} as {who}: {answer.status_code}")
    assert not found, "\n".join(f"{where}: {left}" for left, where in found.items())


# The tokens of a script that may hold a text or what looks like one: comments, patterns, strings and templates.
TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|(?<=[(=,:|&!?\[ ])/(?![/*\ ])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/\w*
    |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)""", re.DOTALL | re.VERBOSE,
)
# A sentence or its beginning, or a label of two words. Keys, names of headers and of classes, and selectors are neither.
SAYS = re.compile(r"""[A-Z\u00c0-\u017f][\w’]*\ [\w%(]|\)s[:\ ]|\w{2}[.!…](\s|$)|^[A-Z][a-z]{3,}$""", re.VERBOSE)
KEYS = frozenset({"Enter", "Escape"})
OF_THEIR_OWN = (  # what has to be said when no words came, and to whoever builds the page
    ("embed.js", "The comments could not be loaded."), ("embed.js", "commentsvc: no answer from"),
)


def test_no_script_has_words_of_its_own() -> None:
    """What a script says is among the words that the page brings along."""
    with in_language("de"):
        known = {*TEXTS, *script_words()}
    found, plural = [], re.compile(r"\btn\([^\n]*,\s$")
    paths = sorted((Path(commentsvc.__file__).parent / "static").glob("*.js"))
    assert len(paths) > 10
    for path in paths:
        script = path.read_text()
        for token in TOKENS.finditer(script):
            text = re.sub(r"\$\{[^}]*\}", " ", (token["text"] or "")[1:-1]).strip()
            line = script[script.rfind("\n", 0, token.start()) + 1:token.start()]
            if not SAYS.search(text) or text in KEYS or text in known or plural.search(line):
                continue
            if not any(path.name == name and said in text for name, said in OF_THEIR_OWN):
                found.append(f"{path.name}, line {script.count(chr(10), 0, token.start()) + 1}: {text}")
    assert not found, "\n".join(found)


def test_every_column_of_ones_own_data_has_a_name() -> None:
    assert {column for place in PLACES.values() for column in place.shown} <= NAMES_OF_COLUMNS.keys()


def _of_audit(call: ast.Call) -> bool:
    """Other things are recorded too: a screening's outcome."""
    return bool(call.args) and not any(isinstance(argument, ast.Name) and argument.id == "outcome" for argument in call.args)


def test_every_act_of_the_audit_log_has_words() -> None:
    """What `record` is called with anywhere, and every fact it is given."""
    acts, facts = set(), set()
    for path in (Path(commentsvc.__file__).parent).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"record", "record_own", "record_by_command", "_record"} and _of_audit(node):
                acts |= {one.value for argument in node.args for one in ast.walk(argument) if isinstance(one, ast.Constant) and re.fullmatch(r"\w+\.\w+", str(one.value))}
                facts |= {given.arg for given in node.keywords if given.arg and given.arg not in {"site_id", "subject"}}
    assert len(acts) > 30
    assert acts - ACTION_NAMES.keys() == set()
    assert facts - FACT_NAMES.keys() - {"version", "passkey"} == set()
