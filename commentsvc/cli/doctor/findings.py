"""What the doctor says: one finding, and what a check is given."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask import Flask

from commentsvc.config import Settings
from commentsvc.moderation.alarms import Health


class Level(enum.StrEnum):
    OK = "ok"
    NOTE = "note"  # worth knowing; nothing has to be done
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What is so, and where that is wrong, what to do about it."""

    level: Level
    message: str
    action: str = ""


@dataclass(frozen=True)
class Patient:
    """What is looked at. `app` is none where the database cannot be read, `health` where its tables cannot."""

    settings: Settings
    environ: Mapping[str, str]
    app: Flask | None = None
    health: Health | None = None

    @property
    def folder(self) -> Path:
        return self.settings.instance_path

    @property
    def sqlite(self) -> Path | None:
        """The SQLite database's file, if it is one; a short name is one in the data folder, as for the service."""
        url = self.settings.database_url
        return self.folder / url.removeprefix("sqlite:///").partition("?")[0] if url.startswith("sqlite:///") else None


Check = Callable[[Patient], Iterator[Finding]]


def ok(message: str) -> Finding:
    """It is as it should be."""
    return Finding(Level.OK, message)


def note(message: str, action: str = "") -> Finding:
    """Nobody has to do anything, and should know."""
    return Finding(Level.NOTE, message, action)


def problem(message: str, action: str) -> Finding:
    """Somebody has to do something: this."""
    return Finding(Level.PROBLEM, message, action)
