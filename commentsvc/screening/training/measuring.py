"""The sets that measure a model: which rows, which truth, which groups they name.

Each is read from one file of the data folder; a file that is not there gives no set. Large ones
are cut to a sample that depends on the texts alone, so that two runs measure the same rows.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from commentsvc.screening.toxicity import LABELS
from commentsvc.screening.training.data import (
    JIGSAW_COLUMNS,
    measures,
    prevalence_weights,
    read_rows,
    text_key,
)

SIX_LABELS: Final = "jigsaw/train_sixlabel_subset.csv.gz"
OFFICIAL: Final = "jigsaw/test_toxic_balanced_6090.csv.gz"
SIX_SMALL: Final = "jigsaw/test_sixlabel_small.csv.gz"
HATECHECK: Final = "hatecheck/test_suite_cases.csv.gz"
MADLIBS: Final = "unintended_bias/bias_madlibs_77k.csv.gz"
TEMPLATES: Final = "unintended_bias/en_sentence_templates.csv.gz"
FUZZED: Final = "unintended_bias/toxicity_fuzzed_testset.csv.gz"
NONFUZZED: Final = "unintended_bias/toxicity_nonfuzzed_testset.csv.gz"
CIVIL: Final = "civil_comments_toxic_spans"
DAVIDSON: Final = "davidson_tweets/labeled_data.csv.gz"
NEWS: Final = "news_threads_sfu/old_comments.csv.gz"

ALWAYS_WHOLE: Final = frozenset(
    {"heldout", "official_test", "sixlabel_small", "hatecheck", "fuzzed", "nonfuzzed", "news"}
)
"""Never sampled: the headline numbers are defined on all of their rows, and two sets on pairs."""

TOXICITY: Final = LABELS[0]


@dataclass(frozen=True, slots=True)
class MeasuringSet:
    """Texts with a truth of 0 or 1 for one label or more.

    ``groups`` names for each text the groups it is about, ``kinds`` what it tries out; both may be
    empty. ``of`` is the number of rows before sampling, and ``about`` one line for people.
    """

    name: str
    about: str
    texts: list[str]
    truth: Mapping[str, npt.NDArray[np.float64]]
    weights: npt.NDArray[np.float64] | None = None
    groups: Sequence[tuple[str, ...]] = ()
    kinds: Sequence[str] = ()
    of: int = 0
    spans: Sequence[set[int]] = field(default=())

    def sampled(self, limit: int) -> "MeasuringSet":
        """Return *limit* rows, chosen by a hash of their texts, in their old order."""
        if self.name in ALWAYS_WHOLE or not limit or len(self.texts) <= limit:
            return self
        ranked = sorted(range(len(self.texts)), key=lambda at: _rank(self.texts[at], at))
        kept = sorted(ranked[:limit])
        return replace(
            self,
            texts=[self.texts[at] for at in kept],
            truth={label: values[kept] for label, values in self.truth.items()},
            weights=None if self.weights is None else self.weights[kept],
            groups=[self.groups[at] for at in kept] if self.groups else (),
            kinds=[self.kinds[at] for at in kept] if self.kinds else (),
            spans=[self.spans[at] for at in kept] if self.spans else (),
        )


def _rank(text: str, at: int) -> tuple[bytes, int]:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest(), at


Reader = Callable[[Path], Iterable[MeasuringSet]]


def _set(
    name: str,
    about: str,
    texts: Iterable[str],
    toxic: Iterable[bool],
    **more: object,
) -> Iterator[MeasuringSet]:
    """Yield a set whose truth is one label; nothing where there are no rows."""
    found = list(texts)
    if found:
        truth = {TOXICITY: np.array([float(value) for value in toxic])}
        yield MeasuringSet(name, about, found, truth, of=len(found), **more)  # type: ignore[arg-type]


def _six_labels(rows: list[dict[str, str]]) -> dict[str, npt.NDArray[np.float64]]:
    values = np.array([[float(row[column]) for column in JIGSAW_COLUMNS] for row in rows])
    return {label: values[:, column] for column, label in enumerate(LABELS)}


def _heldout(folder: Path) -> Iterator[MeasuringSet]:
    rows = [row for row in read_rows(folder / SIX_LABELS) if row["split"] == "test"]
    if rows:
        truth = _six_labels(rows)
        weights = np.array(prevalence_weights([value == 1 for value in truth[TOXICITY]]))
        yield MeasuringSet(
            "heldout",
            "held-out rows of the Jigsaw training distribution, weighted to natural prevalence",
            [row["comment_text"] for row in rows],
            truth,
            weights,
            of=len(rows),
        )


def _official(folder: Path) -> Iterator[MeasuringSet]:
    rows = list(read_rows(folder / OFFICIAL))
    about = "comments of the Jigsaw challenge's own test set, balanced"
    yield from _set(
        "official_test",
        about,
        [row["comment_text"] for row in rows],
        [row["toxic"] == "1" for row in rows],
    )


def _six_small(folder: Path) -> Iterator[MeasuringSet]:
    rows = list(read_rows(folder / SIX_SMALL))
    if rows:
        yield MeasuringSet(
            "sixlabel_small",
            "the first scored rows of that test set, all six labels",
            [row["comment_text"] for row in rows],
            _six_labels(rows),
            of=len(rows),
        )


def _hatecheck(folder: Path) -> Iterator[MeasuringSet]:
    rows = list(read_rows(folder / HATECHECK))
    hateful = [row["label_gold"] == "hateful" for row in rows]
    for found in _set(
        "hatecheck",
        "HateCheck: functional tests of hate speech detection",
        [row["test_case"] for row in rows],
        hateful,
        groups=[(row["target_ident"],) if row.get("target_ident") else () for row in rows],
        kinds=[row["functionality"] for row in rows],
    ):
        yield replace(
            found, truth={**found.truth, "identity_attack": np.array(hateful, dtype=np.float64)}
        )


def identities(texts: Iterable[str], kinds: Iterable[str]) -> list[str]:
    """Return the identity terms of the templates: what follows the verb in "hug gay"."""
    found = {
        text.partition(" ")[2]
        for text, kind in zip(texts, kinds, strict=True)
        if kind == "verb_adj" and " " in text
    }
    return sorted(found, key=lambda term: (-len(term.split()), term))


def _named(text: str, terms: Sequence[str]) -> tuple[str, ...]:
    """Return the longest of *terms* (longest first) that *text* names; none for an occupation."""
    words = f" {text.lower().rstrip('.!?')} "
    for term in terms:
        if f" {term.lower()} " in words:
            return (term,)
    return ()


def _templated(name: str, about: str, rows: list[tuple[str, bool, str]]) -> Iterator[MeasuringSet]:
    texts, kinds = [row[0] for row in rows], [row[2] for row in rows]
    terms = identities(texts, kinds)
    groups = [
        () if kind == "you_occupation" else _named(text, terms)
        for text, kind in zip(texts, kinds, strict=True)
    ]
    yield from _set(name, about, texts, [row[1] for row in rows], groups=groups, kinds=kinds)


def _madlibs(folder: Path) -> Iterator[MeasuringSet]:
    rows = [(r["Text"], r["Label"] == "BAD", r["Template"]) for r in read_rows(folder / MADLIBS)]
    yield from _templated("madlibs", "identity terms in rude and friendly templates", rows)


def _templates(folder: Path) -> Iterator[MeasuringSet]:
    rows = [
        (r["phrase"], r["toxicity"] == "toxic", r["template"])
        for r in read_rows(folder / TEMPLATES)
    ]
    yield from _templated("sentence_templates", "the newer identity-term templates", rows)


def _fuzzed(folder: Path) -> Iterator[MeasuringSet]:
    for name, file, about in (
        ("fuzzed", FUZZED, "Wikipedia comments in which the groups named were replaced by others"),
        ("nonfuzzed", NONFUZZED, "the same comments as they were written"),
    ):
        rows = list(read_rows(folder / file))
        yield from _set(
            name, about, [row["comment"] for row in rows], [row["toxic"] == "True" for row in rows]
        )


def _civil(folder: Path) -> Iterator[MeasuringSet]:
    """News comments of the span task's test split, labelled by the majority of their annotators."""
    votes: dict[str, list[bool]] = {}
    for row in read_rows(folder / CIVIL / "annotations.csv.gz"):
        votes.setdefault(row["comment_id"], []).append(row["not toxic"] != "True")
    test = {text_key(row["text"]) for row in read_rows(folder / CIVIL / "tsd_test.csv.gz")}
    rows = [
        (row["comment_text"], marks)
        for row in read_rows(folder / CIVIL / "comments.csv.gz")
        if text_key(row["comment_text"]) in test and (marks := votes.get(row["comment_id"]))
    ]
    yield from _set(
        "civil_comments",
        "news comments of the span task's test split; toxic where most annotators found a reason",
        [text for text, _ in rows],
        [sum(marks) * 2 > len(marks) for _, marks in rows],
    )


