"""What differs between two versions of what is set on a site, in a shape that people and programs can read. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from commentsvc.moderation.models import REJECT_REASONS

Path = tuple[str, ...]
"""Where a value stands: ("policy", "hold_at", "threat"), ("name",), ("reasons", "spam", "words")."""

# Lists of which only what came and went is said.
_LISTS: tuple[Path, ...] = (("policy", "banned_phrases"), ("policy", "suspect_phrases"), ("origins",))
# What a site has that names none of its own.
BUILT_IN: list[dict[str, Any]] = [
    {"key": r.value, "words": words, "category": r.value, "hidden": False} for r, words in REJECT_REASONS.items()
]
# Who added a phrase and when is kept with it, and is no change of its own.
_UNSAID = frozenset({"by", "at"})


@dataclass(frozen=True)
class Difference:
    """One field: before and after, or of a list what was added and removed. None: it was not there."""

    path: Path
    before: Any = None
    after: Any = None
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @property
    def listed(self) -> bool:
        return bool(self.added or self.removed)

    def to_data(self) -> dict[str, Any]:
        """In short, for a list of versions: how many, not which."""
        return {"path": list(self.path), "added": len(self.added), "removed": len(self.removed)}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """Every field that differs, in the order of `after`."""
    return list(_differences((), _named(before), _named(after)))


def _differences(path: Path, before: Any, after: Any) -> list[Difference]:
    if path in _LISTS:
        old, new = before or [], after or []
        had, has = set(old), set(new)
        added, removed = tuple(p for p in new if p not in had), tuple(p for p in old if p not in has)
        return [Difference(path, None, None, added, removed)] if added or removed else []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*after, *(name for name in before if name not in after)]
        return [d for name in names if name not in _UNSAID for d in _differences((*path, str(name)), before.get(name), after.get(name))]
    if isinstance(before or after, Mapping) and (before or after):
        # It came or went whole: each of its fields did.
        return _differences(path, before or {}, after or {})
    return [] if before == after else [Difference(path, before, after)]


def _named(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same with lists of objects as objects by their names, so that one that moved is not all that differs."""
    named = dict(data)
    reasons = data.get("reasons") or BUILT_IN
    named["reasons"] = _by(reasons, lambda r: str(r["key"]), drop="key")
    named["messages"] = _by(data.get("messages"), lambda m: f"{m['reason']} {m['language']}".strip(), keep="text")
    policy = data["policy"]
    if policy.get("email_rules"):
        named["policy"] = {**policy, "email_rules": _by(policy["email_rules"], lambda rule: str(rule["domain"]), drop="domain")}
    else:
        named["policy"] = {name: value for name, value in policy.items() if name != "email_rules"}
    named["phrase_notes"] = {p: n["note"] for p, n in (data.get("phrase_notes") or {}).items() if n.get("note")}
    named["reason_order"] = ", ".join(str(r["key"]) for r in reasons)
    return named


def _by(rows: Sequence[Mapping[str, Any]] | None, name: Any, *, drop: str = "", keep: str = "") -> dict[str, Any]:
    return {name(row): row[keep] if keep else {k: v for k, v in row.items() if k != drop} for row in rows or ()}
