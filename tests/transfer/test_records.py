"""The order in which records are written, and which of them find no place."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason, in_order

START = dt.datetime(2013, 9, 25, tzinfo=dt.UTC)


def record(name: str, parent: str | None = None, minute: int = 0, article: str = "https://news.example/1") -> ImportedComment:
    return ImportedComment(
        external_id=name, parent_external_id=parent, article_url=article, article_title="A title",
        author_key="t:ann", author_name="Ann", created_at=START + dt.timedelta(minutes=minute), body=f"Decent remark {name}.",
    )


def names(records: list[ImportedComment]) -> list[str]:
    return [r.external_id for r in records]


def test_comments_come_oldest_first_whatever_the_order_of_the_file() -> None:
    ordered, skipped = in_order([record("c", minute=9), record("a", minute=1), record("b", minute=5)])
    assert names(ordered) == ["a", "b", "c"]
    assert skipped == []


def test_a_reply_older_than_its_parent_comes_directly_after_it() -> None:
    ordered, _ = in_order([record("reply", "root", 1), record("root", minute=5), record("other", minute=7)])
    assert names(ordered) == ["root", "reply", "other"]


def test_comments_of_one_moment_stay_in_the_order_of_the_source() -> None:
    ordered, _ = in_order([record("b"), record("a"), record("reply", "a")])
    assert names(ordered) == ["b", "a", "reply"]


def test_an_unknown_parent_takes_its_replies_along() -> None:
    ordered, skipped = in_order([record("x", "nowhere", 1), record("y", "x", 2), record("z", "y", 3), record("root", minute=4)])
    assert names(ordered) == ["root"]
    assert {s.external_id: s.reason for s in skipped} == {
        "x": SkipReason.UNKNOWN_PARENT, "y": SkipReason.PARENT_SKIPPED, "z": SkipReason.PARENT_SKIPPED,
    }


def test_a_parent_that_is_here_already_is_known() -> None:
    ordered, skipped = in_order([record("reply", "there")], known={"there"})
    assert (names(ordered), skipped) == (["reply"], [])


def test_a_reply_to_a_comment_that_was_dropped_says_so() -> None:
    _, skipped = in_order([record("reply", "empty")], dropped={"empty"})
    assert skipped == [Skipped("reply", SkipReason.PARENT_SKIPPED)]


def test_loops_of_parents_end() -> None:
    _, skipped = in_order([record("self", "self"), record("a", "b"), record("b", "a"), record("below", "a")])
    assert {s.external_id for s in skipped} == {"self", "a", "b", "below"}
    assert {s.reason for s in skipped} == {SkipReason.PARENT_LOOP}


def test_a_reply_stays_under_its_parents_article() -> None:
    ordered, skipped = in_order([record("root"), record("stray", "root", 1, "https://news.example/2")])
    assert names(ordered) == ["root"]
    assert skipped == [Skipped("stray", SkipReason.PARENT_ELSEWHERE)]


def test_the_second_comment_of_an_id_is_skipped() -> None:
    ordered, skipped = in_order([record("a", minute=1), record("a", minute=2)])
    assert [r.created_at for r in ordered] == [START + dt.timedelta(minutes=1)]
    assert skipped == [Skipped("a", SkipReason.REPEATED_ID)]


@given(st.lists(st.tuples(st.integers(0, 11), st.none() | st.integers(0, 13), st.integers(0, 5)), max_size=14))
def test_every_record_is_either_placed_after_its_parent_or_skipped_once(rows: list[tuple[int, int | None, int]]) -> None:
    records = [record(str(n), None if p is None else str(p), minute) for n, p, minute in rows]
    ordered, skipped = in_order(records)
    assert len(ordered) + len(skipped) == len(records)
    seen: set[str] = set()
    for placed in ordered:
        assert placed.parent_external_id is None or placed.parent_external_id in seen
        seen.add(placed.external_id)
    assert len(seen) == len(ordered)
