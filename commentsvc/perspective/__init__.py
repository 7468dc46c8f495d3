"""The Perspective-compatible API: Google's `commentanalyzer` v1alpha1, scored by the model here."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask, *, places: int | None = None, keys: bool = True) -> None:
    """Register the API. `places`: requests kept at once, else the setting; without `keys`, local programs need none."""
    from limits import parse_many

    from commentsvc.moderation.engine import Engine, install_engine, scorer_in_use
    from commentsvc.perspective.blueprint import perspective
    from commentsvc.perspective.calls import NO_KEYS
    from commentsvc.web import settings_of

    settings = settings_of(app)
    for limit in (settings.LIMIT_ANALYZE, settings.LIMIT_SUGGEST):
        parse_many(limit)  # a mistake shows now, not with the first request
    app.config[NO_KEYS] = not keys
    install_engine(app, Engine(places or settings.ANALYZE_PLACES, load=lambda: scorer_in_use(settings)))
    app.register_blueprint(perspective)
