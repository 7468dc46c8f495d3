"""The community managers' web console."""

from __future__ import annotations

from importlib import import_module

from flask import Flask

# Each adds its views to the one blueprint.
VIEWS = (
    "dashboard", "tuning", "queues", "decisions", "bulk", "desk", "appeals", "modlog", "people", "sweeps", "people_rules", "articles", "settings", "trial", "phrases", "reasons",
    "sections", "sso", "history", "team", "audit", "search", "saved", "everywhere",
)


def init_app(app: Flask) -> None:
    """Register the surface's blueprint with all its views."""
    from commentsvc.review.blueprint import review

    for name in VIEWS:
        import_module(f"{__name__}.{name}")
    app.register_blueprint(review)
