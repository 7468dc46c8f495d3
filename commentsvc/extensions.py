"""The Flask extensions, unbound; `create_app` binds them."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from flask import request
from flask_limiter import Limiter
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

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


db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
login = LoginManager()
migrate = Migrate()
limiter = Limiter(key_func=client_network, headers_enabled=True)
csrf = CSRFProtect()
