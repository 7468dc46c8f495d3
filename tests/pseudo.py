"""A language for tests: each message of the code is itself between «marks», so that what nobody marked is seen."""

from __future__ import annotations

from functools import cache

import pytest

from commentsvc import i18n
from commentsvc.cli.translations import extracted

TAG = "de"  # the language that is taken over


@cache
def catalogue() -> i18n.Catalogue:
    """All that is extracted from the code: a text that is given to gettext and not found by Babel stays bare."""
    texts: dict[str, str | tuple[str, ...]] = {}
    for message in extracted():
        if isinstance(message.id, str):
            if message.id:
                texts[message.id] = f"«{message.id}»"
        else:
            texts[message.id[0]] = tuple(f"«{form}»" for form in message.id)
    return i18n.Catalogue(texts, lambda n: int(n != 1))


def speak_pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on TAG is the language of marks."""
    real = i18n._catalogue
    monkeypatch.setattr(i18n, "_catalogue", lambda tag: catalogue() if tag == TAG else real(tag))
