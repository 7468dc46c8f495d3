"""The demo publisher, loaded for real."""

from __future__ import annotations

from dataclasses import replace

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import verify_password
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.demo.content import articles, threads
from commentsvc.demo.load import (
    SIGN_INS,
    import_threads,
    loaded_at,
    prepare,
    raise_flags,
    screen_threads,
)
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Flag, Reason, Screening
from commentsvc.screening.toxicity import ScoringError
from commentsvc.sites.articles import find_article
from commentsvc.sites.models import Article, Site

HERE = "http://127.0.0.1:8000"


def load(base_url: str = HERE) -> Site:
    prepare(base_url)
    import_threads(base_url)
    screen_threads()
    raise_flags()
    return db.session.scalars(select(Site)).one()


def snapshot() -> dict[str, int]:
    """How much of everything there is."""
    return {
        model.__tablename__: db.session.scalar(select(func.count()).select_from(model)) or 0
        for model in (Site, Article, User, Comment, Vote, Flag, Decision, Screening)
    }


@pytest.mark.usefixtures("app")
def test_every_screen_has_something_on_it() -> None:
    site = load()
    written = {slug: len(comments) for slug, comments in threads().items()}
    assert sum(count >= 40 for count in written.values()) >= 3
    assert dict(db.session.execute(select(Comment.status, func.count()).group_by(Comment.status)).all()).keys() >= {
        Status.PUBLISHED, Status.HELD, Status.REJECTED,
    }
    assert db.session.scalar(select(func.count()).where(Comment.status == Status.PENDING)) == 0
    assert len(db.session.scalars(select(Comment.id).where(Comment.flag_count > 0)).all()) >= 10
    phases = {f["phase"] for findings in db.session.scalars(select(Screening.findings)) for f in findings}
    assert phases >= {"toxicity", "suspect_phrases", "banned_phrases", "trusted_author", "links"}
    rejected = db.session.scalars(select(Decision.reason).where(Decision.to_status == Status.REJECTED))
    assert set(rejected) == {Reason.BANNED_PHRASE}
    lead = find_article(site, f"{HERE}/demo/{articles()[0].slug}")
    assert lead is not None
    assert lead.comment_count >= 40


@pytest.mark.once
def test_the_model_that_was_chosen_screens_it(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], TOXICITY_MODEL="one that is not here"))
    with pytest.raises(ScoringError, match="one that is not here"):
        load()
    assert db.session.scalar(select(func.count()).where(Comment.status == Status.PENDING)) == sum(map(len, threads().values()))


@pytest.mark.usefixtures("app")
def test_loading_it_again_changes_nothing() -> None:
    load()
    before = snapshot()
    load()
    assert snapshot() == before


@pytest.mark.usefixtures("app")
def test_an_interrupted_load_is_completed() -> None:
    prepare(HERE)
    import_threads(HERE)
    half = snapshot()
    assert half["flags"] == 0
    load()
    assert snapshot()["comments"] == half["comments"]
    assert snapshot()["flags"] > 0


@pytest.mark.once
@pytest.mark.usefixtures("app")
def test_the_conversations_follow_the_demo_to_another_port() -> None:
    before = load().origins
    assert before == [HERE, "http://localhost:8000"]
    site = db.session.scalars(select(Site)).one()
    site.origins = [*site.origins, "https://news.example"]  # an admin tried the tag on a page of her own
    db.session.commit()
    counts = snapshot()
    load("http://127.0.0.1:8123")
    assert snapshot() == counts
    site = db.session.scalars(select(Site)).one()
    assert site.origins == ["http://127.0.0.1:8123", "http://localhost:8123", "https://news.example"]
    for article in articles():
        moved = find_article(site, f"http://127.0.0.1:8123/demo/{article.slug}")
        assert moved is not None
        assert find_article(site, f"{HERE}/demo/{article.slug}") is None
    lead = find_article(site, f"http://127.0.0.1:8123/demo/{articles()[0].slug}")
    assert lead is not None
    assert lead.comment_count >= 40


@pytest.mark.once
@pytest.mark.usefixtures("app")
def test_the_printed_sign_ins_are_accounts() -> None:
    prepare(HERE)
    for sign_in in SIGN_INS:
        user = db.session.scalars(select(User).where(User.email == sign_in.email)).one()
        assert verify_password(user.password_hash, sign_in.password)


@pytest.mark.once
def test_times_count_back_from_when_it_was_loaded(app: Flask) -> None:
    assert loaded_at() is None
    load()
    moment = loaded_at()
    assert moment is not None
    latest = db.session.scalar(select(func.max(Comment.created_at)))
    assert latest is not None
    assert latest < moment
