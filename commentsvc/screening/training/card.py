"""The model card: what was measured, as a page for people."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

from commentsvc.screening.card import Card
from commentsvc.screening.toxicity import LABELS
from commentsvc.screening.training.evaluate import Report
from commentsvc.screening.training.metrics import BIAS_POWER
from commentsvc.screening.training.parity import MAX_DIFFERENCE, MEAN_DIFFERENCE

WORST_GROUPS: Final = 12
"""Of a set with many groups, the page shows those with the lowest BPSN."""

PREFACE: Final = (
    "Written by `commentsvc model evaluate DATA --card docs/model-card.md`; do not edit it by hand. "
    "What the labels mean, how to choose thresholds and what no model can do stands in "
    "[toxicity.md](toxicity.md)."
)


def model_card(report: Report, card: Card | None) -> str:
    """Return the page in Markdown; *card* is the model's model.json, where it has one."""
    parts = [
        f"# Model card: {report.model['name']} {report.model['version']}",
        PREFACE,
        _identity(report, card),
        _headline(report),
        _sets(report),
        _bias(report),
        _functionalities(report),
        _thresholds(report),
        _highlights(report),
        _names(report),
        _missing(report),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def number(value: float, digits: int = 2) -> str:
    """Return a number for people; a dash where nothing was measured."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def share(value: float) -> str:
    """Return a share of 1 in per cent; what is not nothing never reads as nothing."""
    if not value:
        return "none"
    return "under 1 %" if value < 0.01 else f"{100 * value:.0f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def _identity(report: Report, card: Card | None) -> str:
    rows = [("SHA-256", f"`{report.model['sha256']}`")]
    if card is not None:
        rows += [
            ("labels", ", ".join(card.labels)),
            ("window", f"{card.max_tokens} tokens"),
            ("weights", f"`model.onnx`, SHA-256 `{card.weights_sha256}`"),
            ("vocabulary", f"`tokenizer.json`, SHA-256 `{card.tokenizer_sha256}`"),
        ]
        if card.lexical is not None:
            rows.append(("words", f"`{card.lexical.file}`, SHA-256 `{card.lexical.sha256}`"))
        rows += [("licence", card.licence or "not stated"), ("source", card.source or "not stated")]
        if compared := card.measured.get("compared_with_detoxify"):
            rows.append(("compared with Detoxify", _compared(compared)))
    return _table(("model", ""), rows)


def _compared(compared: dict[str, Any]) -> str:
    labels = compared["labels"]
    largest = max(one["largest"] for one in labels)
    mean = max(one["mean"] for one in labels)
    return (
        f"{compared['texts']} texts: largest difference of a score {largest:.3f} (tolerated "
        f"{MAX_DIFFERENCE}), largest mean of a label {mean:.3f} (tolerated {MEAN_DIFFERENCE})"
    )


def _headline(report: Report) -> str:
    rows = [
        ("heldout_mean", "mean over six labels", number(report.heldout_mean)),
        ("official_test_toxic", "toxicity", number(report.official_test_toxic)),
        (
            "HateCheck",
            "hateful against neutral statements about the same groups",
            number(report.hatecheck_neutral),
        ),
        (
            "HateCheck",
            "hateful against neutral and positive statements",
            number(report.hatecheck_neutral_and_positive),
        ),
    ]
    text = (
        "## In short\n\nAUC is the area under the ROC curve times 100: the share of pairs of a toxic "
        "and a decent comment in which the toxic one scores higher; 50 is chance."
    )
    return f"{text}\n\n{_table(('number', 'what', 'AUC'), rows)}"


def _sets(report: Report) -> str:
    rows = []
    for one in report.sets:
        if one.name in {"news", "spans"}:
            continue
        for label, value in one.auc.items():
            count = f"{one.rows:,}" + (f" of {one.of:,}" if one.rows < one.of else "")
            trained = share(one.in_training)
            rows.append((one.name, label, number(value), count, trained, one.about))
    head = ("set", "label", "AUC", "rows", "of these in training", "what")
    fuzzed, plain = report.auc("fuzzed"), report.auc("nonfuzzed")
    more = ""
    if not math.isnan(fuzzed + plain):
        more = f"\n\nOther groups in place of those named cost {plain - fuzzed:.2f} points of AUC."
    return f"## Per data set and label\n\n{_table(head, rows)}{more}"


def _bias(report: Report) -> str:
    if not report.bias:
        return ""
    text = (
        "## Per group\n\nAUCs times 100 after Borkan et al. 2019. BPSN is low where decent texts about "
        "a group score like attacks elsewhere; BNSP is low where attacks on it score like decent "
        f"texts elsewhere. In the means (power {BIAS_POWER:g}) the worst groups count most; shown "
        "are the groups with the lowest BPSN."
    )
    parts = [text]
    for one in report.bias:
        rows = [
            (
                f"**mean of {len(one.groups)} groups**",
                "",
                number(one.subgroup_auc),
                number(one.bpsn),
                number(one.bnsp),
            )
        ]
        worst = sorted(one.groups, key=lambda group: (math.isnan(group.bpsn), group.bpsn))
        rows += [
            (
                group.group,
                f"{group.rows:,}",
                number(group.subgroup_auc),
                number(group.bpsn),
                number(group.bnsp),
            )
            for group in worst[:WORST_GROUPS]
        ]
        parts.append(f"### {one.name}")
        parts.append(_table(("group", "rows", "subgroup AUC", "BPSN", "BNSP"), rows))
    return "\n\n".join(parts)


def _functionalities(report: Report) -> str:
    if not report.functionalities:
        return ""
    rows = [
        (
            one.name,
            "hateful" if one.hateful else "decent",
            str(one.rows),
            f"{100 * one.flagged:.0f} %",
            number(one.auc),
        )
        for one in report.functionalities
    ]
    head = ("functionality", "gold", "rows", "toxicity at least 0.5", "AUC against the others")
    return f"## HateCheck, kind by kind\n\n{_table(head, rows)}"


def _thresholds(report: Report) -> str:
    if not report.thresholds:
        return ""
    text = (
        "## At thresholds\n\nOn the held-out rows, weighted to natural prevalence. The last column is the "
        "share of comments published by a newspaper's community managers that the threshold would hold."
    )
    rows = [
        (
            row.label,
            f"{row.threshold:.1f}",
            number(row.precision, 3),
            number(row.recall, 3),
            number(row.bin_rate),
            number(100 * row.news_held) + " %",
        )
        for label in LABELS
        for row in report.thresholds
        if row.label == label
    ]
    head = (
        "label",
        "at least",
        "precision",
        "recall",
        "observed share from here to 0.1 above",
        "of published news comments",
    )
    return f"{text}\n\n{_table(head, rows)}"


def _highlights(report: Report) -> str:
    if math.isnan(report.highlights_f1):
        return ""
    return (
        "## Highlights\n\nCharacter F1 of the highlighted words on "
        f"{report.highlights_posts:,} posts of the toxic spans test set (SemEval-2021 task 5: the mean "
        "over posts, 1 where nothing is marked and nothing should be), times 100: "
        f"**{number(report.highlights_f1)}**."
    )


def _names(report: Report) -> str:
    if not report.names:
        return ""
    found = report.names
    by_label = ", ".join(f"{label} {count}" for label, count in found["held_by_label"].items() if count)
    highest = [(one["text"], number(one["toxicity"], 3)) for one in found["highest_toxicity"]]
    return (
        f"## Names\n\nOf {found['sentences']:,} neutral sentences with given names and place names of "
        f"the world, the default thresholds hold {found['held_by_default']}"
        + (f" ({by_label})" if by_label else "")
        + ". Those with the highest toxicity:\n\n"
        + _table(("sentence", "toxicity"), highest)
    )


def _missing(report: Report) -> str:
    if not report.missing:
        return ""
    return "## Not measured\n\nNo file for: " + ", ".join(report.missing) + "."
