"""The widget's script and style: one file each, compressed once, named by their content."""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, Response, current_app, request
from markupsafe import Markup

from commentsvc.embed.blueprint import for_everybody
from commentsvc.errors import NotFound
from commentsvc.i18n import gettext
from commentsvc.markup import SPOILER

EXTENSION = "commentsvc.embed.assets"
FOREVER = "public, max-age=31536000, immutable"
# The tag's own script has no version in its address; it must be able to change within the hour.
HOUR = "public, max-age=3600, stale-while-revalidate=86400"

STATIC = Path(__file__).resolve().parent.parent / "static"
# Everything a page's look depends on; a change of any changes every page's ETag.
TEMPLATES = ("embed/*.html", "components/*.html")
# Tokens and widget in one file: a reader's first view waits for one style and one script.
BUNDLES = {
    "widget.css": ("tokens.css", "widget.css"),
    "widget.js": ("widget.js",),
    "read.js": ("read.js",),  # for whoever follows a link into the depth, or jumps
    "write.js": ("write.js", "editor.js"),  # for whoever writes, votes, flags or signs in
    "editor.css": ("editor.css",),
    "identity.js": ("identity.js",),  # for windows to sign in with, and publishers' tokens
    "hide.js": ("hide.js",),  # for whoever is signed in
    "moderate.js": ("moderate.js",),  # for community managers
    "notices.js": ("notices.js",),  # for whoever opens the bell, or follows
    "notices.css": ("notices.css",),
    "profile.css": ("profile.css",),  # for whoever looks who somebody is
    "embed.js": ("embed.js",),
    "counts.js": ("counts.js",),
}
TYPES = {"css": "text/css", "js": "text/javascript"}
# What readers need not load: comments, indentation, and the spaces around signs. Strings, templates
# (none inside another) and patterns are tokens of their own, so that nothing in them changes.
_COMMENT = re.compile(rb"^\s*(?:/\*.*?\*/|//[^\n]*)[^\S\n]*$\n?", re.DOTALL | re.MULTILINE)
_INDENT = re.compile(rb"^[^\S\n]+|^\n", re.MULTILINE)
_JS_SPACE = re.compile(
    rb"""("(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | `(?:\\.|[^`\\])*`
    | (?<=[(=,:|&!?\ ])/(?![/*\ ])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n\[])+/)  # a pattern, not a division
    | //[^\n]* | /\*.*?\*/ | [^\S\n]*([{}()\[\];,:<>=!?&|*%])[^\S\n]*  # not + and -: "a - -b"
    """, re.DOTALL | re.VERBOSE,
)
_CSS_SPACE = re.compile(rb"(?<=[{};,:])\s+|\s+(?=[{}])|;(?=\s*})|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class Asset:
    body: bytes
    compressed: bytes
    mimetype: str


@dataclass(frozen=True)
class Assets:
    """All files by name, and the version of files and templates together."""

    files: dict[str, Asset]
    version: str


def smaller(body: bytes, *, css: bool) -> bytes:
    """The same script or style without comments and needless white space."""
    body = _INDENT.sub(b"", _COMMENT.sub(b"", body))
    return _CSS_SPACE.sub(b"", body) if css else _JS_SPACE.sub(lambda m: m[1] or m[2] or b"", body)


def load() -> Assets:
    """Read, join and compress the files."""
    files = {}
    digest = hashlib.sha256()
    for name, parts in BUNDLES.items():
        body = b"\n".join((STATIC / part).read_bytes() for part in parts)
        body = smaller(body, css=name.endswith(".css"))
        digest.update(body)
        files[name] = Asset(body, gzip.compress(body, 9, mtime=0), TYPES[name.rsplit(".", 1)[1]])
    for pattern in TEMPLATES:
        for path in sorted((STATIC.parent / "templates").glob(pattern)):
            digest.update(path.read_bytes())
    return Assets(files, digest.hexdigest()[:12])


def init_app(app: Flask) -> None:
    """Load the files once; templates address them through `asset(name)`."""
    app.extensions[EXTENSION] = load()
    app.jinja_env.globals["asset"] = asset_url
    app.jinja_env.filters["said"] = said


def said(html: str) -> Markup:
    """A comment's HTML with the word for a spoiler in the reader's language."""
    return Markup(html.replace(SPOILER, Markup("<summary>{}</summary>").format(gettext("Spoiler"))))  # noqa: S704 - sanitised when it was written


def assets() -> Assets:
    """The application's files."""
    found: Assets = current_app.extensions[EXTENSION]
    return found


def asset_url(name: str) -> str:
    """The address of a file, which changes with the files."""
    return f"{request.script_root}/embed/assets/{assets().version}/{name}"


def takes_gzip() -> bool:
    """Whether the browser accepts compressed answers."""
    return request.accept_encodings["gzip"] > 0


def serve(name: str, cache_control: str) -> Response:
    """The file, compressed where the browser takes that, or 304."""
    for_everybody()
    asset = assets().files.get(name)
    if asset is None:
        raise NotFound("There is no such file.")
    compress = takes_gzip()
    response = Response(asset.compressed if compress else asset.body, mimetype=asset.mimetype)
    if compress:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Cache-Control"] = cache_control
    # A host page that isolates itself (COEP) loads only what says that it may be.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Access-Control-Allow-Origin"] = "*"  # for integrity="" with crossorigin
    response.set_etag(assets().version, weak=True)
    response.make_conditional(request)
    return response
