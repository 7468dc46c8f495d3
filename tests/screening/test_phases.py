"""The pipeline as a pure function."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commentsvc.screening.phrases import find_phrases
from commentsvc.screening.pipeline import screen
from commentsvc.screening.policy import DEFAULT_HOLD, Policy
from commentsvc.screening.submission import Submission, Verdict

NOW = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
CLEAN = dict.fromkeys(DEFAULT_HOLD, 0.01)
DECENT = Submission("A decent remark.", Policy(), NOW, scores=CLEAN)


def test_clean_scores_publish() -> None:
    assert screen(DECENT).verdict == Verdict.PUBLISH


def test_nothing_is_published_without_scores() -> None:
    assert screen(replace(DECENT, scores=None)).verdict == Verdict.WAIT


@pytest.mark.parametrize("label", list(DEFAULT_HOLD))
def test_each_label_holds_at_its_threshold(label: str) -> None:
    at = replace(DECENT, scores=CLEAN | {label: DEFAULT_HOLD[label]})
    below = replace(DECENT, scores=CLEAN | {label: DEFAULT_HOLD[label] - 0.001})
    assert screen(at).verdict == Verdict.HOLD
    assert screen(below).verdict == Verdict.PUBLISH


def test_clear_toxicity_is_rejected_only_where_the_policy_says_so() -> None:
    toxic = replace(DECENT, scores=CLEAN | {"toxicity": 0.99})
    policy = Policy(reject_at={"toxicity": 0.95})
    assert screen(replace(toxic, policy=policy)).verdict == Verdict.HOLD
    assert screen(replace(toxic, policy=replace(policy, reject_clear=True))).verdict == Verdict.REJECT


def test_a_held_comment_shows_every_finding() -> None:
    s = replace(
        DECENT, body="see www.a.example www.b.example www.c.example", premoderated=True,
        scores=CLEAN | {"insult": 0.9}, author_published=0, policy=Policy(new_author_comments=1),
    )
    assert [f.phase for f in screen(s).findings] == ["links", "toxicity", "new_author", "pre_moderation"]


def test_staff_pass_what_would_hold_others() -> None:
    assert screen(replace(DECENT, author_is_staff=True, scores=None, premoderated=True)).verdict == Verdict.PUBLISH


def test_an_article_closed_meanwhile_rejects() -> None:
    closed = screen(replace(DECENT, closed_at=NOW - dt.timedelta(seconds=1)))
    assert (closed.verdict, closed.reason) == (Verdict.REJECT, "closed")
    assert screen(replace(DECENT, closed_at=NOW + dt.timedelta(seconds=1))).verdict == Verdict.PUBLISH


@pytest.mark.parametrize(
    "text",
    ["you IDIOT", "1d10t", "id1ot!", "ïdiot", "idi\u200bot", "iiidiooot", "ιdiot", "IDIOT!!!", "an (idiot)", "ｉｄｉｏｔ"],
)
def test_a_phrase_is_found_however_it_is_dressed(text: str) -> None:
    [match] = find_phrases(text, ["idiot"])
    assert match.phrase == "idiot"
    assert 0 <= match.start < match.end <= len(text)


@pytest.mark.parametrize(
    "written",
    [
        "i d i o t", "i.d.i.o.t", "i-d-i-o-t", "id*ot", "id iot", "🅸🅳🅸🅾🆃", "i̶d̶i̶o̶t̶", "𝓲𝓭𝓲𝓸𝓽", "ıdıot",
        "i\u200ed\u200fiot", "id\u2063iot", "i\u3164diot", "iddiot", "i\u0323\u0323\u0323\u0323\u0323diot",
    ],
)  # fmt: skip
def test_a_phrase_is_found_in_every_disguise_that_the_model_reads(written: str) -> None:
    text = f"Well, you {written}, good night"
    [match] = find_phrases(text, ["idiot"])
    # What is drawn over the last letter shows nothing by itself, and may stay outside.
    assert text[match.start : match.end].rstrip("\u0336") == written.rstrip("\u0336")


def test_the_letters_of_any_phrase_may_be_written_one_by_one() -> None:
    for written in ("v a x x e r", "V.A.X.X.E.R", "v-a-x-x-e-r", "v * a * x * x * e * r"):
        text = f"Another {written}!"
        [match] = find_phrases(text, ["vaxxer"])
        assert text[match.start : match.end] == written
    [match] = find_phrases("buy s n a k e o i l now", ["snake oil"])
    assert (match.start, match.end) == (4, 19)


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("I saw a 🐷 and a 🐍", ["pig", "snake"]),
        ("The U.S.A. won", ["usa"]),
        ("1 2 3 4 5", ["12345x", "l2345"]),
        ("plans A, B, C and D", ["abcd"]),
    ],
)
def test_what_only_resembles_a_phrase_is_none(text: str, phrases: list[str]) -> None:
    assert find_phrases(text, phrases) == ()


def test_a_phrase_found_in_two_ways_is_one_match_and_each_place_counts() -> None:
    found = find_phrases("1d10t, idi\u200bot, i d i o t", ["idiot"])
    assert [(match.start, match.end) for match in found] == [(0, 5), (7, 13), (15, 24)]


@pytest.mark.parametrize("text", ["idiotic plan", "video tape", "an idiom", "", "10 101 110", "fall"])
def test_a_phrase_is_a_whole_word(text: str) -> None:
    assert find_phrases(text, ["idiot", "fail", "lol"]) == ()


def test_a_phrase_of_several_words_and_other_scripts() -> None:
    assert find_phrases("Pure snake   oil, friends", ["snake oil"])[0].end == len("Pure snake   oil")
    assert find_phrases("это дурак тут", ["дурак"])
    assert find_phrases("أنت غبي جدا", ["غبي"])


@given(st.text(max_size=200), st.lists(st.text(min_size=1, max_size=12), max_size=5))
def test_matches_lie_inside_any_text(text: str, phrases: list[str]) -> None:
    for match in find_phrases(text, phrases):
        assert 0 <= match.start < match.end <= len(text)


def test_matching_is_linear() -> None:
    phrases = [f"word{n} two three" for n in range(2000)]

    def cost(size: int) -> float:
        text = "word1 two aaaa!!!1 " * size
        start = time.process_time()
        find_phrases(text, phrases)
        return time.process_time() - start

    cost(100)
    # Quadratic matching would cost 64 times as much; a generous bound keeps a busy machine quiet.
    assert cost(8000) < 24 * max(cost(1000), 0.005)
