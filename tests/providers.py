"""An identity provider of a test's own, over HTTP: it keeps to OpenID Connect until it is told to lie."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey

CLIENT, SECRET = "commentsvc", "a secret of the client's"


@dataclass
class Liar:
    """What the provider answers; `claims` come on top of honest ones (None takes one away)."""

    issuer: str = ""
    key: ECKey = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "now"}))
    signer: ECKey | None = None  # another key than the published one
    claims: dict[str, Any] = field(default_factory=dict)
    id_token: str | None = None  # in place of a signed one
    described: dict[str, Any] = field(default_factory=dict)  # on top of an honest description of itself
    down: bool = False
    asked: dict[str, str] = field(default_factory=dict)  # what the browser was sent with
    codes: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)

    def authorize(self, address: str) -> dict[str, str]:
        """Somebody signs in at `address`, where our service has sent her: what she comes back with."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        code = f"code-{time.perf_counter_ns()}"
        self.codes.add(code)
        return {"code": code, "state": self.asked["state"], "iss": self.issuer}

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """The token endpoint: a code is good once, for who proves PKCE and the client's secret."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        expected = "Basic " + base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20').replace(chr(39), '%27')}".encode()).decode()
        for wrong, what in (
            (form["code"] not in self.codes, "code"), (challenge != self.asked["code_challenge"], "PKCE"),
            (authorization != expected, "secret"), (form["redirect_uri"] != self.asked["redirect_uri"], "redirect_uri"),
        ):
            if wrong:
                self.refused.append(what)
                return None
        self.codes.discard(form["code"])
        now = int(time.time())
        honest = {
            "iss": self.issuer, "aud": CLIENT, "sub": "subject-1", "iat": now, "exp": now + 300, "nonce": self.asked["nonce"],
            "name": "Ada Byron", "email": "ada@example.org", "email_verified": True,
        }
        claims = {name: value for name, value in (honest | self.claims).items() if value is not None}
        signed = self.id_token or jwt.encode({"alg": "ES256", "kid": "now"}, claims, self.signer or self.key)
        return {"id_token": signed, "access_token": "a", "token_type": "Bearer"}


@contextmanager
def provider() -> Iterator[Liar]:
    """Serve one on 127.0.0.1."""
    state = Liar()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("openid-configuration"):
                self.answer({
                    "issuer": state.issuer, "authorization_endpoint": f"{state.issuer}/authorize", "token_endpoint": f"{state.issuer}/token",
                    "jwks_uri": f"{state.issuer}/jwks", "token_endpoint_auth_methods_supported": ["client_secret_basic"],
                } | state.described)
            else:
                self.answer({"keys": [state.key.as_dict(private=False)]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self.answer(state.token(form, self.headers.get("Authorization", "")))

        def answer(self, data: dict[str, Any] | None) -> None:
            self.send_response(500 if state.down else 200 if data is not None else 400)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(data or {"error": "invalid_grant"}).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    state.issuer = f"http://127.0.0.1:{server.server_port}"
    yield state
    server.shutdown()
    thread.join()
    server.server_close()
