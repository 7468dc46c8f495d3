"""News threads as the SFU Comment Extractor writes them: articles.json.gz and old_comments.csv.gz."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from commentsvc.errors import Invalid
from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason, SourceStatus
from commentsvc.transfer.text import decode_entities

FORMAT = "sfu"
ORIGIN = "http://www.theglobeandmail.com"
COLUMNS = frozenset({"ID", "parentID", "article_id", "author", "status", "text", "timestamp", "posVotes", "negVotes"})
STATUSES = {"rejected": SourceStatus.REJECTED, "deleted": SourceStatus.WITHDRAWN}


def read(path: Path) -> Iterator[ImportedComment | Skipped]:
    """Every comment of the folder in the order of its file; Invalid when it is not such a folder.

    Comments name their article by number only. One that articles.json lacks gets the address the
    newspaper resolves by number alone, and the number as its title.
    """
    comments = path / "old_comments.csv.gz"
    if not comments.is_file():
        raise Invalid(f"{path} has no old_comments.csv.gz.")
    articles = _articles(path / "articles.json.gz")
    try:
        with gzip.open(comments, "rt", encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = COLUMNS - set(reader.fieldnames or ())
            if missing:
                raise Invalid(f"{comments} lacks the columns {', '.join(sorted(missing))}.")
            for row in reader:
                yield _record(row, articles)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise Invalid(f"{comments} cannot be read: {error}.") from error


def _articles(path: Path) -> Mapping[str, Mapping[str, Any]]:
    if not path.is_file():
        return {}
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, EOFError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {error}.") from error
    return found if isinstance(found, dict) else {}


def _record(row: Mapping[str, str | None], articles: Mapping[str, Mapping[str, Any]]) -> ImportedComment | Skipped:
    values = {name: text or "" for name, text in row.items() if isinstance(name, str)}
    external_id = f"{FORMAT}:{values['ID']}"
    try:
        milliseconds = int(values["timestamp"])
        created_at = dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=milliseconds)
    except (ValueError, OverflowError):
        return Skipped(external_id, SkipReason.BAD_TIME)
    if not values["ID"]:
        return Skipped(external_id, SkipReason.BAD_ID)
    number = values["article_id"]
    article = articles.get(number, {})
    title = str(article.get("title", "")).removesuffix(" - The Globe and Mail")
    return ImportedComment(
        external_id=external_id,
        parent_external_id=f"{FORMAT}:{values['parentID']}" if values["parentID"] else None,
        article_url=str(article.get("article_url") or f"{ORIGIN}/article{number}/"),
        article_title=decode_entities(title) or f"Article {number}",
        author_key=f"{FORMAT}:{values['author']}",
        author_name=decode_entities(values["author"]),
        created_at=created_at,
        body=decode_entities(values["text"]),
        up=_votes(values["posVotes"]),
        down=_votes(values["negVotes"]),
        status=STATUSES.get(values["status"], SourceStatus.OPEN),
    )


def _votes(text: str) -> int:
    """A count; the source leaves it empty where nobody voted."""
    return int(text) if text.isdecimal() and text.isascii() else 0
