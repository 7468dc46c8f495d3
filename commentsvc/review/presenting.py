"""From stored rows to what a card shows. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from markupsafe import Markup, escape

from commentsvc.comments.brigades import sum_up
from commentsvc.comments.models import Comment, Status
from commentsvc.i18n import comma, gettext, inside, ngettext, score
from commentsvc.moderation.marking import Marks, cut
from commentsvc.moderation.models import Decision, Screening
from commentsvc.moderation.queue import Card, can_be_undone
from commentsvc.review.words import LABEL_NAMES, PHASE_NAMES
from commentsvc.screening.policy import Policy
from commentsvc.screening.toxicity import LABELS

EXCERPT = 160

# Tags that plain paragraphs have as well; anything else means that the Markdown does something.
_PLAIN_TAGS = re.compile(r"</?(?:p|br)\s*/?>")


@dataclass(frozen=True)
class ScoreBar:
    """One label's score against the site's threshold, both from 0 to 1."""

    label: str
    name: str
    meaning: str
    score: float
    threshold: float

    @property
    def over(self) -> bool:
        return not self.score < self.threshold

    @property
    def percent(self) -> str:
        return f"{min(max(self.score, 0.0), 1.0) * 100:.1f}%"

    @property
    def threshold_percent(self) -> str:
        return f"{self.threshold * 100:.1f}%"


@dataclass(frozen=True)
class Why:
    """A finding in plain words."""

    title: str
    text: str
    decided: bool  # it held or rejected the comment, rather than being a note


@dataclass(frozen=True)
class Actions:
    """What can be decided on a comment as it stands; an empty label: this cannot."""

    approve: str
    reject: str
    undo: Decision | None
    feature: str = ""
    pin: str = ""


def marked_body(comment: Comment, marks: Marks, *, focusable: bool = False) -> Markup:
    """The comment's source text; see `marked_text`."""
    return marked_text(comment.body, marks, focusable=focusable)


def marked_text(text: str, marks: Marks, *, focusable: bool = False) -> Markup:
    """A text, escaped, with what stands out in it; `focusable` lets the keyboard reach words.

    Sentences that carry the model's score are `span.doubtful`; in them the words that weigh most
    are `mark.word`. What a rule of the site matched is `mark.phrase`, wherever it stands.
    """
    html = Markup("").join
    tab = Markup(' tabindex="0"') if focusable else Markup("")
    return html(
        _wrapped(Markup('<span class="doubtful">%s</span>'), doubtful, html(
            _wrapped(Markup('<mark class="phrase"{}>%s</mark>').format(tab), phrase, html(
                _wrapped(Markup('<mark class="word"{}>%s</mark>').format(tab), piece.word, escape(piece.text)) for piece in same
            ))
            for phrase, same in groupby(pieces, key=lambda piece: piece.phrase)
        ))
        for doubtful, pieces in groupby(cut(text, marks), key=lambda piece: piece.sentence)
    )


def _wrapped(tag: Markup, wanted: bool, inside: Markup) -> Markup:
    return tag % inside if wanted else inside


def has_markup(comment: Comment) -> bool:
    """Whether readers see something else than the typed text: a link, emphasis, a quotation."""
    return "<" in _PLAIN_TAGS.sub("", comment.body_html)


def score_bars(screening: Screening | None, policy: Policy) -> list[ScoreBar]:
    """All labels in the model's order, so that each has its place; empty without scores."""
    if screening is None or not screening.scores:
        return []
    scores: Mapping[str, float] = screening.scores
    return [
        ScoreBar(label, *LABEL_NAMES[label], scores[label], policy.hold_at[label])
        for label in LABELS
        if label in scores
    ]


def why(screening: Screening | None) -> list[Why]:
    """The findings in the order of the phases, in words for people."""
    if screening is None:
        return []
    return [
        Why(PHASE_NAMES.get(f["phase"], f["phase"]), finding_text(f), bool(f.get("verdict")))
        for f in screening.findings
    ]


