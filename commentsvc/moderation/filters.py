"""What a queue may be narrowed to, and its order: values that stand in an address, as they were asked for. Pure."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from commentsvc.accounts.permissions import Role
from commentsvc.errors import Invalid
from commentsvc.i18n import gettext
from commentsvc.moderation.urgency import GRAVITY
from commentsvc.sites.models import SECTION_LENGTH

AUTHOR_ROLES: Final = (Role.MEMBER, Role.EXPERT, Role.COMMUNITY_MANAGER, Role.ADMIN)
LANGUAGE_LENGTH: Final = 10


class Order(enum.StrEnum):
    URGENT = "urgent"  # moderation.urgency
    OLDEST = "oldest"
    NEWEST = "newest"


@dataclass(frozen=True)
class Filters:
    """All of these at once; what is None or empty narrows nothing. Days are UTC, both included."""

    article: int | None = None
    group: int | None = None  # of articles
    section: str = ""
    label: str = ""  # why it was held: a label of the model over the site's limit, or a phase
    language: str = ""
    author: int | None = None
    role: str = ""  # of the author, when she wrote it
    since: dt.date | None = None
    until: dt.date | None = None

    def __bool__(self) -> bool:
        return self != NOTHING

    def args(self) -> dict[str, str]:
        """As the address has them, in one order: equal filters are equal addresses."""
        return {f.name: str(value) for f in fields(self) if (value := getattr(self, f.name)) not in {None, ""}}

    def with_one(self, name: str, row_id: int) -> Filters:
        """With an article, a group or an author besides."""
        return replace(self, **{name: row_id})  # type: ignore[arg-type]

    def without(self, name: str) -> Filters:
        """The others."""
        return replace(self, **{name: getattr(NOTHING, name)})


NOTHING: Final = Filters()
NAMES: Final = tuple(f.name for f in fields(Filters))


def parse_filters(given: Mapping[str, str]) -> tuple[Filters, dict[str, str]]:
    """The filters asked for, and by name what is wrong with those that make no sense: they narrow nothing."""
    read = {
        "article": _number, "group": _number, "author": _number, "section": _line, "language": _line,
        "label": _label, "role": _role, "since": _day, "until": _day,
    }
    values: dict[str, object] = {}
    errors: dict[str, str] = {}
    for name in NAMES:
        text = given.get(name, "").strip()
        if not text:
            continue
        try:
            values[name] = read[name](text)
        except ValueError as error:
            errors[name] = str(error)
    found = Filters(**values)  # type: ignore[arg-type]
    if found.since and found.until and found.since > found.until:
        errors["until"] = gettext("The last day is before the first.")
        found = replace(found, until=None)
    return found, errors


def checked_filters(given: Mapping[str, str]) -> Filters:
    """The filters asked for; Invalid, with the field at fault, where one makes no sense."""
    found, errors = parse_filters(given)
    for name, message in errors.items():
        raise Invalid(message, field=name)
    return found


def parse_order(text: str, allowed: Iterable[Order]) -> Order | None:
    """The order of that name, None where the queue has no such order."""
    return next((order for order in allowed if order.value == text), None)


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise ValueError(gettext("This is not a number."))
    return int(text)


def _line(text: str) -> str:
    text = " ".join(text.replace("\x00", "").encode("utf-8", "ignore").decode().split())
    if len(text) > SECTION_LENGTH:
        raise ValueError(gettext("This has more than %(most)s characters.", most=SECTION_LENGTH))
    return text


def _label(text: str) -> str:
    if text not in GRAVITY:
        raise ValueError(gettext("This must be one of: %(names)s.", names=", ".join(GRAVITY)))
    return text


def _role(text: str) -> str:
    if text not in AUTHOR_ROLES:
        raise ValueError(gettext("This must be one of: %(names)s.", names=", ".join(AUTHOR_ROLES)))
    return text


def _day(text: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError(gettext("Write the day as 2026-03-31.")) from None
    if not 2000 <= day.year <= 9000:
        raise ValueError(gettext("This is a day of another age."))
    return day
