"""Texts in the language of whoever reads them: gettext catalogues, read by Babel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache, lru_cache
from gettext import c2py
from pathlib import Path
from typing import Any

from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).resolve().parent / "translations"
# By tag, each as its own speakers call it. English is what the code is written in.
LANGUAGES = {
    "en": "English", "de": "Deutsch", "fr": "Français", "es": "Español", "pt": "Português", "ar": "العربية",
}
RIGHT_TO_LEFT = frozenset({"ar"})
_language: ContextVar[str] = ContextVar("language", default="en")


def language() -> str:
    """The language that texts are given in now: one of LANGUAGES."""
    return _language.get()


def supported(tag: str | None) -> str | None:
    """The one of LANGUAGES that a BCP 47 tag stands for, by its first part: "pt-BR" is "pt"."""
    found = (tag or "").replace("_", "-").partition("-")[0].lower()
    return found if found in LANGUAGES else None


def direction() -> str:
    """"rtl" or "ltr", for a page's `dir`."""
    return "rtl" if language() in RIGHT_TO_LEFT else "ltr"


def set_language(tag: str) -> None:
    """Give texts in this language from now on, in this request or thread; English where we do not speak it."""
    _language.set(supported(tag) or "en")


@contextmanager
def in_language(tag: str) -> Iterator[None]:
    """Give texts in this language inside the block: mails, and what is kept for others."""
    token = _language.set(supported(tag) or "en")
    try:
        yield
    finally:
        _language.reset(token)


def gettext(message: str, /, **values: object) -> str:
    """The message in the present language, with %(name)s filled in. As in templates, a lone "%" is written "%%"."""
    return _bare_gettext(message) % values


def pgettext(context: str, message: str, /, **values: object) -> str:
    """A message that other languages have two words for; `context` says which, to translators alone: ("keyboard", "Keys")."""
    return _bare_pgettext(context, message) % values


def ngettext(singular: str, plural: str, n: int, /, **values: object) -> str:
    """The form that goes with the number `n`, which is also the value `num`."""
    return _bare_ngettext(singular, plural, n) % {"num": n, **values}


def translate(message: str | tuple[str, str], values: Mapping[str, Any] | None) -> str:
    """A message that stands somewhere else, with what is filled into it; without values a "%" stands for itself.

    Of a pair, as NN_ gives it, the form that goes with the value `num`. Thousands are kept apart as the language does.
    """
    values = values or {}
    form = _bare_ngettext(*message, values["num"]) if isinstance(message, tuple) else _bare_gettext(message)
    return form % {name: _Written(value) if type(value) is int else value for name, value in values.items()} if values else form


class _Written(int):
    """A number that %s writes as the present language does, and %d, which cannot, as it is."""

    def __str__(self) -> str:
        return number(int(self))


def plural_forms(singular: str, plural: str) -> dict[str, str]:
    """The message's forms by the names that Intl.PluralRules gives them in browsers, %(num)s left in: for scripts."""
    return dict(_plural_forms(language(), singular, plural))


@cache
def _plural_forms(tag: str, singular: str, plural: str) -> tuple[tuple[str, str], ...]:
    from babel import Locale

    rule = Locale(tag).plural_form
    forms: dict[str, str] = {}
    for n in (*range(1, 201), 0, 1_000_000):  # every class of every language of ours begins below; its usual number first
        forms.setdefault(rule(n), _bare_ngettext(singular, plural, n))
    return tuple(forms.items())


def _locale() -> str:
    return "en_GB" if language() == "en" else language()  # the day before the month, as we write elsewhere


def day(moment: dt.date) -> str:
    """A day as people write it: "26 November 2026"."""
    from babel.dates import format_date

    return format_date(moment, "long", locale=_locale())


def month(moment: dt.date) -> str:
    """A month as people write it: "November 2026"."""
    from babel.dates import format_skeleton

    return format_skeleton("yMMMM", moment, locale=_locale())


def short_day(moment: dt.datetime) -> str:
    """A day of this year: "26 November"."""
    from babel.dates import format_skeleton

    return format_skeleton("MMMMd", moment, locale=_locale())


def full_day(moment: dt.date) -> str:
    """A day with that of its week: "Thursday 26 November 2026"."""
    from babel.dates import format_date

    return format_date(moment, "full", locale=_locale())


def point_in_time(moment: dt.datetime) -> str:
    """A time in UTC as people write it: "26 November 2026, 17:05 UTC"."""
    return gettext("%(day)s, %(time)s UTC", day=day(moment), time=f"{moment:%H:%M}")


