"""Talk-page conversations as WikiConv writes them: lists of {id: comment}, one file or a folder."""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from commentsvc.errors import Invalid
from commentsvc.transfer.records import ImportedComment, Skipped, SkipReason
from commentsvc.transfer.text import decode_entities

FORMAT = "wiki"
ORIGIN = "https://en.wikipedia.org"
PATTERN = "conversations_job*.json.gz"

_LINK = re.compile(r"\[(?:WIKI_LINK|EXTERNAL?_LINK|REPLY_TO|MENTION): ([^\]\n]*)\]")
_HEADING = re.compile(r"(={1,6})\s*(.*?)\s*\1")
_INDENT = re.compile(r"^[\s:]+")


def read(path: Path) -> Iterator[ImportedComment | Skipped]:
    """Every comment of the file, or of the folder's files; Invalid when there are none.

    Files are crawls of the same pages at different times: a conversation is read from the last
    file (by name) that has it, and earlier copies are skipped.
    """
    files = sorted(path.glob(PATTERN), reverse=True) if path.is_dir() else [path]
    if not files:
        raise Invalid(f"{path} has no {PATTERN}.")
    seen: set[str] = set()
    for file in files:
        conversations = _load(file)
        # A conversation is known by any comment it shares with a later crawl.
        older = [bool(seen & conversation.keys()) for conversation in conversations]
        for conversation, known in zip(conversations, older, strict=True):
            seen.update(conversation)
            for comment_id, raw in conversation.items():
                if known:
                    yield Skipped(f"{FORMAT}:{comment_id}", SkipReason.OLDER_COPY)
                else:
                    yield _record(comment_id, raw)


def _load(path: Path) -> list[dict[str, Mapping[str, Any]]]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            found = json.load(file)
    except (OSError, EOFError, ValueError) as error:
        raise Invalid(f"{path} cannot be read: {error}.") from error
    if not isinstance(found, list) or not all(isinstance(conversation, dict) for conversation in found):
        raise Invalid(f"{path} is not a list of conversations.")
    return found


def _record(comment_id: str, raw: object) -> ImportedComment | Skipped:
    external_id = f"{FORMAT}:{comment_id}"
    if not comment_id or not isinstance(raw, Mapping):
        return Skipped(external_id, SkipReason.BAD_ID)
    try:
        created_at = dt.datetime.strptime(str(raw.get("timestamp")), "%Y-%m-%d %H:%M:%S UTC").replace(tzinfo=dt.UTC)
    except ValueError:
        return Skipped(external_id, SkipReason.BAD_TIME)
    page = str(raw.get("page_title") or "")
    author = str(raw.get("user_text") or "")
    parent = str(raw.get("parent_id") or "")
    return ImportedComment(
        external_id=external_id,
        parent_external_id=f"{FORMAT}:{parent}" if parent else None,
        article_url=f"{ORIGIN}/wiki/{quote(page.replace(' ', '_'), safe='/:()!*,')}" if page else "",
        article_title=page,
        author_key=f"{FORMAT}:{author}",
        author_name=author,
        created_at=created_at,
        body=plain(str(raw.get("content") or "")),
    )


def plain(content: str) -> str:
    """The words of a talk-page comment: headings bold, links their labels, indents gone."""
    text = _LINK.sub(lambda match: match[1].rpartition("@")[2], decode_entities(content)).strip()
    heading = _HEADING.match(text)
    if heading and heading[2]:  # an empty one stays as it is: it may hold a conversation together
        text = f"**{heading[2]}**\n\n{text[heading.end() :].strip()}".strip()
    return _INDENT.sub("", text)
