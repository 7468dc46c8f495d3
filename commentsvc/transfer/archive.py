"""A backup's file: a zip whose manifest names every member, with its size and SHA-256.

| member | what it is |
|---|---|
| `tables/<table>.jsonl` | its rows, one JSON array a line, in the order of the primary key |
| `secret_key` | the key that signs sessions and cursors; only where it was asked for |
| `models/<path>` | a file of the models folder; only where it was asked for |
| `manifest.json` | last, when all the others are known |

What an archive says is not believed: names, sizes and lines have limits, and nothing is written anywhere before
every member has been read once. The hashes tell damage, not malice: whoever can write the file can write its manifest.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, NoReturn, Self

import orjson

from commentsvc.errors import Conflict, Invalid

FORMAT = "commentsvc backup"
FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SECRET = "secret_key"  # noqa: S105 - the name of a member
MODELS = "models/"
MANIFEST_LIMIT = 4_000_000  # bytes; a member takes about 150
# A row holds a text of at most 50,000 characters and what the model said of it; 64 MB is no row of ours.
LINE_LIMIT = 64_000_000
CHUNK = 1 << 20

# No part begins with a dot, so that no name leads out of the folder it is unpacked into.
_PART = r"[A-Za-z0-9_][A-Za-z0-9._+-]*"
_NAME = re.compile(rf"tables/[a-z_][a-z0-9_]*\.jsonl|{SECRET}|{MODELS}{_PART}(?:/{_PART})*")

# What zipfile raises for bytes that are not as it expects: also for encryption, for methods it does not know, and for
# places that no file has.
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, OverflowError)

# How far a step has come: its name, how much is done, and how much there is.
Progress = Callable[[str, int, int], object]


class BadArchive(Invalid):
    """The file is no backup, or not what was written."""

    code = "bad_backup"


@dataclass(frozen=True)
class Member:
    """A member of the archive, uncompressed; `rows` of a table."""

    bytes: int
    sha256: str
    rows: int | None = None


@dataclass(frozen=True)
class Manifest:
    """What a backup is: of which release and database, with which tables (name -> columns) and members."""

    version: str
    revision: str
    database: str
    made_at: str
    model: str
    tables: dict[str, list[str]]
    members: dict[str, Member] = field(default_factory=dict)

    def rows(self, table: str) -> int:
        return self.members[member_of(table)].rows or 0

    @property
    def total_rows(self) -> int:
        return sum(member.rows or 0 for member in self.members.values())

    def to_json(self) -> bytes:
        about = {"format": FORMAT, "format_version": FORMAT_VERSION, **asdict(self)}
        return orjson.dumps(about, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        try:
            found = orjson.loads(data)
            if found["format"] != FORMAT:
                raise BadArchive("This is not a backup of commentsvc.")
            if found["format_version"] != FORMAT_VERSION:
                raise BadArchive(f"This backup has format {found['format_version']!r}; this release reads {FORMAT_VERSION}.")
            text = {name: str(found[name]) for name in ("version", "revision", "database", "made_at", "model")}
            tables = {str(name): [str(column) for column in columns] for name, columns in found["tables"].items()}
            members = {
                str(name): Member(int(one["bytes"]), str(one["sha256"]), None if one["rows"] is None else int(one["rows"]))
                for name, one in found["members"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadArchive(f"This backup's manifest cannot be read: {error}.") from error
        if missing := {member_of(table) for table in tables} - members.keys():
            raise BadArchive(f"This backup's manifest has no rows for {', '.join(sorted(missing))}.")
        return cls(**text, tables=tables, members=members)


def member_of(table: str) -> str:
    """The member with a table's rows."""
    return f"tables/{table}.jsonl"


class ArchiveWriter:
    """Adds members one after the other, and the manifest at the end."""

    def __init__(self, file: IO[bytes]) -> None:
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)
        self._members: dict[str, Member] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        # After an error the file is thrown away, and what zipfile says of it now would only hide why.
        with contextlib.suppress(OSError, ValueError):
            self._zip.close()

    def add(self, name: str, chunks: Iterable[bytes], *, lines: bool = False) -> Member:
        """Add a member; of `lines` it is told how many there were."""
        if not _NAME.fullmatch(name):
            raise Invalid(f"{name} has a name that a backup cannot hold; rename it, or leave it out.")
        digest, size, rows = hashlib.sha256(), 0, 0
        with self._zip.open(name, "w", force_zip64=True) as member:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                rows += chunk.count(b"\n") if lines else 0  # JSON has none within a line
                member.write(chunk)
        made = self._members[name] = Member(size, digest.hexdigest(), rows if lines else None)
        return made

    def finish(self, manifest: Manifest) -> Manifest:
        """Write the manifest, with the members that were added; returns it."""
        manifest.members.update(self._members)
        self._zip.writestr(MANIFEST, manifest.to_json())
        self._zip.close()  # writes the zip's directory, and may fail
        return manifest


