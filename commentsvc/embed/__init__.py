"""The widget: the conversation in a publisher's page, and the plain page without JavaScript."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the widget's pages, its assets and its cache of rendered pages."""
    from commentsvc.embed import (
        accounts,
        actions,
        answers,
        assets,
        cache,
        loader,
        personal,
        plain,
        thread,
    )
    from commentsvc.embed.blueprint import embed

    del accounts, actions, answers, personal, plain, thread  # imported for their routes
    assets.init_app(app)
    cache.init_app(app)
    app.register_blueprint(loader.loader)
    app.register_blueprint(embed)
