"""Small answers that several resources give."""

from __future__ import annotations

from flask import Response


def no_content() -> Response:
    """Done, and nothing to say."""
    return Response(status=204)
