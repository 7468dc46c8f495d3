"""Text as old systems stored it, made into what a person wrote."""

from __future__ import annotations

import datetime as dt
import html
import re
from html.entities import html5

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|([A-Za-z][A-Za-z0-9]{1,31}));")

FIRST_MOMENT = dt.datetime(1990, 1, 1, tzinfo=dt.UTC)  # nobody commented on web pages before


def decode_entities(text: str) -> str:
    """The text with complete, known HTML entities replaced, once.

    `html.unescape` also takes "&copy" out of "x?a=1&copy=2"; here an entity ends with its semicolon.
    """

    def decoded(match: re.Match[str]) -> str:
        name = match[1]
        return match[0] if name is not None and f"{name};" not in html5 else html.unescape(match[0])

    return _ENTITY.sub(decoded, text)


def believable(moment: dt.datetime, now: dt.datetime) -> bool:
    """Whether a comment can be of that time; a day of slack is for clocks and zones."""
    return FIRST_MOMENT <= moment <= now + dt.timedelta(days=1)
