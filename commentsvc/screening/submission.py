"""What the pipeline knows of a comment: plain values, gathered beforehand."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import Explanation


class Verdict(enum.StrEnum):
    PUBLISH = "publish"
    HOLD = "hold"
    REJECT = "reject"
    WAIT = "wait"  # for the scores


@dataclass(frozen=True)
class Submission:
    """A comment as the phases see it; `scores` is None until the model has read it."""

    body: str
    policy: Policy
    submitted_at: dt.datetime
    closed_at: dt.datetime | None = None  # of the article
    premoderated: bool = False  # the article is
    author_is_staff: bool = False
    author_level: str | None = None  # of trust, when it was posted; None: nobody asked
    hold_for: str | None = None  # why a person reads it whatever else is found; see phases.HELD_FOR
    author_published: int = 0  # comments of the author on this site that stand
    repeats: bool = False  # the author said the same within the policy's window
    scores: Mapping[str, float] | None = None
    explanation: Explanation | None = None  # what carries the scores, where somebody will ask
    unscored: str = ""  # why the model is not waited for; "": it is


@dataclass(frozen=True)
class Match:
    """Characters `start` to `end` of the body, and the phrase they matched."""

    start: int
    end: int
    phrase: str


@dataclass(frozen=True)
class Finding:
    """What a phase has to say; without a verdict it is a note for the community manager."""

    phase: str
    reason: str  # a moderation Reason's value
    message: str
    verdict: Verdict | None = None
    matches: tuple[Match, ...] = ()
    labels: Mapping[str, float] | None = None  # the model's labels over their thresholds
    explanation: Explanation | None = None  # what in the body carries the model's scores

    def to_data(self) -> dict[str, Any]:
        data = asdict(self)
        data["matches"] = [asdict(m) for m in self.matches]
        return data  # "explanation": {"sentences": [{"start", "end", "score"}], "words": [...]} or None


@dataclass(frozen=True)
class Outcome:
    """The pipeline's verdict and everything its phases found, in their order."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    @property
    def reason(self) -> str | None:
        """The reason of the finding that decided."""
        for finding in self.findings:
            if finding.verdict == self.verdict:
                return finding.reason
        return None

    @property
    def over_limits(self) -> bool:
        """The model's scores speak against the comment, whatever else does."""
        return any(
            f.phase == "toxicity" and f.verdict in {Verdict.HOLD, Verdict.REJECT} for f in self.findings
        )
