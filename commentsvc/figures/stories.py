"""What became of one comment, told by its decisions: pure, and the one place that says what counts as what."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from commentsvc.comments.models import Status
from commentsvc.i18n import N_
from commentsvc.moderation.models import EDIT_REASONS, Reason

# What can have become of a comment. A comment is one of these, so they add up to all of them.
OUTCOMES: dict[str, str] = {
    "published_model": N_("Published automatically"),
    "published_person": N_("Published by a person"),
    "held": N_("Waiting for a person"),
    "rejected_model": N_("Rejected automatically"),
    "rejected_person": N_("Rejected by a person"),
    "withdrawn": N_("Withdrawn by the author"),
    "waiting": N_("Not checked yet"),
    "elsewhere": N_("Decided before it was imported"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """A decision, as it is stored."""

    id: int
    before: str
    after: str
    actor_id: int | None
    reason: str
    undoes_id: int | None
    at: dt.datetime
    revision: int = 1  # of the comment's text


@dataclass(slots=True)
class Judgement:
    """A person's decision on a comment, and what came of it."""

    step: Step
    waited: float | None  # seconds since the comment was held, where this took it out of the queue
    taken_back: bool = False  # by herself
    overturned: bool = False  # by somebody else: undone, or decided otherwise

    @property
    def counts(self) -> bool:
        """A decision taken back by who made it was none."""
        return not self.taken_back


@dataclass(slots=True)
class Stay:
    """A stay in the queue. After an undo the comment is there again, and has waited `since` the first time."""

    begin: dt.datetime
    since: dt.datetime
    end: dt.datetime | None = None


@dataclass(slots=True)
class Story:
    """The whole of it."""

    settled_by: Step | None = None  # the decision that brought the comment where it is; None: it has had none
    verdict: Judgement | None = None  # the last of people's judgements that stands
    judgements: list[Judgement] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)

    @property
    def outcome(self) -> str:
        """One of OUTCOMES."""
        step = self.settled_by
        if step is None or step.after == Status.PENDING:
            return "waiting"
        if step.reason == Reason.IMPORTED:
            return "elsewhere"
        if step.after in (Status.PUBLISHED, Status.REJECTED):
            return f"{step.after}_{'model' if step.actor_id is None else 'person'}"
        return step.after

    @property
    def verdict_on(self) -> str | None:
        """What people think of the comment: "approved" or "rejected"; None where nobody judged it."""
        if self.verdict is None:
            return None
        return "approved" if self.verdict.step.after == Status.PUBLISHED else "rejected"


@dataclass(slots=True)
class _Before:
    """How things stood before a decision, for its undo."""

    settled_by: Step | None
    verdict: Judgement | None
    since: dt.datetime | None
    judgement: Judgement | None  # which the decision itself was
    overturned: Judgement | None  # which it overturned


def tell(steps: Iterable[Step]) -> Story:
    """The story of one comment's decisions, in their order."""
    story = Story()
    stay: Stay | None = None
    known: dict[int, _Before] = {}
    for step in steps:
        undone = known.get(step.undoes_id) if step.undoes_id is not None else None
        since = stay.since if stay else None
        before = _Before(story.settled_by, story.verdict, since, None, None)
        known[step.id] = before
        if step.before == Status.HELD and step.after != Status.HELD and stay is not None:
            stay.end, stay = step.at, None
        if step.after == Status.HELD and stay is None:
            earlier = undone.since if undone else None
            stay = Stay(step.at, earlier or step.at)
            story.stays.append(stay)
        if step.undoes_id is not None:
            if undone is not None:
                _undo(story, step, undone)
            continue
        if step.before != step.after or story.settled_by is None:
            story.settled_by = step
        if step.actor_id is None or step.reason == Reason.WITHDRAWN or _about_edit(step):
            continue
        left = since is not None and step.before == Status.HELD and step.after != Status.HELD
        judgement = Judgement(step, (step.at - since).total_seconds() if left and since else None)
        story.judgements.append(judgement)
        before.judgement = judgement
        if step.after not in (Status.PUBLISHED, Status.REJECTED):
            continue
        standing = story.verdict
        if standing is not None and standing.step.after != step.after and standing.step.actor_id != step.actor_id:
            standing.overturned = True
            before.overturned = standing
        story.verdict = judgement
    return story


def _about_edit(step: Step) -> bool:
    """Whether it judges an edit, or an appeal about one, and says nothing of the comment."""
    return step.reason in EDIT_REASONS or (step.reason in {Reason.UPHELD, Reason.OVERTURNED} and step.before == step.after == Status.PUBLISHED)


def _undo(story: Story, step: Step, undone: _Before) -> None:
    """As if the undone decision had not been; who took it back decides how it counts."""
    story.settled_by, story.verdict = undone.settled_by, undone.verdict
    if undone.overturned is not None:
        undone.overturned.overturned = False
    if undone.judgement is not None:
        if step.actor_id == undone.judgement.step.actor_id:
            undone.judgement.taken_back = True
        else:
            undone.judgement.overturned = True
