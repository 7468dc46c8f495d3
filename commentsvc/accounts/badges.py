"""What stands beside a person's name: who reviews a site, and what the site says of her.

A badge is a text of ours in a place of its own. So that nobody writes one into her own name, or the staff's into what
she is an expert in, such words are refused there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from sqlalchemy import select

from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import EXPERT_LENGTH, User
from commentsvc.accounts.permissions import STAFF as STAFF_ROLES
from commentsvc.accounts.permissions import Role
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import LANGUAGES, N_, gettext, in_language
from commentsvc.screening.phrases import find_phrases
from commentsvc.sites.models import Site

STAFF, EXPERT, MEMBER = "staff", "expert", "member"
KINDS: Final = (STAFF, EXPERT, MEMBER)

_STAFF_WORDS: Final = {Role.COMMUNITY_MANAGER.value: N_("Community Manager"), Role.ADMIN.value: N_("Staff")}
_EXPERT_WORD: Final = N_("Expert")
_MEMBER_WORD: Final = N_("Member")
# What no reader is called, wherever it stands in a name, and how others call who does this work.
_OFFICES: Final = ("Moderator", "Moderatorin", "Moderators", "Modérateur", "Modératrice", "Moderador", "Moderadora", "Administrator", "Admin")


@dataclass(frozen=True)
class Badge:
    """One of KINDS, its words (a message of the catalogue), and of an expert in what ("": nobody said)."""

    kind: str
    words: str
    field: str = ""


def badges(role: str, expert: str | None, member: bool | None) -> tuple[Badge, ...]:
    """The badges of somebody who writes in this role, with what the site says of her (as SiteBadge has it)."""
    found: list[Badge] = []
    if role in _STAFF_WORDS:
        found.append(Badge(STAFF, _STAFF_WORDS[role]))
    if expert is not None or role == Role.EXPERT:
        found.append(Badge(EXPERT, _EXPERT_WORD, expert or ""))
    if member:
        found.append(Badge(MEMBER, _MEMBER_WORD))
    return tuple(found)


def clean_field(text: str) -> str:
    """What somebody is an expert in, on one line; "" for nothing. Invalid where it is too long or imitates the staff's badge."""
    if not text.strip():
        return ""
    field = clean_name(text, field="expert", most=EXPERT_LENGTH)
    if find_phrases(field, (*_offices(), *_said(_STAFF_WORDS[Role.ADMIN]))):
        raise Invalid("Say in what she is an expert, without words of the staff’s own badge.", field="expert", code="imitates_badge")
    return field


def refuse_imitation(name: str, user: User | None = None) -> str:
    """The name itself; Invalid where it says of somebody who reviews no site that she does, or carries what looks like a badge."""
    if user is not None and any(Role(grant.role) in STAFF_ROLES for grant in user.roles):
        return name
    if find_phrases(name, _offices()) or any(
        _set_off(name, match.start, match.end) or _of_a_site(name, match.start, match.end) for match in find_phrases(name, _badge_words())
    ):
        raise Invalid(
            "This name reads like a badge of this site. Choose one that does not say what you are here.", field="display_name", code="imitates_badge",
        )
    return name


def _set_off(name: str, start: int, end: int) -> bool:
    """Whether it is all of the name, or apart from the rest by more than a space: Jamie Staff is called so."""
    before, after = name[:start].rstrip(), name[end:].lstrip()
    if not any(c.isalnum() for c in before + after):
        return True
    return (bool(before) and _parts(before[-1], name[start - 1])) or (bool(after) and _parts(after[0], name[end]))


def _parts(sign: str, beside: str) -> bool:
    return not sign.isalnum() and sign not in ".'’" and (beside == " " or sign not in "-‐‑")


def _of_a_site(name: str, start: int, end: int) -> bool:
    """Whether the rest of the name is a site's; one statement."""
    rest = f"{name[:start]} {name[end:]}".casefold().split()
    return any(" ".join(rest) == " ".join(one.casefold().split()) for one in db.session.scalars(select(Site.name)))


@cache
def _offices() -> tuple[str, ...]:
    return (*_OFFICES, *_said(_STAFF_WORDS[Role.COMMUNITY_MANAGER]))


@cache
def _badge_words() -> tuple[str, ...]:
    return (*_said(_STAFF_WORDS[Role.ADMIN]), *_said(_EXPERT_WORD), *_said(_MEMBER_WORD))


def _said(words: str) -> tuple[str, ...]:
    """The words in each of our languages."""
    found = set()
    for tag in LANGUAGES:
        with in_language(tag):
            found.add(gettext(words))
    return tuple(sorted(found))
