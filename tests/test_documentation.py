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
            yield from (f"{name} {sub}" for sub in command.commands)
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
