"""Each format's own spelling, from small files written here."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from commentsvc.errors import Invalid
from commentsvc.transfer import sfu, wiki
from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason, SourceStatus
from commentsvc.transfer.text import decode_entities

SFU_COLUMNS = ["ID", "parentID", "article_id", "author", "status", "text", "timestamp", "posVotes", "negVotes"]


def write_sfu(folder: Path, rows: list[dict[str, str]], articles: dict[str, Any] | None = None) -> Path:
    """A folder as the extractor leaves it; what a row does not give has a sensible value."""
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / "old_comments.csv.gz", "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, SFU_COLUMNS)
        writer.writeheader()
        for number, row in enumerate(rows):
            default = {
                "ID": f"id{number}", "parentID": "", "article_id": "14505273", "author": "morris49", "status": "published",
                "text": f"Remark {number}.", "timestamp": str(1380242762776 + number), "posVotes": "", "negVotes": "",
            }
            writer.writerow(default | row)
    if articles is not None:
        with gzip.open(folder / "articles.json.gz", "wt", encoding="utf-8") as file:
            json.dump(articles, file)
    return folder


def write_wiki(path: Path, *conversations: dict[str, dict[str, str]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8") as file:
        json.dump(conversations, file)
    return path


def said(content: str, parent: str = "", **given: str) -> dict[str, str]:
    default = {
        "content": content, "parent_id": parent, "timestamp": "2006-03-10 14:50:43 UTC", "user_text": "Ritchy",
        "page_title": "Talk:Ooze (film)", "comment_type": "COMMENT_ADDING", "status": "just added",
    }
    return default | given


def test_an_sfu_row_keeps_author_time_votes_and_parent(tmp_path: Path) -> None:
    folder = write_sfu(tmp_path, [{}, {"parentID": "id0", "posVotes": "7", "negVotes": "2", "author": "Sheep #5491"}])
    root, reply = sfu.read(folder)
    assert isinstance(root, ImportedComment)
    assert isinstance(reply, ImportedComment)
    assert root.created_at == dt.datetime(2013, 9, 27, 0, 46, 2, 776000, tzinfo=dt.UTC)
    assert (root.parent_external_id, root.up, root.down) == (None, 0, 0)
    assert (reply.parent_external_id, reply.up, reply.down) == ("sfu:id0", 7, 2)
    assert (reply.author_key, reply.author_name) == ("sfu:Sheep #5491", "Sheep #5491")


def test_an_sfu_article_has_its_title_and_address_where_they_are_known(tmp_path: Path) -> None:
    articles = {"14505273": {"article_url": "http://www.theglobeandmail.com/a/article14505273/", "title": "Wine &amp; law - The Globe and Mail"}}
    known, unknown = sfu.read(write_sfu(tmp_path, [{}, {"article_id": "99"}], articles))
    assert isinstance(known, ImportedComment)
    assert isinstance(unknown, ImportedComment)
    assert (known.article_title, known.article_url) == ("Wine & law", "http://www.theglobeandmail.com/a/article14505273/")
    assert (unknown.article_title, unknown.article_url) == ("Article 99", "http://www.theglobeandmail.com/article99/")


@pytest.mark.parametrize(
    ("status", "meaning"),
    [("published", SourceStatus.OPEN), ("rejected", SourceStatus.REJECTED), ("deleted", SourceStatus.WITHDRAWN), ("new", SourceStatus.OPEN)],
)
def test_an_sfu_status_is_respected(tmp_path: Path, status: str, meaning: SourceStatus) -> None:
    (record,) = sfu.read(write_sfu(tmp_path, [{"status": status}]))
    assert isinstance(record, ImportedComment)
    assert record.status == meaning


@pytest.mark.parametrize("time", ["", "yesterday", "1" * 40])
def test_an_sfu_row_with_an_unreadable_time_is_skipped(tmp_path: Path, time: str) -> None:
    assert list(sfu.read(write_sfu(tmp_path, [{"timestamp": time}]))) == [Skipped("sfu:id0", SkipReason.BAD_TIME)]


def test_a_negative_vote_count_counts_as_none(tmp_path: Path) -> None:
    (record,) = sfu.read(write_sfu(tmp_path, [{"posVotes": "6", "negVotes": "-1"}]))
    assert isinstance(record, ImportedComment)
    assert (record.up, record.down) == (6, 0)


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"has no old_comments\.csv\.gz"):
        list(sfu.read(tmp_path))
    (tmp_path / "old_comments.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(Invalid, match="cannot be read"):
        list(sfu.read(tmp_path))
    with gzip.open(tmp_path / "old_comments.csv.gz", "wt") as file:
        file.write("a,b\n1,2\n")
    with pytest.raises(Invalid, match="lacks the columns"):
        list(sfu.read(tmp_path))
    with pytest.raises(Invalid, match="has no conversations"):
        list(wiki.read(tmp_path))
    with pytest.raises(Invalid, match="cannot be read"):
        list(wiki.read(write_sfu(tmp_path, []) / "old_comments.csv.gz"))


def test_a_wiki_conversation_keeps_its_depth_and_its_page(tmp_path: Path) -> None:
    path = write_wiki(tmp_path / "conversations_job1.json.gz", {"1.1": said(" ==Utroms=="), "1.2": said(" :First.", "1.1"), "1.3": said(" ::Second.", "1.2")})
    head, first, second = wiki.read(path)
    assert isinstance(head, ImportedComment)
    assert isinstance(first, ImportedComment)
    assert isinstance(second, ImportedComment)
    assert (head.body, first.body, second.body) == ("**Utroms**", "First.", "Second.")
    assert (first.parent_external_id, second.parent_external_id) == ("wiki:1.1", "wiki:1.2")
    assert head.article_url == "https://en.wikipedia.org/wiki/Talk:Ooze_(film)"
    assert head.created_at == dt.datetime(2006, 3, 10, 14, 50, 43, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("See [WIKI_LINK: WP:RS@reliable sources] and [EXTERNAL_LINK: this edit].", "See reliable sources and this edit."),
        ("[EXTERNA_LINK: http://example.org/a] it is", "http://example.org/a it is"),
        ("== Tactics ==  I do not agree.", "**Tactics**\n\nI do not agree."),
        ("==  ==", "==  =="),
        ("a == b is not a heading", "a == b is not a heading"),
        ("\u201cquoted\u201d &amp; &lt;b&gt;", "“quoted” & <b>"),
    ],
)
def test_talk_page_markup_becomes_words(content: str, text: str) -> None:
    assert wiki.plain(content) == text


def test_an_older_crawl_of_a_conversation_is_skipped(tmp_path: Path) -> None:
    write_wiki(tmp_path / "conversations_job1_x.json.gz", {"1": said("Old."), "2": said("Since removed.", "1")}, {"9": said("Only here.")})
    write_wiki(tmp_path / "conversations_job2_x.json.gz", {"1": said("New."), "3": said("More.", "1")})
    found = list(wiki.read(tmp_path))
    assert [r.external_id for r in found if isinstance(r, ImportedComment)] == ["wiki:1", "wiki:3", "wiki:9"]
    assert [s for s in found if isinstance(s, Skipped)] == [
        Skipped("wiki:1", SkipReason.OLDER_COPY), Skipped("wiki:2", SkipReason.OLDER_COPY),
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("R&amp;D", "R&D"), ("&#39;tis", "'tis"), ("&#x2014;", "—"), ("x?a=1&copy=2", "x?a=1&copy=2"),
        ("AT&T; and &diff;", "AT&T; and &diff;"), ("&amp;lt;", "&lt;"), ("plain", "plain"),
    ],
)
def test_entities_are_decoded_once_and_only_whole_ones(written: str, meant: str) -> None:
    assert decode_entities(written) == meant
