"""The two scripts a publisher's page names, at addresses that never change."""

from __future__ import annotations

from flask import Blueprint, Response

from commentsvc.embed.assets import FOREVER, HOUR, assets, serve

loader = Blueprint("loader", __name__)


@loader.get("/embed.js")
def embed_script() -> Response:
    """The one tag: puts the conversation under the article."""
    return serve("embed.js", HOUR)


@loader.get("/counts.js")
def counts_script() -> Response:
    """Fills in how many comments each article on a front page has."""
    return serve("counts.js", HOUR)


@loader.get("/embed/assets/<version>/<name>")
def asset(version: str, name: str) -> Response:
    """A file of the widget; the version makes the address change with its content."""
    # While a new release is rolled out, a process may be asked for a version that it is not:
    # what it has must not be kept for ever under that name.
    return serve(name, FOREVER if version == assets().version else "no-cache")
