"""The JSON API under /api/v1: one module per resource, documented by what it is made of."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the resources, the document they make, and the page to try it."""
    from commentsvc.api import caching
    from commentsvc.api.articles import articles
    from commentsvc.api.comments import comments
    from commentsvc.api.desk import desk
    from commentsvc.api.document import make_api
    from commentsvc.api.documentation import documentation
    from commentsvc.api.factors import factors
    from commentsvc.api.figures import figures
    from commentsvc.api.guests import guests
    from commentsvc.api.hidden import hidden
    from commentsvc.api.legal import legal
    from commentsvc.api.moderation import moderation
    from commentsvc.api.notifications import notifications
    from commentsvc.api.people import people
    from commentsvc.api.policy import policy
    from commentsvc.api.privacy import privacy
    from commentsvc.api.profiles import profiles
    from commentsvc.api.registrations import registrations
    from commentsvc.api.saved import saved
    from commentsvc.api.sessions import account, sessions
    from commentsvc.api.sites import sites
    from commentsvc.api.sso import sso
    from commentsvc.api.statements import statements
    from commentsvc.api.team import team
    from commentsvc.api.threads import threads

    make_api(app, (
        registrations, sessions, account, factors, privacy, notifications, hidden, sites, sso, policy, team, articles, threads, comments, guests, profiles, moderation, people, statements, legal, saved, desk, figures,
    ))
    app.register_blueprint(documentation)
    caching.init_app(app)
