"""The settings form: from typed text to a site's values, with an error beside every bad field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from commentsvc.errors import Invalid
from commentsvc.review.words import LABEL_NAMES
from commentsvc.screening.policy import FAIL_OPEN_MOST, REPEAT_MOST, Policy, check_policy
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Site
from commentsvc.sites.origins import check_origin

NAME_LENGTH = 200
WELCOME_LENGTH = 2000
GUIDELINES_LENGTH = 20_000
MAX_ORIGINS = 50
HOUR = 3600
MINUTE = 60


@dataclass(frozen=True)
class NumberField:
    """A whole number of the policy: what it is called, what it does, its unit."""

    name: str
    label: str
    hint: str
    unit: str = ""
    scale: int = 1  # the policy's value of one unit
    most: int = 0  # the policy's largest value, where the unit is another one


NUMBERS = (
    NumberField("min_length", "Shortest comment", "Shorter ones are not accepted.", "characters"),
    NumberField("max_length", "Longest comment", "Longer ones are not accepted; the writer sees how much is too much.", "characters"),
    NumberField("max_depth", "Deepest reply", "Replies to a reply to a reply. 0: nobody can reply.", "levels"),
    NumberField("max_links", "Links that pass", "A comment with more links is held.", "links"),
    NumberField("repeat_window", "Repeats", "The same text by the same author within this time is held. 0: never.", "hours", HOUR, REPEAT_MOST),
    NumberField("new_author_comments", "New authors", "An author's comments are held until she has this many published ones. 0: never.", "comments"),
    NumberField(
        "fail_open_after", "Without the model",
        "While the model does not answer, comments wait for it or for you. Those that have waited this long are published unless a rule holds them, and checked when it is back. 0: never.",
        "minutes", MINUTE, FAIL_OPEN_MOST,
    ),
    NumberField(
        "appeal_days", "Time to appeal", "For this long an author can appeal against a decision. EU law wants six months at least of most sites.", "days",
    ),
    NumberField("appeal_answer_days", "Time to answer", "Appeals that wait longer than this are marked as overdue.", "days"),
)
LABELLED: dict[str, str] = {
    "name": "Name", "welcome": "Welcome", "guidelines": "Guidelines", "origins": "Origins",
    "banned_phrases": "Banned phrases", "suspect_phrases": "Suspect phrases",
    "premoderate": "Read every comment first", "reject_clear": "Reject clear violations",
    "public_modlog": "Public modlog",
} | {number.name: number.label for number in NUMBERS} | {
    f"{kind}_{label}": f"{LABEL_NAMES[label][0]}: {kind} from" for label in LABELS for kind in ("hold", "reject")
}
SWITCHES = ("premoderate", "reject_clear", "public_modlog")
PHRASES = ("banned_phrases", "suspect_phrases")


@dataclass
class SettingsForm:
    """What is in the fields, as text, and what is wrong with it, by field."""

    values: dict[str, Any]
    errors: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of_site(cls, site: Site) -> SettingsForm:
        policy = site.policy
        values: dict[str, Any] = {
            "name": site.name, "welcome": site.welcome, "guidelines": site.guidelines,
            "origins": "\n".join(site.origins),
        }
        for number in NUMBERS:
            values[number.name] = _plain(getattr(policy, number.name) / number.scale)
        for name in SWITCHES:
            values[name] = getattr(policy, name)
        for name in PHRASES:
            values[name] = "\n".join(getattr(policy, name))
        for label in LABELS:
            values[f"hold_{label}"] = _plain(policy.hold_at[label])
            values[f"reject_{label}"] = _plain(policy.reject_at[label]) if label in policy.reject_at else ""
        return cls(values)

    @classmethod
    def typed(cls, form: Mapping[str, str]) -> SettingsForm:
        """The form as it came, nothing judged yet; a field left out counts as empty."""
        names = ["name", "welcome", "guidelines", "origins", *(n.name for n in NUMBERS), *PHRASES]
        names += [f"{kind}_{label}" for kind in ("hold", "reject") for label in LABELS]
        values: dict[str, Any] = {
            name: form.get(name, "").replace("\x00", "").replace("\r\n", "\n") for name in names
        }
        values |= {name: name in form for name in SWITCHES}
        return cls(values)

    def differing(self, other: SettingsForm) -> list[str]:
        """The fields that say something else than the other form's."""
        return [name for name, value in self.values.items() if _same(value) != _same(other.values.get(name))]

    def read(self, current: Policy) -> dict[str, Any] | None:
        """The site's new values, or None with every error noted beside its field."""
        self.errors.clear()
        name = " ".join(str(self.values["name"]).split())
        if not name:
            self.errors["name"] = "A site has a name."
        self._short_enough("name", name, NAME_LENGTH)
        self._short_enough("welcome", self.values["welcome"], WELCOME_LENGTH)
        self._short_enough("guidelines", self.values["guidelines"], GUIDELINES_LENGTH)
        origins = self._origins()
        policy = self._policy(current)
        if self.errors or policy is None:
            return None
        return {
            "name": name, "welcome": str(self.values["welcome"]).strip(),
            "guidelines": str(self.values["guidelines"]).strip(), "origins": origins,
            "policy_data": policy.to_data(),
        }

    def _short_enough(self, name: str, text: str, most: int) -> None:
        if len(text) > most:
            self.errors[name] = f"{len(text) - most:,} characters too long; the limit is {most:,}."

    def _origins(self) -> list[str]:
        origins: list[str] = []
        for line in _lines(self.values["origins"]):
            try:
                origin = check_origin(line)
            except Invalid:
                self.errors["origins"] = f"“{line}” is not an origin like https://news.example, without a path."
                break
            if origin not in origins:
                origins.append(origin)
        if len(origins) > MAX_ORIGINS:
            self.errors["origins"] = f"At most {MAX_ORIGINS} origins."
        return origins

    def _policy(self, current: Policy) -> Policy | None:
        """Each field is checked by itself, so that all that is wrong is said at once."""
        changes: dict[str, Any] = {name: self.values[name] for name in SWITCHES}
        for number in NUMBERS:
            value = self._number(number.name)
            if value is not None:
                scaled = value * number.scale
                if scaled != int(scaled):
                    self.errors[number.name] = "Write a whole number."
                else:
                    self._check(number.name, changes, number.name, int(scaled), number)
        for name in PHRASES:
            self._check(name, changes, name, tuple(dict.fromkeys(_lines(self.values[name]))))
        for kind in ("hold", "reject"):
            thresholds: dict[str, float] = {}
            for label in LABELS:
                key = f"{kind}_{label}"
                if kind == "reject" and not str(self.values[key]).strip():
                    continue
                value = self._number(key)
                if value is not None:
                    self._check(key, thresholds, label, value)
            changes[f"{kind}_at"] = thresholds
        if not self.errors and changes["min_length"] > changes["max_length"]:
            self.errors["min_length"] = "This is more than the longest comment allowed."
        return None if self.errors else check_policy(replace(current, **changes))

    def _number(self, name: str) -> float | None:
        text = str(self.values[name]).strip().replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            self.errors[name] = "Write a number."
            return None
        if value != value or abs(value) > 1e9:  # noqa: PLR0124 - not-a-number differs from itself
            self.errors[name] = "Write a number."
            return None
        return value

    def _check(
        self, key: str, into: dict[str, Any], name: str, value: Any, number: NumberField | None = None
    ) -> None:
        thresholds = key.startswith(("hold_", "reject_")) and name in LABELS
        probe = {f"{key.split('_', maxsplit=1)[0]}_at": {name: value}} if thresholds else {name: value}
        try:
            check_policy(replace(Policy(), **probe))
        except Invalid as error:
            message = error.message
            if number is not None and number.scale != 1:
                message = f"This is out of range: up to {number.most // number.scale:,} {number.unit}."
            self.errors[key] = message.replace(f"{name} must", "This must")
            return
        into[name] = value


def _lines(text: str) -> list[str]:
    return [line for line in (" ".join(raw.split()) for raw in str(text).split("\n")) if line]


def _plain(value: float) -> str:
    return f"{value:g}" if value != int(value) else str(int(value))


def _same(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value
