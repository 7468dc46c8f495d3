"""/.well-known/security.txt (RFC 9116): whom to tell of a weakness."""

from __future__ import annotations

import datetime as dt
from http import HTTPStatus

from flask import Flask, Response

from commentsvc.config import Settings
from commentsvc.database import utcnow

PATH = "/.well-known/security.txt"
# The standard wants less than a year. Each answer counts anew: a service that answers is still its operator's.
GOOD_FOR = dt.timedelta(days=180)


def init_app(app: Flask, settings: Settings) -> None:
    """Serve it, if there is somebody to tell."""

    @app.get(PATH)
    def security_txt() -> Response:
        """Whom to tell; without a contact in the settings there is no such page."""
        contacts = settings.security_contacts
        if not contacts:
            return Response("There is nothing at this address.\n", HTTPStatus.NOT_FOUND, mimetype="text/plain")
        until = (utcnow() + GOOD_FOR).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        lines = [*(f"Contact: {one}" for one in contacts), f"Expires: {until.isoformat()}Z", f"Canonical: {settings.BASE_URL}{PATH}"]
        return Response("\n".join(lines) + "\n", mimetype="text/plain")
