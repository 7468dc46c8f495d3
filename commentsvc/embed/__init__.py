"""The widget: the conversation in a publisher's page, and the plain page without JavaScript."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the widget's pages, its assets and its cache of rendered pages."""
    # Those that are imported for their routes alone, each by itself: the package is still loading.
    import commentsvc.embed.accounts
    import commentsvc.embed.actions
    import commentsvc.embed.answers
    import commentsvc.embed.feeds
    import commentsvc.embed.hiding
    import commentsvc.embed.legal
    import commentsvc.embed.moderating
    import commentsvc.embed.news
    import commentsvc.embed.notifications
    import commentsvc.embed.personal
    import commentsvc.embed.plain
    import commentsvc.embed.snippet
    import commentsvc.embed.thread
    import commentsvc.embed.writing  # noqa: F401
    from commentsvc.embed import assets, cache
    from commentsvc.embed.blueprint import embed
    from commentsvc.embed.loader import loader
    from commentsvc.embed.modlog import modlog
    from commentsvc.embed.profiles import profiles

    assets.init_app(app)
    cache.init_app(app)
    app.register_blueprint(loader)
    app.register_blueprint(modlog)
    app.register_blueprint(profiles)
    app.register_blueprint(embed)
