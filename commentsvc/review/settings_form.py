"""The settings form: one table of its fields; from typed text to a site's values, with an error beside every bad field.

A new field of the policy needs its row in FIELDS here, and its place in `screening.policy` (the field, its range) and in
`PolicySchema` of the API; pages, errors, history and versions take it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from commentsvc.errors import Invalid
from commentsvc.i18n import N_, gettext, ngettext, number
from commentsvc.review.words import LABEL_NAMES
from commentsvc.screening.policy import (
    CLOSE_AFTER_MOST,
    EDIT_WINDOW_MOST,
    FAIL_OPEN_MOST,
    NUDGES_MOST,
    RANGES,
    REPEAT_MOST,
    Policy,
    check_policy,
)
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.languages import check_language
from commentsvc.sites.models import Site
from commentsvc.sites.origins import check_origin

NAME_LENGTH = 200
WELCOME_LENGTH = 2000
GUIDELINES_LENGTH = 20_000
MAX_ORIGINS = 50
HOUR = 3600
MINUTE = 60
GENERAL, SCREENING = "general", "screening"


@dataclass(frozen=True)
class Field:
    """One field: where it stands, what it is called, what it does. A number has a unit, a switch is on or off."""

    page: str
    group: str
    kind: str  # line, text, code, number or switch; all but numbers and switches are columns of the site
    name: str
    label: str
    hint: str = ""
    unit: str = ""
    scale: int = 1  # the policy's value of one unit
    most: int = 0  # the policy's largest value, where the unit is another one
    rows: int = 3

    @property
    def label_words(self) -> str:
        return gettext(self.label)

    @property
    def hint_words(self) -> str:
        return gettext(self.hint) if self.hint else ""

    @property
    def unit_words(self) -> str:
        return gettext(self.unit) if self.unit else ""


_SITE, _TALK, _OPEN, _RULES, _TONE = N_("The site"), N_("The conversation"), N_("Appeals and openness"), N_("Rules"), N_("Tone")

FIELDS: tuple[Field, ...] = (
    Field(GENERAL, _SITE, "line", "name", N_("Name"), N_("As readers see it.")),
    Field(GENERAL, _SITE, "text", "welcome", N_("Welcome"), N_("Stands above every conversation. {site} becomes the name.")),
    Field(GENERAL, _SITE, "text", "guidelines", N_("Guidelines"), N_("What is welcome and what is not, in Markdown."), rows=6),
    Field(GENERAL, _SITE, "code", "origins", N_("Origins"), N_("The websites that may show the conversation, one a line: https://news.example")),
    Field(GENERAL, _SITE, "line", "language", N_("Language"), N_("Of the site, as a tag such as en, de or pt-BR. Messages to authors in it are offered first.")),
    Field(GENERAL, _TALK, "number", "min_length", N_("Shortest comment"), N_("Shorter ones are not accepted."), N_("characters")),
    Field(GENERAL, _TALK, "number", "max_length", N_("Longest comment"), N_("Longer ones are not accepted; the writer sees how much is too much."), N_("characters")),
    Field(GENERAL, _TALK, "number", "max_depth", N_("Deepest reply"), N_("Replies to a reply to a reply. 0: nobody can reply."), N_("levels")),
    Field(
        GENERAL, _TALK, "number", "edit_window", N_("Time to edit"),
        N_("So long after posting can an author edit a published comment. The new text is screened, and the old one stands until it passes. 0: not at all. What still waits can always be edited."), N_("minutes"), MINUTE, EDIT_WINDOW_MOST,
    ),
    Field(
        GENERAL, _TALK, "number", "nudges", N_("Kind words"),
        N_("Of so many of an author's comments a day that the model holds, the doubtful sentences are marked for her, so that she can say it differently. 0: never."),
        N_("comments a day"), most=NUDGES_MOST,
    ),
    Field(
        GENERAL, _TALK, "number", "close_after_days", N_("Closing"),
        N_("A conversation closes by itself so long after its article came here. One that you reopen is open as long again. 0: never."), N_("days"), most=CLOSE_AFTER_MOST,
    ),
    Field(
        GENERAL, _TALK, "switch", "respect", N_("Respect instead of votes up and down"),
        N_("Readers give one reaction, or none. Votes down that were given stay stored; they count and show again once you go back."),
    ),
    Field(GENERAL, _TALK, "number", "posts_per_minute", N_("Pace"), N_("Comments of one person within a minute. 0: the installation's limit alone."), N_("a minute")),
    Field(
        GENERAL, _TALK, "number", "new_author_posts_per_minute", N_("Pace of new authors"),
        N_("The same for those with no more published comments than “New authors” asks for, at least one. 0: as for everybody."), N_("a minute"),
    ),
    Field(
        GENERAL, _TALK, "switch", "guests", N_("Guests"),
        N_("Whoever opens a link sent to her address may write without an account. She cannot vote or flag, and is screened as a new author."),
    ),
    Field(GENERAL, _TALK, "number", "guest_days", N_("Guests prove their address within"), N_("What they wrote is deleted after that. Nobody else has seen it."), N_("days")),
    Field(
        GENERAL, _TALK, "switch", "discount_brigades", N_("Discount brigades"),
        N_("Votes and flags on one comment by many new accounts at once, or from one network, count as few: they cannot push it up or down."),
    ),
    Field(
        GENERAL, _OPEN, "number", "appeal_days", N_("Time to appeal"),
        N_("For this long an author can appeal against a decision. EU law wants six months at least of most sites."), N_("days"),
    ),
    Field(GENERAL, _OPEN, "number", "appeal_answer_days", N_("Time to answer"), N_("Appeals that wait longer than this are marked as overdue."), N_("days")),
    Field(
        GENERAL, _OPEN, "switch", "public_history", N_("Show what edited comments said before"),
        N_("Anybody can read their earlier texts; else their authors and the team can."),
    ),
    Field(
        GENERAL, _OPEN, "switch", "public_modlog", N_("Publish the modlog"),
        N_("Anybody can read what was removed and why, without names and texts."),
    ),
    Field(
        SCREENING, _RULES, "switch", "premoderate", N_("Read every comment before it is published"),
        N_("On the whole site. For one section, see Sections; for one article, see Articles."),
    ),
    Field(SCREENING, _RULES, "number", "max_links", N_("Links that pass"), N_("A comment with more links is held."), N_("links")),
    Field(SCREENING, _RULES, "number", "repeat_window", N_("Repeats"), N_("The same text by the same author within this time is held. 0: never."), N_("hours"), HOUR, REPEAT_MOST),
    Field(SCREENING, _RULES, "number", "new_author_comments", N_("New authors"), N_("An author's comments are held until she has this many published ones. 0: never."), N_("comments")),
    Field(
        SCREENING, _RULES, "number", "fail_open_after", N_("Without the model"),
        N_("While the model does not answer, comments wait for it or for you. Those that have waited this long are published unless a rule holds them, and checked when it is back. 0: never."),
        N_("minutes"), MINUTE, FAIL_OPEN_MOST,
    ),
    Field(
        SCREENING, _TONE, "switch", "reject_clear", N_("Reject clear violations without a person"),
        N_("Banned phrases, and scores from “Reject from”. Otherwise these are held as well."),
    ),
)
NUMBERS = tuple(f for f in FIELDS if f.kind == "number")
FIELD = {f.name: f for f in FIELDS}
class _Labelled(Mapping[str, str]):
    """What each field is called, in the reader's language; limits by their label and kind."""

    _names = (*FIELD, *(f"{kind}_{label}" for label in LABELS for kind in ("hold", "reject")))

    def __getitem__(self, name: str) -> str:
        if name in FIELD:
            return FIELD[name].label_words
        kind, _, label = name.partition("_")
        if kind not in {"hold", "reject"} or label not in LABEL_NAMES:
            raise KeyError(name)
        words = LABEL_NAMES[label][0]
        return gettext("%(label)s: hold from", label=words) if kind == "hold" else gettext("%(label)s: reject from", label=words)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


