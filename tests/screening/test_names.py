"""Names of people and places push no neutral sentence over the threshold."""

import re

import pytest

from commentsvc.screening.toxicity import load_bundled_scorer
from commentsvc.screening.training import identity, names

TRAINED_FRAMES = {
    *identity.DECENT, *identity.HATEFUL, *identity.THREATS, *identity.OF_PERSONS, *identity.OF_NAMES,
}  # fmt: skip


def _written(frame: str) -> str:
    return re.sub(r"\{\w+\}", "{}", frame).lower()


def test_there_are_at_least_five_hundred_different_sentences() -> None:
    found = names.sentences()
    assert len(found) == len(set(found)) >= 500


def test_every_part_of_the_world_is_there() -> None:
    for groups in (names.PEOPLE, names.PLACES):
        for group, members in groups.items():
            assert len(members) >= 18, group
            assert len(members) == len(set(members)), group


COMMON_PARTS = {"port"}
"""Of place names everywhere: "Port Moresby" says nothing about "Port-au-Prince"."""


def _parts(name: str) -> set[str]:
    return {name.lower(), *re.findall(r"[^\W_]+", name.lower())} - COMMON_PARTS


def test_no_name_and_no_frame_is_trained_on() -> None:
    trained = set().union(*map(_parts, (*identity.PERSONS, *identity.PLACES)))
    measured = set().union(
        *(
            _parts(name)
            for groups in (names.PEOPLE, names.PLACES)
            for members in groups.values()
            for name in members
        )
    )
    assert not trained & measured
    frames = {_written(frame) for frame in (*names.OF_PEOPLE, *names.OF_PLACES)}
    assert not frames & {_written(frame) for frame in TRAINED_FRAMES}


@pytest.mark.slow
def test_at_most_one_sentence_in_a_hundred_is_held() -> None:
    found = names.measure(load_bundled_scorer())
    assert found["held_by_default"] <= found["sentences"] / 100, found
