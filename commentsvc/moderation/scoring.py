"""Asking a model that may fail, and telling whether it is the text's fault or the model's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from commentsvc.database import utcnow
from commentsvc.errors import name_of
from commentsvc.screening.phases import toxicity
from commentsvc.screening.policy import Policy
from commentsvc.screening.scoring_process import ScorerDied
from commentsvc.screening.submission import Submission, Verdict
from commentsvc.screening.toxicity import LABELS, Explanation, Scores, ScoringError, ToxicityScorer

log = structlog.get_logger()

# What any model can read. One that fails on this fails on everything.
PROBE = "The council meets again on Tuesday."
UNREAD: Mapping[str, float] = {}


def probe(model: ToxicityScorer) -> None:
    """ScoringError unless the model reads a plain sentence."""
    _ask(model, [PROBE])


def score_each(model: ToxicityScorer, bodies: Sequence[str]) -> list[Mapping[str, float]]:
    """Scores for each body; UNREAD, which holds it for a person, for one the model fails on.

    Without this, one text that the model cannot read would keep its whole batch pending for
    good. ScoringError when it is the model: it fails on all of them and on a plain sentence too.
    ScorerDied passes, for then nobody knows yet which text it was.
    """
    try:
        return list(_ask(model, bodies))
    except ScorerDied:
        raise
    except ScoringError as error:
        if len(bodies) == 1:
            probe(model)
            log.warning("the model cannot read a comment", error=str(error))
            return [UNREAD]
    scored = [_alone(model, body) for body in bodies]
    if not any(scored):
        probe(model)
    return scored


def explain(model: ToxicityScorer, body: str, policy: Policy, scores: Mapping[str, float]) -> Explanation | None:
    """What carries the scores of a body that they hold; None where they don't, or nobody can say.

    Never costs the verdict: a model that fails here is asked again with the next text.
    """
    if not scores:
        return None
    finding = toxicity(Submission(body=body, policy=policy, submitted_at=utcnow(), scores=scores))
    if finding is None or finding.verdict not in {Verdict.HOLD, Verdict.REJECT}:
        return None
    try:
        return model.explain(body)
    except Exception as error:  # noqa: BLE001 - whatever it is, the comment has its scores
        log.warning("no explanation", error=name_of(error))
        return None


def _alone(model: ToxicityScorer, body: str) -> Mapping[str, float]:
    try:
        return _ask(model, [body])[0]
    except ScorerDied:
        raise
    except ScoringError as error:
        log.warning("the model cannot read a comment", error=str(error))
        return UNREAD


def _ask(model: ToxicityScorer, bodies: Sequence[str]) -> list[Scores]:
    """Scores that are probabilities, label by label; ScoringError otherwise."""
    scored = model.score(bodies)
    if len(scored) != len(bodies):
        raise ScoringError(f"{model.info.name} {model.info.version} scored {len(scored)} of {len(bodies)} texts")
    for scores in scored:
        # Not-a-number is in no range. A label left out must not read as a low score.
        if not all(label in scores for label in LABELS) or not all(0 <= score <= 1 for score in scores.values()):
            raise ScoringError(f"{model.info.name} {model.info.version} gave scores that are no probabilities")
    return scored
