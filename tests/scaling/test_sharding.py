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
    "email_changes": "an account's",
    "totp_secrets": "a factor is an account's",
    "external_identities": "an account's; tied to the site whose publisher vouches for it, or to none",
    "external_sign_ins": "a sign-in is an account's",
    "hand_overs": "a sign-in is an account's",
    "notification_wishes": "an account's",
    "profiles": "an account's",
    "passkeys": "a factor is an account's",
    "recovery_codes": "an account's, for when its factors are lost",
    "sign_in_steps": "a sign-in is an account's",
    "erasures": "of accounts",
    "hidden_people": "between accounts, on all sites",
    "merges": "of accounts",
    "consents": "an account's, in one ledger whose entries are chained",
    "training_exports": "of one site or of all, under consents from that ledger",
    "training_export_consents": "which of the ledger's consents an export holds",
    "sanctions": "of an account, on one site or on all",
    "api_keys": "an account's; tied to a site or to none",
    "mails": "to accounts and addresses",
    "score_suggestions": "from keys that need no site",
    "audit_entries": "of one site or of none, in one chain",
    "audit_head": "the end of that chain",
    "figures_progress": "how far the figures of all sites are counted",
    "sites": "the list of sites itself",
    "workers": "screen for all sites",
    "signing_key": "one for all nodes",
}
# Unique keys of sites' tables that do not name the site. A comment has one site, so (comment, …) is unique within it, too.
BY_COMMENT = {
    "revisions": ["comment_id", "number"],
    "votes": ["comment_id", "user_id"],
    "flags": ["comment_id", "user_id"],
    "skips": ["user_id", "comment_id"],
    "mentions": ["comment_id", "user_id"],
    "statements": ["comment_id"],  # of those about a comment
}
# So has the statement that an appeal is against.
BY_STATEMENT = {"appeals": ["statement_id"]}
# And the article that somebody follows.
BY_ARTICLE = {"follows": ["user_id", "article_id"]}
# The subject of a notification names a comment or a statement.
BY_SUBJECT = {"notifications": ["user_id", "subject"]}
# Random, so that no two are the same on whichever sites.
BY_CHANCE = {"invitations": ["token_hash"], "guest_comments": ["token_hash"], "legal_notices": ["puid"], "statements": ["puid"]}
# A sanction may hold on all sites, and has one statement, of one of them: here the site would allow more.
BY_SANCTION = {"statements": ["sanction_id"]}
# Primary keys that are not the id alone.
OTHER_PRIMARY_KEYS = {
    "totp_secrets": ["user_id"], "notification_wishes": ["user_id", "kind"], "sso_settings": ["site_id"],
    "profiles": ["user_id"], "site_badges": ["site_id", "user_id"],
}


def _tables(app: Flask) -> dict[str, Table]:
    assert app.extensions  # all models are loaded with it
    return dict(db.metadata.tables)


def _unique_keys(table: Table) -> list[UniqueConstraint | Index]:
    named: list[UniqueConstraint | Index] = [c for c in table.constraints if isinstance(c, UniqueConstraint)]
    return named + [index for index in table.indexes if index.unique]


def _names(key: UniqueConstraint | Index) -> list[str]:
    return [column.name for column in key.columns]


def _referred(table: Table) -> set[str]:
    return {key.column.table.name for key in table.foreign_keys}


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
    without = [
        (name, key)
        for name, table in _tables(app).items() if name not in GLOBAL
        for key in _unique_keys(table) if "site_id" not in _names(key)
    ]
    listed = [(name, key) for keys in (BY_COMMENT, BY_STATEMENT, BY_ARTICLE, BY_SUBJECT, BY_CHANCE, BY_SANCTION) for name, key in keys.items()]
    assert sorted((name, _names(key)) for name, key in without) == sorted(listed)
    for names, column, owner in ((BY_COMMENT, "comment_id", "comments"), (BY_STATEMENT, "statement_id", "statements"), (BY_ARTICLE, "article_id", "articles")):
        assert owner not in GLOBAL, f"each of {owner} has one site"
        for name, key in without:
            if names.get(name) == _names(key):
                found = _tables(app)[name].columns[column]
                where = str(key.dialect_options["postgresql"]["where"]) if isinstance(key, Index) else ""
                assert not found.nullable or f"{column} IS NOT NULL" in where, f"{name}: without {column} it is no site's"
                assert {key.column.table.name for key in found.foreign_keys} == {owner}


def test_rows_of_a_site_refer_to_the_same_site_or_to_the_whole_installation(app: Flask) -> None:
    referred = {other for name, table in _tables(app).items() if name not in GLOBAL for other in _referred(table)}
    assert referred - set(GLOBAL) == {"articles", "comments", "decisions", "statements", "article_groups", "sweeps"}
    assert referred & set(GLOBAL) == {"sites", "users", "mails", "sanctions"}, "docs/scaling.md names these"


def test_rows_of_the_whole_installation_refer_to_no_rows_of_a_site(app: Flask) -> None:
    for name in GLOBAL:
        assert _referred(_tables(app)[name]) <= set(GLOBAL), name


def test_document_names_what_stands_in_the_way(app: Flask) -> None:
    chapter = DOCUMENT.partition("## Many sites, many databases")[2].partition("\n## ")[0]
    for name in [*GLOBAL, *BY_COMMENT, *BY_STATEMENT, *BY_ARTICLE, *BY_SUBJECT, *BY_CHANCE, *BY_SANCTION]:
        assert f"`{name}`" in chapter, name
    keys = {name: [c.name for c in table.primary_key.columns] for name, table in _tables(app).items()}
    assert {name: key for name, key in keys.items() if key != ["id"]} == OTHER_PRIMARY_KEYS, "docs/scaling.md says what primary keys are"
