"""Where a form may send its reader afterwards: never where a link from outside says so."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import select

from commentsvc.extensions import db
from commentsvc.sites.models import Site
from commentsvc.sites.origins import origin_of

LENGTH = 2000


def local_target(target: str | None) -> str:
    """`target` when it is a path on this service, else nothing."""
    if not target or len(target) > LENGTH or not target.startswith("/") or target.startswith("//"):
        return ""
    # Browsers read a backslash as a slash and skip tabs and newlines: "/<tab>/evil.example" leads away.
    if "\\" in target or any(ord(char) <= 32 or ord(char) == 127 for char in target):
        return ""
    try:
        parts = urlsplit(target)
    except ValueError:
        return ""
    return "" if parts.scheme or parts.netloc else target


def article_target(target: str | None) -> str:
    """`target` when it is an address on a site that uses this service, else nothing."""
    if not target or len(target) > LENGTH or any(ord(char) <= 32 for char in target) or "\\" in target:
        return ""
    origin = origin_of(target)
    if origin is None or "@" in urlsplit(target).netloc:
        return ""
    known = {origin for origins in db.session.scalars(select(Site.origins)) for origin in origins}
    return target if origin in known else ""
