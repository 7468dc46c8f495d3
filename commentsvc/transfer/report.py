"""What an import did, for a person's table and a program's JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from commentsvc.transfer.records import SKIP_WORDS, Skipped, SkipReason


@dataclass
class ImportReport:
    """Numbers of one run; `skipped` names each comment that did not come over."""

    site: str
    read: int = 0
    imported: int = 0
    already_there: int = 0
    articles_made: int = 0
    authors_made: int = 0
    votes: int = 0
    kept_rejected: int = 0
    kept_withdrawn: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    skipped: list[Skipped] = field(default_factory=list)

    def skip(self, skipped: Iterable[Skipped]) -> None:
        self.skipped.extend(skipped)

    def by_reason(self) -> dict[SkipReason, int]:
        """How many comments were skipped for each reason, the most frequent first."""
        return dict(Counter(s.reason for s in self.skipped).most_common())

    def to_data(self) -> dict[str, Any]:
        return {
            "site": self.site, "read": self.read, "imported": self.imported,
            "already_there": self.already_there, "articles_made": self.articles_made,
            "authors_made": self.authors_made, "votes": self.votes,
            "kept_rejected": self.kept_rejected, "kept_withdrawn": self.kept_withdrawn,
            "seconds": round(self.seconds, 3), "interrupted": self.interrupted,
            "skipped": {
                reason.value: {
                    "why": SKIP_WORDS[reason], "count": count,
                    "comments": [s.external_id for s in self.skipped if s.reason == reason],
                }
                for reason, count in self.by_reason().items()
            },
        }