def _spans(folder: Path) -> Iterator[MeasuringSet]:
    rows = list(read_rows(folder / CIVIL / "tsd_test.csv.gz"))
    gold = [set(json.loads(row["spans"])) for row in rows]
    about = "news comments with the characters that make them toxic (SemEval-2021 task 5, test)"
    yield from _set("spans", about, [row["text"] for row in rows], map(bool, gold), spans=gold)


def _davidson(folder: Path) -> Iterator[MeasuringSet]:
    rows = [row for row in read_rows(folder / DAVIDSON) if measures(row["tweet"])]
    yield from _set(
        "davidson",
        "tweets: hate speech or offensive language against neither",
        [row["tweet"] for row in rows],
        [row["class"] != "2" for row in rows],
    )


def _context(folder: Path) -> Iterator[MeasuringSet]:
    for name, file, about in (
        ("context_alone", "gn.csv.gz", "Wikipedia comments, judged without what they answer"),
        ("context_seen", "gc.csv.gz", "Wikipedia comments, judged with what they answer"),
    ):
        rows = [r for r in read_rows(folder / "context_toxicity" / file) if measures(r["text"])]
        yield from _set(
            name, about, [row["text"] for row in rows], [float(row["label"]) >= 0.5 for row in rows]
        )


def _news(folder: Path) -> Iterator[MeasuringSet]:
    rows = [row for row in read_rows(folder / NEWS) if row["status"] == "published" and row["text"]]
    about = "comments that a newspaper's community managers published"
    yield from _set("news", about, [row["text"] for row in rows], [False] * len(rows))


READERS: Final[tuple[Reader, ...]] = (
    _heldout,
    _official,
    _six_small,
    _hatecheck,
    _madlibs,
    _templates,
    _fuzzed,
    _civil,
    _spans,
    _davidson,
    _context,
    _news,
)

# fmt: off
NAMES: Final = (
    "heldout", "official_test", "sixlabel_small", "hatecheck", "madlibs", "sentence_templates",
    "fuzzed", "nonfuzzed", "civil_comments", "spans", "davidson", "context_alone", "context_seen",
    "news",
)
"""Of every set there can be, so that a report can say what is missing."""
# fmt: on


def measuring_sets(folder: Path, *, sample: int = 0) -> list[MeasuringSet]:
    """Return the sets that *folder* has, each cut to *sample* rows (0: whole).

    FileNotFoundError where it has none.
    """
    found = [one.sampled(sample) for read in READERS for one in read(folder)]
    if not found:
        message = f"no measuring rows under {folder}"
        raise FileNotFoundError(message)
    return found
