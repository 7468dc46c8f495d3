"""Folding the phases into one verdict."""

from __future__ import annotations

from commentsvc.screening.phases import PHASES, Phase
from commentsvc.screening.submission import Finding, Outcome, Submission, Verdict


def screen(submission: Submission, phases: tuple[Phase, ...] = PHASES) -> Outcome:
    """The verdict of these phases on a submission, with every finding on the way to it.

    REJECT, PUBLISH and WAIT end the fold where they are found. HOLD does not: the community
    manager should see everything that speaks against a comment, and a later phase may reject it.
    """
    findings: list[Finding] = []
    for phase in phases:
        finding = phase(submission)
        if finding is None:
            continue
        findings.append(finding)
        if finding.verdict in {Verdict.REJECT, Verdict.PUBLISH, Verdict.WAIT}:
            return Outcome(finding.verdict, tuple(findings))
    held = any(f.verdict == Verdict.HOLD for f in findings)
    return Outcome(Verdict.HOLD if held else Verdict.PUBLISH, tuple(findings))
