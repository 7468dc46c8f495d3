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
# What an answer says of these itself stays. Only the publisher's tag and its script are meant for pages of others.
ALWAYS = {
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": PERMISSIONS, "Cross-Origin-Resource-Policy": "same-origin",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Add what an answer does not say itself."""

    @app.after_request
    def finish(response: Response) -> Response:
        wanted = dict(ALWAYS)
        if response.mimetype == "text/html":
            wanted["Cross-Origin-Opener-Policy"] = "same-origin"
        wanted["Content-Security-Policy"] = NO_PAGE  # pages have brought their own
        if settings.HSTS and request.is_secure:
            wanted["Strict-Transport-Security"] = settings.HSTS
        # Not by `setdefault`, which goes through all of them each time: 3 % of a page that is kept.
        said = {name.lower() for name in response.headers.keys()}  # noqa: SIM118 - iterating gives pairs
        for name, value in wanted.items():
            if name.lower() not in said:
                response.headers.add(name, value)
        return response