def finding_text(finding: Mapping[str, Any]) -> str:
    """What a phase found, in words for people."""
    labels: Mapping[str, float] = finding.get("labels") or {}
    phrases = sorted({str(match["phrase"]) for match in finding.get("matches", ())})
    if phrases:
        return comma().join(gettext("“%(words)s”", words=phrase) for phrase in phrases)
    if finding["phase"] != "toxicity" or not labels:
        return gettext(str(finding["message"]).replace("%", "%%"))
    worst = sorted(labels.items(), key=lambda item: -item[1])
    listed = comma().join(f"{inside(LABEL_NAMES[k][0]) if k in LABEL_NAMES else k} {score(v)}" for k, v in worst)
    return gettext("The model's score is over the limit for %(labels)s.", labels=listed)


def gist(card: Card) -> str:
    """The few words a row of the list has for why the comment is there; "" when there are none."""
    if card.notices:
        return ngettext("%(num)d legal notice", "%(num)d legal notices", len(card.notices))
    if card.comment.flag_count:
        flags = sum_up(card.flags)
        if flags.counted < flags.given:
            return ngettext("%(num)d flag, counts as %(counted)d", "%(num)d flags, count as %(counted)d", flags.given, counted=flags.counted)
        return ngettext("%(num)d flag", "%(num)d flags", card.comment.flag_count)
    for finding in card.screening.findings if card.screening else []:
        if not finding.get("verdict") or finding["verdict"] == "publish":
            continue
        labels: Mapping[str, float] = finding.get("labels") or {}
        if labels:
            label, highest = max(labels.items(), key=lambda item: item[1])
            return f"{LABEL_NAMES[label][0] if label in LABEL_NAMES else label} {score(highest)}"
        return PHASE_NAMES.get(finding["phase"], str(finding["phase"]))
    return ""


def crowd_words(card: Card) -> list[str]:
    """What to know of the flags where not all of them count, a sentence each; nothing where all do."""
    flags = sum_up(card.flags)
    if flags.counted == flags.given:
        return []
    said = [ngettext("%(num)d flag counts as %(counted)d.", "%(num)d flags count as %(counted)d.", flags.given, counted=flags.counted)]
    said += [
        ngettext(
            "%(number)d come from new accounts of one network within %(num)d minute: they count as one.",
            "%(number)d come from new accounts of one network within %(num)d minutes: they count as one.", crowd.minutes, number=crowd.number,
        )
        for crowd in flags.crowds
    ]
    if flags.rest:
        said.append(ngettext(
            "%(num)d more is not counted: it comes from a new account when many flagged at once, or from somebody whose flags rarely led to a rejection.",
            "%(num)d more are not counted: they come from new accounts when many flagged at once, or from people whose flags rarely led to a rejection.", flags.rest,
        ))
    return said


def veiled(card: Card) -> bool:
    """Whether words stand out in the comment, which whoever blurs them does not want to meet in the list either."""
    return any(
        finding.get("matches") or (finding.get("explanation") or {}).get("words")
        for finding in (card.screening.findings if card.screening else ())
    )


def excerpt(text: str, length: int = EXCERPT) -> str:
    """The beginning of a text on one line, cut at a word where there is one."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[:length]
    return (cut.rsplit(" ", 1)[0] if " " in cut[length // 2 :] else cut) + "…"


def actions(card: Card) -> Actions:
    """The decisions that the comment's status and history leave open."""
    comment = card.comment
    approve = reject = ""
    if comment.status in {Status.PENDING, Status.HELD, Status.REJECTED}:
        approve = gettext("Approve")
    elif comment.status == Status.PUBLISHED:
        # It is public already: approving it settles its flags and says that a person looked.
        approve = gettext("Keep published") if comment.flag_count or comment.reviewed_at else gettext("Approve")
    if comment.status in {Status.PENDING, Status.HELD, Status.PUBLISHED}:
        reject = gettext("Reject")
    if card.notices and approve:
        approve = gettext("Dismiss the notice") if comment.status == Status.PUBLISHED else gettext("Dismiss the notice and publish")
    if card.edit is not None:
        approve, reject = gettext("Accept the edit"), gettext("Reject the edit")
    latest = card.decisions[0] if card.decisions else None
    undoable = latest is not None and can_be_undone(latest)
    feature = pin = ""
    if comment.status == Status.PUBLISHED:
        feature = gettext("Unfeature") if comment.featured_at else gettext("Feature")
        if comment.parent_id is None:
            pin = gettext("Unpin") if comment.article.pinned_id == comment.id else gettext("Pin")
    return Actions(approve, reject, latest if undoable else None, feature, pin)
