"""The OpenAPI document, and a page to try the API."""

from __future__ import annotations

import hashlib

import flask
from flask import Response, current_app, render_template, request

from commentsvc.api.blueprint import PREFIX
from commentsvc.api.document import openapi_json
from commentsvc.pages import csp_nonce

documentation = flask.Blueprint(
    "api_documentation", __name__, template_folder="templates", static_folder="static", static_url_path="/api/docs/static"
)
_SERVED = "commentsvc.api.openapi_json"


@documentation.get(f"{PREFIX}/openapi.json")
def openapi() -> Response:
    """The document; readable from anywhere, so that any tool can load it."""
    body: bytes | None = current_app.extensions.get(_SERVED)
    if body is None:
        body = current_app.extensions[_SERVED] = openapi_json()
    response = Response(body, mimetype="application/json")
    response.set_etag(hashlib.sha256(body).hexdigest()[:32])
    response.headers["Cache-Control"] = "public, max-age=0, must-revalidate"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.make_conditional(request)
    return response


@documentation.get("/api/docs")
def try_it() -> Response:
    """Swagger UI over the document."""
    response = Response(render_template("api/docs.html"))
    nonce = csp_nonce()
    response.headers["Content-Security-Policy"] = "; ".join([
        "default-src 'none'", f"script-src 'nonce-{nonce}'", f"style-src 'nonce-{nonce}'", "img-src 'self' data:",
        "connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
    ])
    return response
