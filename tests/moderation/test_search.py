"""Full-text search: what a query means, whose comments it finds, and that a page of it stays cheap."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation import search
from commentsvc.moderation.search import (
    Piece,
    Query,
    Term,
    find_people,
    gathering_query,
    parse_query,
    pieces,
    search_comments,
    walking_query,
)
from commentsvc.sites.models import Article, Site
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture
def site() -> Site:
    return make_site()


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site)


def found(site: Site, typed: str, limit: int = 20) -> list[int]:
    """The ids of all pages, as they come."""
    ids: list[int] = []
    after = None
    while True:
        cards, after = search_comments(site, parse_query(typed), after, limit, typed=typed)
        ids += [card.comment.id for card in cards]
        if after is None:
            return ids


def test_a_query_is_words_beginnings_words_in_a_row_and_what_must_not_be_there() -> None:
    assert parse_query('Harbour harb* "the old wall" -tide') == Query((
        Term(("harbour",)), Term(("harb",), prefix=True), Term(("the", "old", "wall")), Term(("tide",), without=True),
    ))
    assert parse_query("h*") == Query((Term(("h",)),))  # of one letter, that would be a tenth of all words
    for nothing in ("", "  ", "-tide", "?!", '""', "*"):
        with pytest.raises(Invalid):
            parse_query(nothing)
    with pytest.raises(Invalid, match="200"):
        parse_query("x" * 201)


def test_it_finds_the_sites_comments_by_their_words_whatever_became_of_them_but_those_taken_back(site: Site, article: Article) -> None:
    said = {
        status: make_comment(article, status=status, body=f"The old harbour, {status}.").id
        for status in (Status.PUBLISHED, Status.HELD, Status.REJECTED, Status.WITHDRAWN)
    }
    make_comment(make_article(make_site()), body="The old harbour of somebody else.")
    other = make_comment(article, body="An old wall by the harbour-front.").id
    assert found(site, "harbour") == [other, said[Status.REJECTED], said[Status.HELD], said[Status.PUBLISHED]]
    assert found(site, "HARBOUR wall") == found(site, "harb* -published -held -rejected") == [other]
    assert found(site, '"old harbour" held') == [said[Status.HELD]]
    assert found(site, '"harbour old"') == found(site, "harbours") == found(site, "har") == []
    said_otherwise = db.session.get_one(Comment, other)
    said_otherwise.body = "Nothing but the tide."
    db.session.commit()
    assert found(site, "tide") == [other]
    assert other not in found(site, "harbour")


@pytest.mark.parametrize("typed", [
    "a' OR '1'='1", "x & !y | (z)", 'NEAR("a" "b", 5)', "body : secret", "{site_id} : 2", "a\\:*", "%s%n", "a:*b", "a';--", "\x00a", "\ud800a",
    "١٢٣", "日本語", "ß", "a AND NOT b", "^a", "a + b", ":words",
])
def test_a_databases_own_syntax_is_text(site: Site, article: Article, typed: str) -> None:
    make_comment(article, body="Nothing of it.")
    assert found(site, typed) == []


def test_pages_go_on_where_the_one_before_ended_beyond_the_latest_too(site: Site, article: Article, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LATEST", 7)
    ids = [make_comment(article, body="tide and harbour" if n % 4 == 0 else "tide").id for n in range(40)]
    make_comment(make_article(make_site()), body="tide, elsewhere")
    for limit in (1, 3, 7, 20):
        assert found(site, "tide", limit) == ids[::-1]
        assert found(site, "harbour", limit) == ids[::4][::-1]
    assert found(site, "nobody") == []


def test_a_page_is_read_from_the_index(site: Site) -> None:
    query = parse_query("harb* wall")
    if db.engine.dialect.name == "sqlite":
        sql = str(walking_query(site, query, 1000, 21).compile(db.engine, compile_kwargs={"literal_binds": True}))
        walk = str(db.session.execute(text("EXPLAIN QUERY PLAN " + sql.replace(":", r"\:"))).all())
        assert "SCAN search_comments VIRTUAL TABLE" in walk
        assert "TEMP B-TREE" not in walk
        return
    sql = str(gathering_query(site, query, 1000, 21).compile(db.engine, compile_kwargs={"literal_binds": True}))
    plan = [row[0] for row in db.session.execute(text("EXPLAIN " + sql.replace(":", r"\:")))]
    # All matches first: limited before, the primary key would be walked, and each text on the way be taken into words.
    assert plan[0].startswith("Limit")
    assert plan[1].strip() == "CTE found"
    assert "Limit" not in "".join(plan[1:])


def test_people_are_found_by_their_names_where_they_wrote_or_have_a_role(site: Site, article: Article) -> None:
    ada, nora = make_user("Ada Lovelace"), make_user("Nora Lovell", role=Role.EXPERT, site=site)
    make_comment(article, ada)
    make_comment(make_article(make_site()), make_user("Ada Elsewhere"))
    assert find_people(site, "lov") == [ada, nora]
    assert find_people(site, "Ada") == [ada]
    assert find_people(site, "?") == []


def test_a_text_is_cut_where_it_matches() -> None:
    query = parse_query('harb* "old wall"')
    assert pieces("By the harbour, an old wall.", query) == [
        Piece("By the "), Piece("harbour", match=True), Piece(", an "), Piece("old wall", match=True), Piece("."),
    ]
    short = pieces("x " * 200 + "harbour" + " y" * 200, query, 180)
    assert Piece("harbour", match=True) in short
    assert sum(len(piece.text) for piece in short) < 190
