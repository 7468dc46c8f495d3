"""Alembic's environment: the application's engine and metadata."""

from __future__ import annotations

from alembic import context
from flask import current_app

from commentsvc.database import UtcDateTime

db = current_app.extensions["migrate"].db


def render_item(kind: str, item: object, _context: object) -> str | bool:
    """A migration stands alone: it names plain column types, not the application's."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """None of ours are the queue's own tables, where it lives in this database, and of the models the search indexes."""
    return not (kind in {"table", "index"} and name is not None and name.startswith(("huey_", "search_")))


def run() -> None:
    """Migrate the database the application is configured for."""
    engine = db.engine
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            render_item=render_item,
            include_name=include_name,
            compare_type=True,
            compare_server_default=True,
            render_as_batch=engine.dialect.name == "sqlite",
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()


run()