LABELLED = _Labelled()
THRESHOLDS = tuple(f"{kind}_{label}" for kind in ("hold", "reject") for label in LABELS)


def groups(page: str) -> list[tuple[str, list[Field]]]:
    """A page's fields under their headings."""
    return [(name, list(found)) for name, found in groupby((f for f in FIELDS if f.page == page), key=lambda f: f.group)]


@dataclass
class SettingsForm:
    """What is in the fields of one page, as text, and what is wrong with it, by field."""

    page: str
    values: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def fields(self) -> list[Field]:
        return [f for f in FIELDS if f.page == self.page]

    @classmethod
    def of_site(cls, site: Site, page: str) -> SettingsForm:
        """As saved."""
        policy = site.policy
        values: dict[str, Any] = {}
        for f in FIELDS:
            if f.page != page:
                continue
            if f.kind == "number":
                values[f.name] = plain_number(getattr(policy, f.name) / f.scale)
            elif f.kind == "switch":
                values[f.name] = getattr(policy, f.name)
            else:
                saved = getattr(site, f.name)
                values[f.name] = "\n".join(saved) if isinstance(saved, list) else saved
        if page == SCREENING:
            for label in LABELS:
                values[f"hold_{label}"] = plain_number(policy.hold_at[label])
                values[f"reject_{label}"] = plain_number(policy.reject_at[label]) if label in policy.reject_at else ""
        return cls(page, values)

    @classmethod
    def typed(cls, form: Mapping[str, str], page: str) -> SettingsForm:
        """The form as it came, nothing judged yet; a field left out counts as empty."""
        made = cls(page, {})
        made.values = {f.name: f.name in form if f.kind == "switch" else typed_text(form, f.name) for f in made.fields}
        if page == SCREENING:
            made.values |= {name: typed_text(form, name) for name in THRESHOLDS}
        return made

    def differing(self, other: SettingsForm) -> list[str]:
        """The fields that say something else than the other form's."""
        return [name for name, value in self.values.items() if _same(value) != _same(other.values.get(name))]

    def read(self, current: Policy) -> dict[str, Any] | None:
        """The site's new values, `policy` among them, or None with every error noted beside its field."""
        self.errors.clear()
        values: dict[str, Any] = {}
        if self.page == GENERAL:
            name = " ".join(str(self.values["name"]).split())
            if not name:
                self.errors["name"] = gettext("A site has a name.")
            self._short_enough("name", name, NAME_LENGTH)
            self._short_enough("welcome", self.values["welcome"], WELCOME_LENGTH)
            self._short_enough("guidelines", self.values["guidelines"], GUIDELINES_LENGTH)
            values = {
                "name": name, "welcome": str(self.values["welcome"]).strip(), "guidelines": str(self.values["guidelines"]).strip(),
                "origins": self._origins(), "language": self._language(),
            }
        policy = self._policy(current)
        return None if self.errors or policy is None else {**values, "policy": policy}

    def _short_enough(self, name: str, text: str, most: int) -> None:
        if len(text) > most:
            self.errors[name] = too_long(len(text) - most, most)

    def _language(self) -> str:
        try:
            return check_language(str(self.values["language"]))
        except Invalid as error:
            self.errors["language"] = error.told
            return ""

    def _origins(self) -> list[str]:
        origins: list[str] = []
        for line in _lines(self.values["origins"]):
            try:
                origin = check_origin(line)
            except Invalid:
                self.errors["origins"] = gettext("“%(line)s” is not an origin like https://news.example, without a path.", line=line)
                break
            if origin not in origins:
                origins.append(origin)
        if len(origins) > MAX_ORIGINS:
            self.errors["origins"] = gettext("At most %(most)d origins.", most=MAX_ORIGINS)
        return origins

    def _policy(self, current: Policy) -> Policy | None:
        """Each field is checked by itself, so that all that is wrong is said at once."""
        changes: dict[str, Any] = {}
        for f in self.fields:
            if f.kind == "switch":
                changes[f.name] = self.values[f.name]
            elif f.kind == "number":
                number = read_number(f, str(self.values[f.name]), self.errors)
                if number is not None:
                    changes[f.name] = number
        if self.page == SCREENING:
            for kind in ("hold", "reject"):
                changes[f"{kind}_at"] = read_thresholds(kind, self.values, self.errors, optional=kind == "reject")
        if not self.errors and changes.get("min_length", 0) > changes.get("max_length", current.max_length):
            self.errors["min_length"] = gettext("This is more than the longest comment allowed.")
        return None if self.errors else check_policy(replace(current, **changes))