def number(value: float) -> str:
    """A number with its thousands kept apart, and its decimals by the sign that the language has."""
    return _number(value, _locale())


@lru_cache(maxsize=4096)  # the page on thresholds has thousands of them
def _number(value: float, locale: str) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


def score(value: float, places: int = 2) -> str:
    """A number from 0 to 1 with so many decimals: "0.70", or "0,70"."""
    return _score(value, places, _locale())


@lru_cache(maxsize=1024)
def _score(value: float, places: int, locale: str) -> str:
    from babel.numbers import format_decimal

    return format_decimal(value, "0." + "0" * places, locale=locale)


def comma() -> str:
    """What stands between two things in a row."""
    return "، " if language() == "ar" else ", "


def arrow(*, back: bool = False) -> str:
    """An arrow onwards, or back, along the line as it is read: Unicode turns brackets around, and no arrows."""
    return "←" if back is (direction() == "ltr") else "→"


def inside(name: str) -> str:
    """A name of ours as it stands within a sentence: with a small letter, but in German, where nouns keep theirs."""
    return name if language() == "de" else name[:1].lower() + name[1:]


def N_(message: str) -> str:  # noqa: N802 - its name in every gettext
    """Mark a text that is translated where it is shown, by `gettext(text)`."""
    return message


class InContext(str):
    """A marked text with two words in other languages, and which is meant; in English a text as any other."""

    __slots__ = ("context",)
    context: str


def NP_(context: str, message: str) -> str:  # noqa: N802
    """Mark a text as N_ does; `context` says which of its meanings it has, as in pgettext."""
    text = InContext(message)
    text.context = context
    return text


def NN_(singular: str, plural: str) -> tuple[str, str]:  # noqa: N802
    """Mark a text with two forms that is translated where it is shown, by `translate(pair, values)`."""
    return singular, plural


def init_app(app: Any) -> None:
    """Let templates say `_("Hello, %(name)s", name=name)`, `ngettext(...)` and `{% trans %}`; each request begins in English.

    `app` is the Flask application; nothing here imports Flask, for the pure core stands on this too. The surfaces then say whose language it is: `speak_to_reader` in `web.py`, `speak` in `embed/blueprint.py`. The API stays with English.
    """
    app.before_request(lambda: set_language("en"))  # a thread serves one reader after another
    app.jinja_env.filters.update(day=day, month=month, moment=point_in_time, number=number, inside=inside)
    app.jinja_env.globals.update(language=language, direction=direction, plural_forms=plural_forms, comma=comma, arrow=arrow)
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(gettext=_bare_gettext, ngettext=_bare_ngettext, newstyle=True, pgettext=_bare_pgettext)


@dataclass(frozen=True)
class Catalogue:
    """A language's texts by their English one, with its context before it (a tuple where there are plural forms), and its plural rule."""

    texts: Mapping[str, str | tuple[str, ...]]
    form: Callable[[int], int]


@cache
def _catalogue(tag: str) -> Catalogue:
    """The language's catalogue, read when it is first needed; what is not translated yet is left out."""
    path = CATALOGUES / tag / "LC_MESSAGES" / "messages.po"
    if not path.exists():
        return Catalogue({}, c2py("n != 1"))
    with path.open("rb") as file:
        found = read_po(file, locale=tag)
    texts: dict[str, str | tuple[str, ...]] = {}
    for message in found:
        if not message.id or message.fuzzy or not message.string or not all(message.string):
            continue
        texts[in_context(message.context, message.id if isinstance(message.id, str) else message.id[0])] = (
            message.string if isinstance(message.string, str) else tuple(message.string)
        )
    return Catalogue(texts, c2py(found.plural_expr))


def in_context(context: str | None, message: str) -> str:
    """What a message is kept by: itself, or with its context as gettext writes it."""
    return f"{context}\x04{message}" if context else message


def _bare_gettext(message: str) -> str:
    """For Jinja, which fills in the values itself."""
    if isinstance(message, InContext):
        return _bare_pgettext(message.context, str(message))
    text = _catalogue(language()).texts.get(message)
    return text if isinstance(text, str) else message


def _bare_pgettext(context: str, message: str) -> str:
    text = _catalogue(language()).texts.get(in_context(context, message))
    return text if isinstance(text, str) else message


def _bare_ngettext(singular: str, plural: str, n: int) -> str:
    catalogue = _catalogue(language())
    texts = catalogue.texts.get(singular)
    return texts[catalogue.form(n)] if isinstance(texts, tuple) else (singular if n == 1 else plural)
