"""Pages for one's own account: signing up and in, passwords, sessions, keys."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the surface's blueprint."""
<<<<<<< HEAD
    from commentsvc.account_pages import morning_mail, passwords, registration, settings, signing_in
    from commentsvc.account_pages.blueprint import account

    del morning_mail, passwords, registration, settings, signing_in  # imported for their routes
=======
    from commentsvc.account_pages import passwords, registration, settings, signing_in, statements
    from commentsvc.account_pages.blueprint import account

    del passwords, registration, settings, signing_in, statements  # imported for their routes
>>>>>>> h-appeals
    app.register_blueprint(account)
