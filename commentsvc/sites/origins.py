"""Origins and canonical addresses of articles."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

import idna

from commentsvc.errors import Invalid
from commentsvc.sites.models import URL_LENGTH

DEFAULT_PORTS = {"http": 80, "https": 443}
# Parameters that say where a reader came from. They name no other article: with them, readers of one
# newsletter would talk among themselves.
TRACKING = re.compile(
    r"(?:utm_[^=]*|[gd]clid|[gw]braid|fbclid|msclkid|twclid|ttclid|yclid|igshid|mc_[ce]id)(?:=|$)"
)

# Letters, digits, hyphens and, because some name their hosts so, underscores; never "*": who may
# frame a site is a list of pages, not of everybody.
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.?", re.ASCII)


def origin_of(url: str) -> str | None:
    """`scheme://host[:port]` of an absolute http(s) address, in lower case; None for others."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if port is None or port == DEFAULT_PORTS[parts.scheme]:
        return f"{parts.scheme}://{host}"
    return f"{parts.scheme}://{host}:{port}"


def check_origin(text: str) -> str:
    """A site's origin as configured, normalised; Invalid when it is more or less than one.

    The name is what browsers send, in ASCII: it stands in headers, where a semicolon would begin
    another rule of the content policy and a Cyrillic letter cannot be written at all.
    """
    origin = origin_of(text.strip())
    # What has no origin, such as "http://[", may be nothing urlsplit can read at all.
    parts = urlsplit(text.strip() if origin else "")
    if origin is None or parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc:
        raise _no_origin(text)
    host = parts.hostname or ""
    if ":" in host:  # urlsplit has read it as an IPv6 address
        return origin
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise _no_origin(text) from None
    if not _HOST.fullmatch(name):
        raise _no_origin(text)
    return origin.replace(host, name, 1)


def _no_origin(text: str) -> Invalid:
    return Invalid("“%(text)s” is not an origin like https://news.example.", field="origins", values={"text": text[:100]})


def canonical_url(url: str) -> str:
    """The article's address without its fragment and without what campaigns add to it.

    Invalid when it is no address, or too long. embed.js leaves the same parameters out.
    """
    url = url.strip()
    origin = origin_of(url)
    if origin is None or any(c.isspace() or ord(c) < 32 for c in url):
        raise Invalid("The article's address must be an absolute http or https URL.", field="url")
    # Bytes: what is indexed may not be longer, and other scripts take up to four a character.
    if len(url.encode("utf-8", "surrogatepass")) > URL_LENGTH:
        raise Invalid("The article's address has more than %(most)s bytes.", field="url", values={"most": URL_LENGTH})
    parts = urlsplit(url)
    query = "&".join(part for part in parts.query.split("&") if not TRACKING.match(part))
    return origin + urlunsplit(("", "", parts.path or "/", query, ""))
