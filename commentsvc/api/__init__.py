"""The JSON API under /api/v1: one module per resource, documented by what it is made of."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the resources, the document they make, and the page to try it."""
    from commentsvc.api import caching
    from commentsvc.api.articles import articles
    from commentsvc.api.comments import comments
    from commentsvc.api.document import make_api
    from commentsvc.api.documentation import documentation
    from commentsvc.api.figures import figures
    from commentsvc.api.moderation import moderation
    from commentsvc.api.registrations import registrations
    from commentsvc.api.sessions import account, sessions
    from commentsvc.api.sites import sites
    from commentsvc.api.statements import statements
    from commentsvc.api.threads import threads

    make_api(app, (registrations, sessions, account, sites, articles, threads, comments, moderation, statements, figures))
    app.register_blueprint(documentation)
    caching.init_app(app)
