"""Feeds: what was published last under an article or on a site, as Atom and as JSON Feed."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import orjson
from flask import Response, request, url_for

from commentsvc.comments.latest import Latest, latest_of_article, latest_of_site
from commentsvc.embed.blueprint import embed, for_everybody, read_limit, speak
from commentsvc.errors import NotFound
from commentsvc.i18n import gettext
from commentsvc.sites.articles import find_article, get_site
from commentsvc.sites.models import Article, Site

ENTRIES = 50
# A removed comment leaves the feed as soon as it leaves the page; feed readers ask every few minutes.
CACHEABLE = "public, max-age=60, s-maxage=1, stale-while-revalidate=30"
ATOM, THREADING = "http://www.w3.org/2005/Atom", "http://purl.org/syndication/thread/1.0"
# What XML 1.0 has no way to write.
UNWRITABLE = re.compile("[^\\t\\n\\r\\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ET.register_namespace("", ATOM)
ET.register_namespace("thr", THREADING)


@dataclass(frozen=True)
class Feed:
    """What both formats say; `since` stands for the time of change where nothing was published yet."""

    title: str
    home: str
    entries: Sequence[Latest]
    since: dt.datetime

    @property
    def updated(self) -> dt.datetime:
        return max((e.edited_at or e.published_at for e in self.entries), default=self.since)


@embed.get("/<site_key>/feed.atom")
@read_limit
def atom(site_key: str) -> Response:
    """The latest comments of the article at `url`, or of the whole site, as Atom (RFC 4287, RFC 4685)."""
    feed = _feed(site_key)
    root = ET.Element(f"{{{ATOM}}}feed")
    _text(root, "title", feed.title)
    _text(root, "id", request.url)
    _text(root, "updated", _time(feed.updated))
    _link(root, "self", request.url, "application/atom+xml")
    _link(root, "alternate", feed.home, "text/html")
    for entry in feed.entries:
        node = ET.SubElement(root, f"{{{ATOM}}}entry")
        _text(node, "title", _title(entry))
        _text(node, "id", _id(entry.id))
        _text(node, "published", _time(entry.published_at))
        _text(node, "updated", _time(entry.edited_at or entry.published_at))
        _text(ET.SubElement(node, f"{{{ATOM}}}author"), "name", entry.author_name)
        _link(node, "alternate", _address(entry), "text/html")
        _text(node, "content", entry.body_html).set("type", "html")
        if entry.parent_id is not None:
            ET.SubElement(node, f"{{{THREADING}}}in-reply-to", {"ref": _id(entry.parent_id)})
    return _answer(ET.tostring(root, encoding="utf-8", xml_declaration=True), "application/atom+xml")


@embed.get("/<site_key>/feed.json")
@read_limit
def json_feed(site_key: str) -> Response:
    """As `atom`, in JSON Feed 1.1."""
    feed = _feed(site_key)
    content = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title, "home_page_url": feed.home, "feed_url": request.url,
        "items": [
            {
                "id": _id(e.id), "url": _address(e), "title": _title(e),
                "content_html": e.body_html, "content_text": e.body,
                "date_published": _time(e.published_at), "date_modified": _time(e.edited_at or e.published_at),
                "authors": [{"name": e.author_name}],
            }
            for e in feed.entries
        ],
    }
    return _answer(orjson.dumps(content), "application/feed+json")


def _feed(site_key: str) -> Feed:
    for_everybody()
    site = get_site(site_key)
    speak(site.language)
    url = request.args.get("url")
    if url is None:
        return Feed(gettext("Comments on %(title)s", title=site.name), _home(site), latest_of_site(site, ENTRIES), site.created_at)
    article: Article | None = find_article(site, url)
    if article is None:
        raise NotFound("There is no conversation about this page yet.", code="not_registered")
    return Feed(gettext("Comments on %(title)s", title=article.title), article.url, latest_of_article(article, ENTRIES), article.created_at)


def _home(site: Site) -> str:
    return f"{site.origins[0]}/" if site.origins else request.url_root


def _answer(body: bytes, mimetype: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.set_etag(hashlib.sha256(body).hexdigest()[:32], weak=True)
    response.headers["Cache-Control"] = CACHEABLE
    response.headers["Access-Control-Allow-Origin"] = "*"  # it says nothing that is not on a public page
    response.make_conditional(request)
    return response


def _id(comment_id: int) -> str:
    return url_for("embed.comment", comment_id=comment_id, _external=True)


def _address(entry: Latest) -> str:
    return f"{entry.article_url}#comment-{entry.id}"


def _title(entry: Latest) -> str:
    return gettext("%(name)s on %(title)s", name=entry.author_name, title=entry.article_title)


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _text(parent: ET.Element, name: str, text: str) -> ET.Element:
    node = ET.SubElement(parent, f"{{{ATOM}}}{name}")
    node.text = UNWRITABLE.sub("", text)
    return node


def _link(parent: ET.Element, rel: str, href: str, mimetype: str) -> None:
    ET.SubElement(parent, f"{{{ATOM}}}link", {"rel": rel, "href": UNWRITABLE.sub("", href), "type": mimetype})
