"""Pages for one's own account: signing up and in, passwords, sessions, keys."""

from __future__ import annotations

from flask import Flask


def init_app(app: Flask) -> None:
    """Register the surface's blueprint."""
    from commentsvc.account_pages import (
        external,
        factors,
        guests,
        hidden,
        invitations,
        morning_mail,
        my_data,
        notifications,
        passwords,
        profile,
        registration,
        settings,
        signing_in,
        statements,
    )
    from commentsvc.account_pages.blueprint import account

    del external, guests, factors, hidden, invitations, morning_mail, my_data, notifications, passwords, profile, registration, settings, signing_in, statements  # imported for their routes
    app.register_blueprint(account)
