"""What a person can set or call is documented, with the defaults that hold."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from commentsvc.cli import COMMANDS
from commentsvc.config import Settings

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def settings_table() -> dict[str, str]:
    """Variable -> default, from the rows of docs/operations.md."""
    return dict(re.findall(r"^\| `(COMMENTSVC_\w+)` \| `?(.*?)`? \| \S.* \|$", OPERATIONS, re.MULTILINE))


def commands() -> Iterator[str]:
    """Every command with its group: "db upgrade"."""
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        if isinstance(command, click.Group):
            if command.invoke_without_command:
                yield name
            for sub, found in command.commands.items():
                yield from (f"{name} {sub} {one}" for one in found.commands) if isinstance(found, click.Group) else [f"{name} {sub}"]
        else:
            yield name


def test_every_setting_is_documented_with_its_default() -> None:
    def shown(default: object) -> str:
        return str(int(default)) if isinstance(default, bool) else str(default) or "empty"

    assert settings_table() == {f"COMMENTSVC_{f.name}": shown(f.default) for f in fields(Settings)}


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    documented = re.findall(r"^\| `commentsvc ([a-z ]+)` \| (?=.*\|$)", OPERATIONS.partition("## Commands")[2], re.MULTILINE)
    assert sorted(documented) == sorted(commands())


def test_every_command_and_option_explains_itself() -> None:
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        for one in [command, *(command.commands.values() if isinstance(command, click.Group) else ())]:
            assert one.help, name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")
# Levels 1 and 2 of OWASP ASVS 5.0: section -> how many requirements it has.
ASVS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1, "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5,
    "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4, "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4,
    "6.5": 5, "6.6": 3, "6.8": 4, "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3, "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4, "13.1": 1,
    "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3, "15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4,
    "16.4": 3, "16.5": 3,
}
STATES = {"Met", "Partly", "Not met", "Operator", "Does not apply"}


def asvs_rows() -> list[tuple[list[str], str, str]]:
    """(ids, state, how) of every row of the tables in docs/security.md."""
    rows = re.findall(r"^\| ([0-9., ]+) \| [^|]+ \| ([^|]+) \| (.+) \|$", SECURITY, re.MULTILINE)
    return [(ids.split(", "), state, how) for ids, state, how in rows]


def test_every_picture_is_shown_says_what_it_shows_and_is_small() -> None:
    shown = {
        (document.parent / path).resolve(): words
        for document in DOCUMENTS for words, path in re.findall(r"!\[(.*?)\]\((.+?)\)", document.read_text(encoding="utf-8"))
    }
    assert shown.keys() == set((ROOT / "docs/images").glob("*.png"))
    assert all(len(words) > 20 for words in shown.values())
    sizes = [path.stat().st_size for path in shown if path.name.startswith("widget")]
    assert max(sizes) < 60_000
    assert sum(sizes) < 1_500_000


def test_every_requirement_has_its_row_once() -> None:
    wanted = [
        f"{section}.{n}" for section, number in ASVS.items() for n in range(1, number + 1)
    ]
    assert sorted(one for ids, _, _ in asvs_rows() for one in ids) == sorted(wanted)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_test_and_file_of_ours_that_a_document_names_exists(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    for path, name in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
        assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8"), f"{document.name}: {path}::{name}"
    for path in re.findall(r"`((?:tests|commentsvc|benchmarks|deploy)/[\w/.-]+)`", text):
        assert (ROOT / path).exists(), f"{document.name} names {path}"


def test_what_is_met_names_a_test() -> None:
    for ids, state, how in asvs_rows():
        assert state in STATES, ids
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", how)
        assert named or state != "Met", ids
