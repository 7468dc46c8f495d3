"""Asking an identity provider, or a publisher for its public keys: short, small, and never inside our own network."""

from __future__ import annotations

import http.client
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 5  # seconds, of each step and of the whole: a person waits
MOST_BYTES = 256 * 1024


class FetchFailed(Exception):  # noqa: N818 - reads as the outcome it is
    """There was no answer to use; `status` where there was one of another kind. Its text names no secret."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


def fetch_json(
    url: str, *, private: bool, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object at the address, by GET, or by POST of `form`; FetchFailed for anything else.

    Over HTTPS from a public address that was looked up once and is then connected to, so that no second answer of
    a name server leads into our own network; `private` lifts both. No redirect is followed.
    """
    connection, path = _connection(url, private=private)
    body = urlencode(form) if form is not None else None
    sent = {"Accept": "application/json", "User-Agent": "commentsvc", **(headers or {})}
    if body is not None:
        sent["Content-Type"] = "application/x-www-form-urlencoded"
    until = time.monotonic() + TIMEOUT
    try:
        connection.request("POST" if body is not None else "GET", path, body, sent)
        answer = connection.getresponse()
        text = b""
        while chunk := answer.read1(64 * 1024):
            text += chunk
            if len(text) > MOST_BYTES or time.monotonic() > until:
                raise FetchFailed("the answer was too long, or took too long")
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(f"no answer: {type(error).__name__}") from None
    finally:
        connection.close()
    if answer.status != 200:
        raise FetchFailed(f"answered {answer.status}", status=answer.status)
    try:
        found = json.loads(text)
    except ValueError:
        raise FetchFailed("the answer is no JSON") from None
    if not isinstance(found, dict):
        raise FetchFailed("the answer is no JSON object")
    return found


def _connection(url: str, *, private: bool) -> tuple[http.client.HTTPConnection, str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise FetchFailed("no address to ask") from None
    host = parts.hostname
    secure = parts.scheme == "https"
    if not host or "@" in parts.netloc or not (secure or (private and parts.scheme == "http")):
        raise FetchFailed("only https is asked")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not path.isascii() or any(ord(char) <= 32 or ord(char) == 127 for char in path):
        raise FetchFailed("no address to ask")
    port = port or (443 if secure else 80)
    addresses = _addresses(host, port, private=private)
    return (_PinnedTls if secure else _Pinned)(host, addresses, port), path


def _addresses(host: str, port: int, *, private: bool) -> list[str]:
    """The host's addresses; FetchFailed where any of them is not public."""
    try:
        found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError:
        raise FetchFailed("the host is not known") from None
    if not private and not all(ipaddress.ip_address(address.partition("%")[0]).is_global for address in found):
        raise FetchFailed("the host is in a private network")
    return found


class _Pinned(http.client.HTTPConnection):
    """A connection with a host at one of the addresses that were looked at."""

    def __init__(self, host: str, addresses: list[str], port: int) -> None:
        super().__init__(host, port, timeout=TIMEOUT)
        self._addresses = addresses

    def connect(self) -> None:
        for address in self._addresses:
            try:
                self.sock = socket.create_connection((address, self.port), TIMEOUT)
            except OSError:
                if address == self._addresses[-1]:
                    raise
            else:
                return


class _PinnedTls(_Pinned):
    """The same over TLS, the certificate checked against the host's name."""

    default_port = 443

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)