@contextmanager
def written(path: Path) -> Iterator[IO[bytes]]:
    """A file that only its owner reads, under its name once it is whole and on the disk; until then NAME.partial.

    A file of this name is never replaced. A process that is killed leaves the partial one, and the next takes it over.
    """
    if path.exists():
        raise Conflict(f"{path} is already there; a backup replaces nothing. Name another file, or a folder.")
    partial = path.with_name(f"{path.name}.partial")
    with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "w+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held the lock until now may have renamed this very file.
            if not os.path.samestat(partial.stat(), os.fstat(file.fileno())):
                _busy(path)
        except (BlockingIOError, FileNotFoundError):
            _busy(path)
        try:
            os.fchmod(file.fileno(), 0o600)
            file.truncate(0)
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _busy(path: Path) -> NoReturn:
    raise Conflict(f"Another backup is being written to {path}.") from None


class Archive:
    """An archive that is read: its manifest, and members that are checked before they are used."""

    def __init__(self, packed: zipfile.ZipFile) -> None:
        self._zip = packed
        self.manifest = self._manifest()
        self._check_names()

    def _manifest(self) -> Manifest:
        try:
            info = self._zip.getinfo(MANIFEST)
        except KeyError:
            raise BadArchive(f"This is not a backup of commentsvc: it has no {MANIFEST}.") from None
        if info.file_size > MANIFEST_LIMIT:
            raise BadArchive(f"This backup's manifest is larger than {MANIFEST_LIMIT:,} bytes.")
        with _plain():
            return Manifest.from_json(self._zip.read(info))

    def _check_names(self) -> None:
        """From the zip's directory alone: what is there is what the manifest names, in name and size."""
        members, seen = self.manifest.members, set()
        for info in self._zip.infolist():
            name = info.filename
            if name in seen:
                raise BadArchive(f"This backup has {name!r} twice.")
            seen.add(name)
            if name == MANIFEST:
                continue
            if not _NAME.fullmatch(name):
                raise BadArchive(f"This backup has a member with the name {name!r}, which no backup has.")
            if name not in members:
                raise BadArchive(f"This backup has a member {name!r} that its manifest does not know.")
            # Before anything is unpacked: a small file may unpack to more than any disk holds.
            if info.file_size != members[name].bytes:
                raise BadArchive(f"{name} unpacks to {info.file_size:,} bytes, and the manifest says {members[name].bytes:,}.")
        if missing := members.keys() - seen:
            raise BadArchive(f"This backup is incomplete: {', '.join(sorted(missing))} is missing.")

    @property
    def unpacked(self) -> int:
        """How much it is, unpacked."""
        return sum(member.bytes for member in self.manifest.members.values())

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.manifest.members if name.startswith(prefix)]

    def verify(self, progress: Progress = lambda *_: None) -> None:
        """Read every member once and hold it against the manifest; BadArchive says what differs."""
        done, total = 0, self.unpacked
        for name, member in self.manifest.members.items():
            digest, rows = hashlib.sha256(), 0
            for chunk in self.lines(name) if member.rows is not None else self.chunks(name):
                digest.update(chunk)
                rows += 1
                done += len(chunk)
                if rows % 1000 == 0:
                    progress("checking", done, total)
            if digest.hexdigest() != member.sha256:
                raise BadArchive(f"{name} is damaged: its SHA-256 is not the one in the manifest.")
            if member.rows is not None and rows != member.rows:
                raise BadArchive(f"{name} has {rows:,} rows, and the manifest says {member.rows:,}.")
        progress("checking", total, total)

    def lines(self, name: str) -> Iterator[bytes]:
        """A table's lines; BadArchive where one is longer than any row is."""
        with _plain(name), self._zip.open(name) as member:
            buffered = io.BufferedReader(member, CHUNK)  # type: ignore[type-var]  # the zip's own readline is slow
            while line := buffered.readline(LINE_LIMIT + 1):
                if len(line) > LINE_LIMIT:
                    raise BadArchive(f"{name} has a line of more than {LINE_LIMIT:,} bytes.")
                yield line

    def chunks(self, name: str) -> Iterator[bytes]:
        with _plain(name), self._zip.open(name) as member:
            while chunk := member.read(CHUNK):
                yield chunk


@contextmanager
def opened(path: Path) -> Iterator[Archive]:
    """The archive at this path; BadArchive where it is none."""
    with path.open("rb") as file:
        try:
            packed = zipfile.ZipFile(file)
        except _BROKEN as error:
            raise BadArchive(f"{path} is not a backup, or it is cut off: {error}.") from error
        with packed:
            yield Archive(packed)


@contextmanager
def _plain(name: str = MANIFEST) -> Iterator[None]:
    """Say in one sentence what zipfile finds wrong."""
    try:
        yield
    except _BROKEN as error:
        raise BadArchive(f"{name} is damaged: {error}.") from error


def about(manifest: Manifest) -> dict[str, Any]:
    """What a person wants to know of a backup."""
    return {
        "release": manifest.version, "revision": manifest.revision, "database": manifest.database,
        "made at": manifest.made_at, "rows": manifest.total_rows, "model": manifest.model,
        "with": ", ".join(part for part, there in (
            ("secret key", SECRET in manifest.members), ("models", any(n.startswith(MODELS) for n in manifest.members)),
        ) if there) or "neither secret key nor models",
    }