def read_number(f: Field, text: str, errors: dict[str, str]) -> int | None:
    """The policy's value of what was typed into a field, or None with the error noted."""
    value = _number(text)
    if value is None:
        errors[f.name] = gettext("Write a number.")
        return None
    scaled = value * f.scale
    if scaled != int(scaled):
        errors[f.name] = gettext("Write a whole number.")
        return None
    try:
        changed: dict[str, Any] = {f.name: int(scaled)}
        check_policy(replace(Policy(), **changed))
    except Invalid as error:
        if f.scale != 1:
            errors[f.name] = gettext("This is out of range: up to %(most)s %(unit)s.", most=number(f.most // f.scale), unit=f.unit_words)
        elif f.name in RANGES:
            low, high = RANGES[f.name]
            errors[f.name] = gettext("This must be between %(low)s and %(high)s.", low=low, high=high)
        else:
            errors[f.name] = error.told
        return None
    return int(scaled)


def read_thresholds(kind: str, values: Mapping[str, Any], errors: dict[str, str], *, optional: bool) -> dict[str, float]:
    """The limits of one kind by label, without those left empty where that is allowed."""
    found: dict[str, float] = {}
    for label in LABELS:
        name, text = f"{kind}_{label}", str(values[f"{kind}_{label}"]).strip()
        if optional and not text:
            continue
        value = _number(text)
        if value is None:
            errors[name] = gettext("Write a number.")
        elif not 0 < value <= 1:
            errors[name] = gettext("A threshold must be above 0 and at most 1.")
        else:
            found[label] = value
    return found


def too_long(over: int, most: int) -> str:
    """By how much a text has too many characters."""
    return ngettext(
        "%(count)s character too long; the limit is %(most)s.", "%(count)s characters too long; the limit is %(most)s.", over,
        count=number(over), most=number(most),
    )


def typed_text(form: Mapping[str, str], name: str) -> str:
    """A field as text that both databases can hold."""
    return form.get(name, "").replace("\x00", "").replace("\r\n", "\n")


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().replace(",", "."))
    except ValueError:
        return None
    return value if abs(value) <= 1e9 else None  # neither for not-a-number


def _lines(text: str) -> list[str]:
    return [line for line in (" ".join(raw.split()) for raw in str(text).split("\n")) if line]


def plain_number(value: float) -> str:
    """A number as somebody types it."""
    return f"{value:g}" if value != int(value) else str(int(value))


def _same(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
