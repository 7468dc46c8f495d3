"""E-mail addresses and names as people type them, made fit to keep and compare."""

from __future__ import annotations

import hashlib
import unicodedata

from email_validator import EmailNotValidError, validate_email

from commentsvc.accounts.models import NAME_LENGTH, User
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import LANGUAGES, N_

MIN_NAME = 2

# Characters that show nothing although Unicode calls them letters or symbols.
_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
# Kept among format characters: joiners, which Persian, Indic scripts and emoji are written with.
_JOINERS = frozenset("\u200c\u200d")
# Of what is longer than this nothing is read: putting marks in order takes the square of their number.
_RAW_LENGTH = 5 * NAME_LENGTH
# More accents on one letter than any language uses climb out of the line ("Zalgo" text).
_MAX_MARKS = 4


def check_email(email: str) -> str:
    """The address in lower case, its domain in ASCII; Invalid(field="email") when it is none.

    Nothing is asked of the network: the mail that is sent proves the address.
    """
    try:
        found = validate_email(email.strip(), check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError:
        raise Invalid(
            "This does not look like an e-mail address. It reads like name@example.org.",
            field="email", code="email_invalid",
        ) from None
    return (found.ascii_email or found.normalized).lower()


def choose_language(user: User, tag: str | None) -> None:
    """Give the person's own pages and mails in one of our languages, or (None) as her browser and the sites have it; flushes."""
    if tag is not None and tag not in LANGUAGES:
        raise Invalid("That is not one of the languages here.", field="language", code="language_unknown")
    user.language = tag
    db.session.flush()


def lookup_email(email: str) -> str:
    """The form an address is stored in; of text that is no address, something no account has."""
    try:
        return check_email(email)
    except Invalid:
        return ""


def clean_name(name: str, *, field: str = "display_name", least: int = MIN_NAME, most: int = NAME_LENGTH) -> str:
    """A name on one line without invisible, control or direction-override characters.

    Invalid when fewer than `least` characters can be seen or it is longer than `most`.
    """
    if len(name) > _RAW_LENGTH:
        raise _too_long(field, most, len(name))
    kept: list[str] = []
    marks = 0
    for char in unicodedata.normalize("NFC", name):
        category = unicodedata.category(char)
        if char.isspace():
            kept.append(" ")
        elif (category in {"Cc", "Cf", "Cs", "Co", "Cn"} and char not in _JOINERS) or char in _BLANKS:
            continue
        elif category in {"Mn", "Me"}:
            marks += 1
            if marks <= _MAX_MARKS:
                kept.append(char)
            continue
        else:
            kept.append(char)
        marks = 0
    name = " ".join("".join(kept).split())
    seen = sum(unicodedata.category(char)[0] not in "CMZ" for char in name)
    if seen < least:
        raise Invalid(
            N_("A name has at least %(least)s characters that can be seen.") if least > 1 else N_("Give it a name."),
            field=field, code="name_too_short", values={"least": least},
        )
    if len(name) > most:
        raise _too_long(field, most, len(name))
    return name


def _too_long(field: str, most: int, length: int) -> Invalid:
    return Invalid("A name has at most %(most)s characters; this has %(length)s.", field=field, code="name_too_long", values={"most": most, "length": length})


def token_hash(token: str) -> bytes:
    """What is stored of a secret that has 256 random bits: its SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def rename(user: User, display_name: str) -> None:
    """Give the person another name, on what she wrote before too; flushes."""
    user.display_name = clean_name(display_name)
    db.session.flush()
