"""A text tried out against a policy: what every phase finds, and what would happen. Nothing is kept."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from commentsvc.database import utcnow
from commentsvc.i18n import N_
from commentsvc.moderation.engine import Broken, Busy, Engine
from commentsvc.moderation.marking import Marks, fitted
from commentsvc.screening.phases import PHASES
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import Policy
from commentsvc.screening.submission import Finding, Outcome, Submission, Verdict
from commentsvc.screening.toxicity import LABELS, Explanation

TEXT_LENGTH = 5000
NO_MODEL = N_("The model does not answer just now; this is what the rest of the rules say.")


class Kind(enum.StrEnum):
    """Who wrote the text."""

    NEW = "new"  # nothing published yet
    MEMBER = "member"  # as many published comments as the policy asks for
    STAFF = "staff"


@dataclass(frozen=True)
class Step:
    """What one phase says; `reached`: the screening comes so far."""

    phase: str
    finding: Finding | None
    reached: bool
    decides: bool  # it is what the verdict rests on


@dataclass(frozen=True)
class Trial:
    """A text under a policy."""

    text: str
    policy: Policy  # what held, the section's own included
    steps: tuple[Step, ...]
    outcome: Outcome
    scores: Mapping[str, float] | None
    unscored: str  # why there are no scores; "": there are
    marks: Marks

    @property
    def verdict(self) -> Verdict:
        return self.outcome.verdict


def try_text(text: str, policy: Policy, engine: Engine, *, author: Kind = Kind.MEMBER, section: str = "") -> Trial:
    """Run all phases over a text as if it were posted now under an open article of a section.

    Where the model fails or has no place free, the other phases are run without it.
    """
    holds = policy.within(section)
    scores, unscored = _scores(text, engine)
    submission = Submission(
        body=text, policy=holds, submitted_at=utcnow(), author_is_staff=author == Kind.STAFF,
        author_published=0 if author == Kind.NEW else max(holds.new_author_comments, 1),
        scores=scores, explanation=_explanation(text, holds, scores, engine), unscored=unscored,
    )
    findings = {phase.__name__: phase(submission) for phase in PHASES}
    outcome = screen(submission)
    reached = {finding.phase for finding in outcome.findings}
    last = outcome.findings[-1].phase if outcome.verdict in {Verdict.REJECT, Verdict.PUBLISH} and outcome.findings else None
    steps = []
    over = False
    for name, finding in findings.items():
        decides = finding is not None and name in reached and finding.verdict == outcome.verdict
        steps.append(Step(name, finding, not over, decides and not over))
        # HOLD does not end the fold; what rejects or publishes does.
        over = over or (name == last and finding is not None and finding.verdict == outcome.verdict)
    return Trial(text, holds, tuple(steps), outcome, scores, unscored, _marks(text, findings.values()))


def _scores(text: str, engine: Engine) -> tuple[Mapping[str, float] | None, str]:
    try:
        found = engine.score([text])[0]
    except (Busy, Broken):
        return None, NO_MODEL
    return {label: found[label] for label in LABELS if label in found}, ""


def _explanation(text: str, policy: Policy, scores: Mapping[str, float] | None, engine: Engine) -> Explanation | None:
    if not scores or not any(not scores.get(label, 1.0) < limit for label, limit in policy.hold_at.items()):
        return None
    try:
        return engine.explain(text)
    except (Busy, Broken):
        return None


def _marks(text: str, findings: Iterable[Finding | None]) -> Marks:
    data = [f.to_data() for f in findings if f is not None]
    explained = [one.get("explanation") or {} for one in data]
    return Marks(
        sentences=fitted(text, [h for e in explained for h in e.get("sentences", ())]),
        words=fitted(text, [h for e in explained for h in e.get("words", ())]),
        phrases=fitted(text, [m for one in data for m in one.get("matches", ())]),
    )
