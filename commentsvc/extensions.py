"""The Flask extensions, unbound; `create_app` binds them."""

from __future__ import annotations

from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect

from commentsvc.database import Base

db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
login = LoginManager()
migrate = Migrate()
limiter = Limiter(key_func=get_remote_address, headers_enabled=True)
csrf = CSRFProtect()
