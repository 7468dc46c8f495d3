"""A language for tests: each message of the code is itself between «marks», so that what nobody marked is seen."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

import pytest

from commentsvc import i18n
from commentsvc.accounts import badges
from commentsvc.cli.translations import extracted

TAG = "de"  # the language that is taken over


@cache
def catalogue() -> i18n.Catalogue:
    """All that is extracted from the code: a text that is given to gettext and not found by Babel stays bare."""
    texts: dict[str, str | tuple[str, ...]] = {}
    for message in extracted():
        if isinstance(message.id, str):
            if message.id:
                texts[i18n.in_context(message.context, message.id)] = f"«{message.id}»"
        else:
            texts[message.id[0]] = tuple(f"«{form}»" for form in message.id)
    return i18n.Catalogue(texts, lambda n: int(n != 1))


def speak_pseudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on TAG is the language of marks."""
    real = i18n._catalogue
    monkeypatch.setattr(i18n, "_catalogue", lambda tag: catalogue() if tag == TAG else real(tag))
    for module, name in ((i18n, "_plural_forms"), (badges, "_offices"), (badges, "_badge_words")):
        monkeypatch.setattr(module, name, getattr(module, name).__wrapped__)  # nothing is remembered from before, or for later


@cache
def _any_of(words: frozenset[str]) -> re.Pattern[str]:
    found = "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))
    return re.compile(rf"(?<!\w)(?:{found})(?!\w)" if words else r"(?!)")


def bare(text: str, data: Iterable[str] = ()) -> str:
    """What of the text is neither between marks nor one of these words of data, if it has a letter; else nothing."""
    if not text or text.isspace():
        return ""
    depth, kept = 0, []
    for char in text:
        depth += char == "«"
        if depth == 0:
            kept.append(char)
        depth -= char == "»" and depth > 0
    left = re.sub(r"https?://\S+", " ", "".join(kept))
    left = " ".join(_any_of(frozenset(data)).sub(" ", left).split())
    return left if any(char.isalpha() for char in left) else ""
