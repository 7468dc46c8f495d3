"""The community managers' web console."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the surface's blueprint with all its views."""
    from commentsvc.review import articles, decisions, modlog, queues, settings, team  # noqa: F401
    from commentsvc.review.blueprint import review

    app.register_blueprint(review)
