"""What docs/scaling.md says of spreading sites over machines holds for every table there is."""

from __future__ import annotations

from pathlib import Path

from flask import Flask
from sqlalchemy import Index, Table, UniqueConstraint

from commentsvc.extensions import db

DOCUMENT = (Path(__file__).parents[2] / "docs/scaling.md").read_text(encoding="utf-8")

# Tables of the whole installation, and why no site owns their rows.
GLOBAL = {
    "users": "one account serves all sites",
    "user_sessions": "a sign-in is an account's",
    "registrations": "become accounts",
    "password_resets": "an account's",
    "api_keys": "an account's; tied to a site or to none",
    "mails": "to accounts and addresses",
    "score_suggestions": "from keys that need no site",
    "sites": "the list of sites itself",
    "workers": "screen for all sites",
    "signing_key": "one for all nodes",
}
# Unique keys of sites' tables that do not name the site. A comment has one site, so (comment, …) is unique within it, too.
BY_COMMENT = {"revisions": ["comment_id", "number"], "votes": ["comment_id", "user_id"], "flags": ["comment_id", "user_id"]}


def _tables(app: Flask) -> dict[str, Table]:
    assert app.extensions  # all models are loaded with it
    return dict(db.metadata.tables)


def _unique_keys(table: Table) -> list[list[str]]:
    named: list[UniqueConstraint | Index] = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    named += [index for index in table.indexes if index.unique]
    return [[column.name for column in key.columns] for key in named]


def test_every_table_names_its_site_or_is_one_of_the_whole_installation(app: Flask) -> None:
    for name, table in _tables(app).items():
        site = table.columns.get("site_id")
        if name in GLOBAL:
            assert site is None or site.nullable, f"{name} has a site after all"
        else:
            assert site is not None, f"{name}: give it site_id, or say here and in docs/scaling.md why no site owns its rows"
            assert not site.nullable, f"{name}: every row has a site"
            assert {key.column.table.name for key in site.foreign_keys} == {"sites"}
    assert set(GLOBAL) < set(_tables(app)), "and each of these exists"


def test_unique_keys_of_a_sites_tables_include_the_site_or_its_comment(app: Flask) -> None:
    without = {
        name: key
        for name, table in _tables(app).items() if name not in GLOBAL
        for key in _unique_keys(table) if "site_id" not in key
    }
    assert without == BY_COMMENT
    for name in without:
        comment = _tables(app)[name].columns["comment_id"]
        assert not comment.nullable
        assert {key.column.table.name for key in comment.foreign_keys} == {"comments"}


def test_rows_of_a_site_refer_to_the_same_site_or_to_the_whole_installation(app: Flask) -> None:
    sites_own = {name for name in _tables(app) if name not in GLOBAL}
    referred = {key.column.table.name for name in sites_own for key in _tables(app)[name].foreign_keys}
    assert referred == {"sites", "users", "articles", "comments", "decisions"}


def test_document_names_what_stands_in_the_way(app: Flask) -> None:
    for name in [*GLOBAL, *BY_COMMENT]:
        assert f"`{name}`" in DOCUMENT, name
    keys = {name: [c.name for c in table.primary_key.columns] for name, table in _tables(app).items() if name not in GLOBAL}
    assert set(map(tuple, keys.values())) == {("id",)}, "docs/scaling.md says that primary keys are the id alone"
