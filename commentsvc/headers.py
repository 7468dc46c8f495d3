"""What every answer tells browsers, whichever part of the service gives it."""

from __future__ import annotations

from flask import Flask, Response, request

from commentsvc.config import Settings

# What is no page must not become one: JSON or a script that is opened by itself does and loads nothing.
NO_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Nothing of ours asks for these, so nothing that gets into a page of ours may.
PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "hid",
        "magnetometer", "microphone", "midi", "payment", "serial", "usb", "xr-spatial-tracking",
    )
)


def init_app(app: Flask, settings: Settings) -> None:
    """Add what an answer does not say itself."""

    @app.after_request
    def finish(response: Response) -> Response:
        add = response.headers.setdefault
        add("X-Content-Type-Options", "nosniff")
        add("Referrer-Policy", "strict-origin-when-cross-origin")
        add("Permissions-Policy", PERMISSIONS)
        # Only the publisher's tag and its script are meant for pages of others.
        add("Cross-Origin-Resource-Policy", "same-origin")
        if response.mimetype == "text/html":
            add("Cross-Origin-Opener-Policy", "same-origin")
        add("Content-Security-Policy", NO_PAGE)  # pages have brought their own
        if settings.HSTS and request.is_secure:
            add("Strict-Transport-Security", settings.HSTS)
        return response
