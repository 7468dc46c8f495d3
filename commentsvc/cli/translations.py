"""Catalogues of what people read: brought in line with the code, and checked. For whoever works on the code."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator
from gettext import c2py
from pathlib import Path

import click
from babel import Locale
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from commentsvc.i18n import CATALOGUES, LANGUAGES, in_context

PACKAGE = CATALOGUES.parent
TEMPLATE = CATALOGUES / "messages.pot"
# No date that changes with every run: what changed is in the history of the file.
WRITTEN = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
Arguments = tuple[int | tuple[int, str], ...] | None
MARKS: dict[str, Arguments] = {
    "_": None, "gettext": None, "N_": None, "ngettext": (1, 2), "NN_": (1, 2), "plural_forms": (1, 2),
    "pgettext": ((1, "c"), 2), "NP_": ((1, "c"), 2),
}
# The sentence of an error is its first argument, and shown to people as `told`.
ERRORS: dict[str, Arguments] = dict.fromkeys((
    "CommentsvcError", "Conflict", "FactorMissing", "Invalid", "NotAllowed", "NotConfirmed", "NotFound", "NotSignedIn", "Sanctioned",
    "TooSoon", "Unavailable",
))
# Their errors are for programs and for operators, in English.
FOR_PROGRAMS = frozenset({"api", "cli", "demo", "perspective", "screening", "transfer"})
FOR_PEOPLE = frozenset({"screening/policy.py"})  # but the console's settings show these
OPTIONS = {"trimmed": "false", "silent": "false", "newstyle_gettext": "true", "trim_blocks": "true", "lstrip_blocks": "true", "extensions": "jinja2.ext.do"}
NUMBERS = frozenset({"num", "number"})
_NAME = re.compile(r"%\((\w+)\)")


@click.group()
def translations() -> None:
    """Catalogues of the texts that people read."""


@translations.command()
def update() -> None:
    """Write messages.pot and bring every messages.po in line with it; says what is not translated."""
    CATALOGUES.mkdir(exist_ok=True)
    template = extracted()
    TEMPLATE.write_bytes(_written(template))
    for tag in translated():
        path = path_of(tag)
        path.parent.mkdir(parents=True, exist_ok=True)
        catalogue = catalogue_of(tag)
        catalogue.update(template, no_fuzzy_matching=True, update_creation_date=False)
        catalogue.obsolete.clear()
        path.write_bytes(_written(catalogue))
        click.echo(f"{tag}: {len(untranslated(catalogue))} of {len(catalogue)} are not translated.")


@translations.command()
def check() -> None:
    """Fail where a catalogue is not what the code says, or a translation lacks a placeholder or a plural form."""
    wrong = list(mistakes())
    for line in wrong:
        click.echo(line, err=True)
    if wrong:
        raise SystemExit(1)
    click.echo("The catalogues say what the code says.")


def translated() -> list[str]:
    """The languages that have a catalogue: all but the code's own."""
    return [tag for tag in LANGUAGES if tag != "en"]


def path_of(tag: str) -> Path:
    """Where a language's catalogue is kept."""
    return CATALOGUES / tag / "LC_MESSAGES" / "messages.po"


def extracted() -> Catalog:
    """Every message of the code and the templates."""
    catalogue = Catalog(project="commentsvc", creation_date=WRITTEN, revision_date=WRITTEN, charset="utf-8")
    for path in sorted(PACKAGE.rglob("*")):
        method = {".py": "python", ".html": "jinja2", ".txt": "jinja2"}.get(path.suffix)
        inside = path.relative_to(PACKAGE)
        if method is None or (method == "jinja2" and inside.parts[0] != "templates") or inside.parts[0] == "static":
            continue
        keywords = MARKS if inside.parts[0] in FOR_PROGRAMS and inside.as_posix() not in FOR_PEOPLE else MARKS | ERRORS
        for _line, message, comments, context in extract_from_file(
            method, path, keywords=keywords, comment_tags=("Translators:",), options=OPTIONS if method == "jinja2" else None,
        ):
            catalogue.add(message, None, [(inside.as_posix(), 0)], auto_comments=comments, context=context)
    return catalogue


def catalogue_of(tag: str) -> Catalog:
    """The language's catalogue as it is kept; an empty one where there is none yet."""
    path = path_of(tag)
    if not path.exists():
        return Catalog(locale=tag, project="commentsvc", creation_date=WRITTEN, revision_date=WRITTEN, charset="utf-8", fuzzy=False)
    with path.open("rb") as file:
        return read_po(file, locale=tag)


def untranslated(catalogue: Catalog) -> list[Message]:
    """What the catalogue has no text for."""
    return [m for m in catalogue if m.id and not (m.string if isinstance(m.string, str) else m.string and all(m.string))]


def mistakes() -> Iterator[str]:
    """What is wrong with the catalogues, a line each."""
    template = extracted()
    known = {_key(m) for m in template if m.id}
    if not TEMPLATE.exists() or TEMPLATE.read_bytes() != _written(template):
        yield f"{TEMPLATE.name} is not what the code says: run `commentsvc translations update`."
    for tag in translated():
        catalogue = catalogue_of(tag)
        if {_key(m) for m in catalogue if m.id} != known:
            yield f"{tag} has not the messages of the code: run `commentsvc translations update`."
        if not _counts_as_unicode_does(tag, catalogue):
            yield f"{tag}: its rule for plural forms does not number them as Unicode does, which is how they are written: {catalogue.plural_expr}"
        for message in catalogue:
            if message.id:
                yield from (f"{tag}: {wrong}: {_key(message)}" for wrong in mistakes_of(message, catalogue.num_plurals))


def _counts_as_unicode_does(tag: str, catalogue: Catalog) -> bool:
    """Whether the forms are those of CLDR in its order; a language may do without those it has for millions alone."""
    rule, form = Locale(tag).plural_form, c2py(catalogue.plural_expr)
    names = [name for name in ("zero", "one", "two", "few", "many", "other") if name in {*rule.tags, "other"}]
    return catalogue.num_plurals != len(names) or all(names[form(n)] == rule(n) for n in range(1000))


def mistakes_of(message: Message, plurals: int) -> Iterator[str]:
    """What is wrong with a translation; nothing with one that is not there yet."""
    if isinstance(message.id, str):
        if message.string and _names(str(message.string)) != _names(message.id):
            yield "other placeholders"
        return
    forms = message.string
    if not forms or isinstance(forms, str) or not any(forms):
        return
    if len(forms) != plurals or not all(forms):
        yield f"{sum(map(bool, forms))} plural forms for {plurals}"
    wanted = _names(str(message.id[-1]))
    # "One reply" and "two replies" can say the number without a figure.
    if any(not wanted - NUMBERS <= _names(str(form)) <= wanted for form in forms):
        yield "other placeholders"


def _names(text: str) -> set[str]:
    return set(_NAME.findall(text))


def _key(message: Message) -> str:
    return in_context(message.context, message.id if isinstance(message.id, str) else message.id[0])


def _written(catalogue: Catalog) -> bytes:
    catalogue.revision_date = WRITTEN
    file = io.BytesIO()
    write_po(file, catalogue, width=0, sort_output=True, include_lineno=False)
    return file.getvalue()
