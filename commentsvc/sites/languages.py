"""Languages as BCP 47 tags."""

from __future__ import annotations

import re

from commentsvc.errors import Invalid
from commentsvc.sites.models import LANGUAGE_LENGTH

_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")


def check_language(text: str, *, field: str = "language") -> str:
    """The tag as it is usually written ("pt-BR", "zh-Hant"); Invalid for what is none."""
    text = text.strip().replace("_", "-")
    if len(text) > LANGUAGE_LENGTH or not _TAG.fullmatch(text):
        raise Invalid("A language is a tag such as en, de or pt-BR.", field=field)
    first, *rest = text.split("-")
    return "-".join([first.lower(), *(_subtag(part) for part in rest)])


def _subtag(part: str) -> str:
    if len(part) == 4 and part.isalpha():
        return part.title()  # a script
    return part.upper() if len(part) == 2 else part.lower()
