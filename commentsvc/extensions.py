"""The Flask extensions, unbound; `create_app` binds them."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from flask import request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_sqlalchemy.session import Session as FlaskSession
from flask_wtf import CSRFProtect
from sqlalchemy.exc import DBAPIError

from commentsvc.database import Base


def client_network() -> str:
    """Whom a limit counts as one: an IPv4 address, or the /64 that a household or machine has of IPv6.

    Counted by itself, each of its 2^64 addresses would have a budget of its own.
    """
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:  # a proxy's "unknown", or a socket that has none
        return request.remote_addr or ""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def client_range() -> str:
    """The range that a request comes from, a /24 of IPv4 or a /48 of IPv6; "" where it says nothing of who asks.

    So it is where an address is nobody's on the internet: behind a proxy that passes none on, all readers would be one.
    """
    try:
        address = ip_address(request.remote_addr or "")
    except ValueError:
        return ""
    address = getattr(address, "ipv4_mapped", None) or address
    return str(ip_network(f"{address}/{24 if address.version == 4 else 48}", strict=False)) if address.is_global else ""


class Session(FlaskSession):
    """A session that ends however its connection does: with that gone there is nothing left to take back.

    Else an answer, given and perhaps committed, would become one that something went wrong, because PostgreSQL was
    restarted in between.
    """

    def rollback(self) -> None:
        """End the transaction; nothing that was to follow its commit happens."""
        self._end(super().rollback)

    def close(self) -> None:
        """End the transaction, and give the connection back."""
        self._end(super().close)

    def _end(self, end: Callable[[], None]) -> None:
        try:
            end()
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            self.invalidate()
            self.info.clear()  # what hangs on a transaction, which an event takes away otherwise


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False, "class_": Session})
login = LoginManager()
limiter = Limiter(key_func=client_network, headers_enabled=True)
csrf = CSRFProtect()
