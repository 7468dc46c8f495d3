"""The phases, each a small pure function; their order in PHASES is the policy."""

from __future__ import annotations

import re
from collections.abc import Callable

from commentsvc.characters import characters, too_many
from commentsvc.screening.phrases import find_phrases
from commentsvc.screening.submission import Finding, Submission, Verdict
from commentsvc.screening.trust import Level

Phase = Callable[[Submission], Finding | None]

# What held for the author when she posted -> what a community manager reads of it.
HELD_FOR = {
    "taken_down": "A person had looked at this comment before its author changed it.",
    "always_review": "A community manager reads every comment of this author first.",
    "shadow": "The author is shadowed: she sees this as published, others do once it is approved.",
    "sanctioned": "A sanction holds for this person.",
    "email_domain": "A rule of the site holds comments from e-mail addresses at this domain.",
}

_LINK = re.compile(r"(?:https?://|www\.)\S", re.IGNORECASE)


def _clear(submission: Submission) -> Verdict:
    """What happens to a clear violation: rejected only where the site's policy says so."""
    return Verdict.REJECT if submission.policy.reject_clear else Verdict.HOLD


def commenting_open(s: Submission) -> Finding | None:
    """Submitting checks this too; here it catches an article closed in the same instant."""
    if s.closed_at is not None and s.closed_at <= s.submitted_at and not s.author_is_staff:
        return Finding("commenting_open", "closed", "The conversation was closed.", Verdict.REJECT)
    return None


def length(s: Submission) -> Finding | None:
    """The policy may have changed since the comment was accepted."""
    size = characters(s.body.strip())
    if too_many(s.body.strip(), s.policy.max_length):
        message = f"{size} characters; the site allows {s.policy.max_length}."
    elif size < s.policy.min_length:
        message = f"{size} characters; the site asks for {s.policy.min_length}."
    else:
        return None
    return Finding("length", "other", message, _clear(s))


def trusted_author(s: Submission) -> Finding | None:
    """The site's staff are published at once."""
    if s.author_is_staff:
        return Finding("trusted_author", "trusted", "Written by the site's staff.", Verdict.PUBLISH)
    return None


def sanction(s: Submission) -> Finding | None:
    """Something held for the author when she posted: a person reads it, whatever else is found."""
    if s.hold_for is None:
        return None
    return Finding("sanction", "held_for_review", HELD_FOR.get(s.hold_for, "A person reads this one."), Verdict.HOLD)


def banned_phrases(s: Submission) -> Finding | None:
    """A phrase the site does not publish is a clear violation."""
    matches = find_phrases(s.body, s.policy.banned_phrases)
    if not matches:
        return None
    words = ", ".join(sorted({f"“{m.phrase}”" for m in matches}))
    return Finding("banned_phrases", "banned_phrase", f"Banned: {words}.", _clear(s), matches)


def suspect_phrases(s: Submission) -> Finding | None:
    """A phrase that a person should read in its context."""
    matches = find_phrases(s.body, s.policy.suspect_phrases)
    if not matches:
        return None
    words = ", ".join(sorted({f"“{m.phrase}”" for m in matches}))
    return Finding("suspect_phrases", "banned_phrase", f"Suspect: {words}.", Verdict.HOLD, matches)


def links(s: Submission) -> Finding | None:
    """Many links are how spam looks."""
    count = len(_LINK.findall(s.body))
    if count > s.policy.max_links:
        message = f"{count} links; up to {s.policy.max_links} pass without a person."
        return Finding("links", "spam", message, Verdict.HOLD)
    return None


def repeat_post(s: Submission) -> Finding | None:
    """The same text again, anywhere on the site, within the policy's window."""
    if s.repeats:
        return Finding("repeat_post", "spam", "The author posted the same text before.", Verdict.HOLD)
    return None


def toxicity(s: Submission) -> Finding | None:
    """The model's scores against the site's thresholds, label by label."""
    if s.scores is None:
        if s.unscored:  # the site does not wait for ever; what else was found still counts
            return Finding("toxicity", "unscored", s.unscored)
        return Finding("toxicity", "held_for_review", "Waits for the model.", Verdict.WAIT)
    # An absent or not-a-number score must never read as clean: `not (x < t)` holds for NaN.
    if not s.scores:
        return Finding("toxicity", "held_for_review", "The model could not read this one.", Verdict.HOLD)
    over = {k: s.scores.get(k, 1.0) for k, t in s.policy.hold_at.items() if not s.scores.get(k, 1.0) < t}
    clear = {
        k: s.scores[k] for k, t in s.policy.reject_at.items() if k in s.scores and s.scores[k] >= t
    }
    if not over and not (clear and s.policy.reject_clear):
        return None
    worst = max(clear or over, key=lambda k: (clear or over)[k])
    reason = {"threat": "threat", "identity_attack": "hate"}.get(worst, "abuse")
    listed = ", ".join(f"{k.replace('_', ' ')} {v:.2f}" for k, v in sorted(over.items(), key=lambda i: -i[1]))
    verdict = Verdict.REJECT if clear and s.policy.reject_clear else Verdict.HOLD
    message = f"The model's scores: {listed or worst}."
    return Finding("toxicity", reason, message, verdict, labels=over or clear, explanation=s.explanation)


def new_author(s: Submission) -> Finding | None:
    """An author's first comments are read by a person where the site asks for it."""
    if s.author_published < s.policy.new_author_comments:
        message = f"The author has {s.author_published} published comments here."
        return Finding("new_author", "held_for_review", message, Verdict.HOLD)
    return None


def trust(s: Submission) -> Finding | None:
    """A watched author's comments are read by a person where the site asks for it; limits move in Policy.for_level."""
    if s.author_level == Level.WATCHED and s.policy.trust_hold_watched:
        message = "Several of the author's comments were rejected lately."
        return Finding("trust", "held_for_review", message, Verdict.HOLD)
    return None


def pre_moderation(s: Submission) -> Finding | None:
    """The article or the whole site is read before it is published."""
    if s.policy.premoderate or s.premoderated:
        where = "site" if s.policy.premoderate else "article"
        message = f"Every comment on this {where} is read before it is published."
        return Finding("pre_moderation", "held_for_review", message, Verdict.HOLD)
    return None


PHASES: tuple[Phase, ...] = (
    commenting_open,  # nothing else matters under a closed article
    length,
    trusted_author,  # before everything that could hold: staff do not queue for themselves
    sanction,  # after staff, of whom none can be sanctioned, and before all that only adds to it
    banned_phrases,
    suspect_phrases,
    links,
    repeat_post,
    toxicity,  # needs the scores; until then the verdict is WAIT
    new_author,
    trust,
    pre_moderation,  # last, so that the card shows what else was found
)
