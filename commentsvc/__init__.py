"""commentsvc: comments and moderation for newsrooms, on their own machines."""

from __future__ import annotations

from flask import Flask, Response
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from commentsvc.config import Settings
from commentsvc.version import __version__

__all__ = ["__version__", "create_app", "create_perspective_app"]


def create_app(settings: Settings | None = None, *, places: int | None = None) -> Flask:
    """The application: the one list of its extensions and blueprints.

    With `places`, it works on as many requests at once, and asks the rest to come back when more than
    `WAITING_ROOM` of them wait.
    """
    from commentsvc import account_pages, api, embed, pages, perspective, review, security_txt
    from commentsvc.accounts import sessions
    from commentsvc.api.problems import problem_of, problem_of_http
    from commentsvc.extensions import csrf, login
    from commentsvc.moderation.flags import forget_networks
    from commentsvc.moderation.guests import forget_guests
    from commentsvc.moderation.legal_notices import forget_notices
    from commentsvc.notifications.keeping import forget_notifications
    from commentsvc.pages import Problems
    from commentsvc.perspective.suggestions import forget_old
    from commentsvc.privacy.erasure import erase_due
    from commentsvc.tasks import init_tasks

    settings = settings or Settings.from_environment()
    app = _base_app(settings, places=places)
    login.init_app(app)
    csrf.init_app(app)
    init_tasks(app, settings, nightly=[forget_old, forget_guests, forget_notifications, forget_networks, forget_notices, erase_due])
    sessions.init_app(app)

    pages.init_app(app, Problems(problem_of, problem_of_http))
    security_txt.init_app(app, settings)
    account_pages.init_app(app)
    embed.init_app(app)
    review.init_app(app)
    api.init_app(app)
    perspective.init_app(app)
    if settings.DEMO:
        from commentsvc.demo.pages import demo

        app.register_blueprint(demo)
    return app


def create_perspective_app(settings: Settings | None = None, *, places: int, keys: bool = True) -> Flask:
    """The Perspective-compatible API and the health addresses alone, on the same database."""
    from commentsvc import perspective
    from commentsvc.perspective.blueprint import refuse
    from commentsvc.perspective.refusals import no_such_method

    app = _base_app(settings or Settings.from_environment())
    perspective.init_app(app, places=places, keys=keys)

    @app.errorhandler(HTTPException)
    def nothing_here(error: HTTPException) -> Response | HTTPException:
        return refuse(no_such_method()) if error.code in {404, 405} else error

    return app


def _base_app(settings: Settings, *, places: int | None = None) -> Flask:
    """What any application of ours has: configuration, database, limits, logs and health."""
    from commentsvc import headers, i18n, observability
    from commentsvc.config import STATEMENT_SECONDS
    from commentsvc.database import configure_engine
    from commentsvc.extensions import db, limiter
    from commentsvc.metrics import page as metrics
    from commentsvc.metrics.requests import count_reused, count_turned_away, count_wait
    from commentsvc.overload import Gate
    from commentsvc.reuse import Reuse
    from commentsvc.web import RowIdConverter, declare_intent, refuse_nul

    settings.make_instance()
    app = Flask(__name__, instance_path=str(settings.instance_path))
    app.url_map.converters["int"] = RowIdConverter
    # No view of ours is a coroutine: to ask that of each function a request goes through is 3 % of a page that is kept.
    app.ensure_sync = lambda func: func  # type: ignore[method-assign]
    keys = settings.secret_keys()
    app.config.update(
        SETTINGS=settings,
        SECRET_KEY=keys[0],
        SECRET_KEY_FALLBACKS=keys[1:],
        SQLALCHEMY_DATABASE_URI=settings.database_url,
        SQLALCHEMY_ENGINE_OPTIONS=settings.engine_options,
        SESSION_COOKIE_SECURE=settings.COOKIE_SECURE,
        MAX_CONTENT_LENGTH=1_000_000,
        RATELIMIT_ENABLED=settings.RATE_LIMITS,
        RATELIMIT_STORAGE_URI=settings.REDIS_URL or "memory://",
        RATELIMIT_STORAGE_OPTIONS=settings.redis_options,
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=bool(settings.REDIS_URL),
        # Of two requests at the moment Redis goes one finds it out, and the other must not fail for it: it may be done already.
        RATELIMIT_SWALLOW_ERRORS=bool(settings.REDIS_URL),
        RATELIMIT_HEADERS_ENABLED=True,
        WTF_CSRF_CHECK_DEFAULT=False,  # each surface says which requests carry a cookie's authority
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form left open overnight still works
        WTF_CSRF_SSL_STRICT=False,  # checks the Referer, which publishers' pages may suppress
    )
    if places and settings.WAITING_ROOM > 0:
        gate = Gate(app.wsgi_app, places, settings.WAITING_ROOM, count=count_turned_away, waited=count_wait)
        app.wsgi_app = gate  # type: ignore[method-assign]
    if settings.PAGE_REUSE_MS:
        app.wsgi_app = Reuse(app.wsgi_app, settings.PAGE_REUSE_MS / 1000, count=count_reused)  # type: ignore[method-assign]
    if settings.TRUSTED_PROXIES:
        hops = settings.TRUSTED_PROXIES
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]

    headers.init_app(app, settings)  # first, so that it runs last: Flask calls these in reverse
    observability.init_app(app, settings)  # before what may refuse a request: that, too, is logged and has an id
    app.before_request(declare_intent)
    app.before_request(refuse_nul)
    db.init_app(app)
    with app.app_context():
        configure_engine(db.engine, give_up=STATEMENT_SECONDS + 5 if places else None)
    metrics.init_app(app, settings)
    if places is None:  # a web process migrates nothing, and is 10 MiB smaller without Alembic
        from flask_migrate import Migrate

        Migrate(app, db, directory=str(settings.migrations_path), render_as_batch=True)
    limiter.init_app(app)
    i18n.init_app(app)
    return app
