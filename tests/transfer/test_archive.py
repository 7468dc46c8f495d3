"""What is no backup, or no longer one, is told apart before anything is written."""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from commentsvc.errors import Conflict, Invalid
from commentsvc.transfer import archive as module
from commentsvc.transfer.archive import (
    MANIFEST,
    ArchiveWriter,
    BadArchive,
    Manifest,
    opened,
    written,
)

ROWS = b'[1,"Ada"]\n[2,"Bert"]\n'
USERS = "tables/users.jsonl"


def _write(path: Path, **members: bytes) -> Path:
    """An archive with two users, and further members."""
    with written(path) as file, ArchiveWriter(file) as archive:
        archive.add(USERS, [ROWS], lines=True)
        for name, data in members.items():
            archive.add(name, [data])
        archive.finish(Manifest("1.0", "d79e70283b82", "sqlite", "2026-01-01T00:00:00+00:00", "bundled", {"users": ["id", "display_name"]}))
    return path


def _rewrite(path: Path, members: dict[str, bytes], manifest: Callable[[dict[str, Any]], object] = lambda _: None) -> Path:
    """The same with other members, and a manifest that was changed but is still one."""
    with zipfile.ZipFile(path) as packed:
        found = {name: packed.read(name) for name in packed.namelist()} | members
    about = orjson.loads(found.pop(MANIFEST))
    manifest(about)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in found.items():
            packed.writestr(name, data)
        packed.writestr(MANIFEST, orjson.dumps(about))
    return path


def _known(name: str, data: bytes, rows: int | None = None) -> Callable[[dict[str, Any]], object]:
    """Have the manifest name a member, with the size and hash it has."""
    return lambda about: about["members"].update(
        {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "rows": rows}}
    )


def _refused(path: Path, match: str) -> None:
    with pytest.raises(BadArchive, match=match), opened(path) as archive:
        archive.verify()


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with opened(_write(tmp_path / "a.zip", secret_key=b"s3cret")) as archive:
        archive.verify()
        assert list(archive.lines(USERS)) == ROWS.splitlines(keepends=True)
        assert b"".join(archive.chunks("secret_key")) == b"s3cret"
        assert archive.manifest.members[USERS] == module.Member(len(ROWS), hashlib.sha256(ROWS).hexdigest(), 2)
        assert archive.unpacked == len(ROWS) + 6


def test_only_its_owner_reads_it_and_nothing_is_replaced(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.zip")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(Conflict, match="already there"):
        _write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def _failing(path: Path) -> None:
    with written(path) as file, ArchiveWriter(file) as archive:
        archive.add(USERS, [ROWS], lines=True)
        raise OSError("no space left")


def test_an_error_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no space"):
        _failing(tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_a_partial_file_that_was_left_is_taken_over_and_one_in_work_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.zip.partial").write_bytes(b"x" * 100_000)
    (tmp_path / "a.zip.partial").chmod(0o644)
    path = _write(tmp_path / "a.zip")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with opened(path) as archive:
        archive.verify()
    with written(tmp_path / "b.zip") as file:
        file.write(b"in work")
        with pytest.raises(Conflict, match="Another backup"):
            _write(tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_bytes() == b"in work"


@pytest.mark.parametrize("content", [b"", b"PK", b"SQLite format 3\x00" + b"\x00" * 200])
def test_another_file_is_no_backup(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    _refused(tmp_path / "a.zip", "is not a backup, or it is cut off")


def test_another_zip_is_no_backup(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("holiday.jpg", b"...")
    _refused(tmp_path / "a.zip", "not a backup of commentsvc")
    _refused(_rewrite(_write(tmp_path / "b.zip"), {}, lambda about: about.update(format="other")), "not a backup of commentsvc")
    _refused(_rewrite(_write(tmp_path / "c.zip"), {}, lambda about: about.update(format_version=2)), "has format 2")
    _refused(_rewrite(_write(tmp_path / "d.zip"), {}, lambda about: about.pop("revision")), "manifest cannot be read")


def test_a_truncated_one_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = _write(tmp_path / "a.zip", secret_key=b"s" * 5000).read_bytes()
    for end in range(0, len(whole) - 1, 7):
        (tmp_path / "cut.zip").write_bytes(whole[:end])
        _refused(tmp_path / "cut.zip", "is not a backup, or it is cut off")


def test_a_changed_byte_is_found_wherever_it_is(tmp_path: Path) -> None:
    """Where the byte means nothing (a time in the zip's directory), everything is as it was written."""
    whole = bytearray(_write(tmp_path / "a.zip").read_bytes())
    found = 0
    for position in range(len(whole)):
        changed = whole.copy()
        changed[position] ^= 0x55
        (tmp_path / "changed.zip").write_bytes(changed)
        try:
            with opened(tmp_path / "changed.zip") as archive:
                archive.verify()
                assert b"".join(archive.lines(USERS)) == ROWS
        except BadArchive:
            found += 1
    assert found > len(whole) / 2


def test_a_member_that_is_not_what_was_written_is_named(tmp_path: Path) -> None:
    other = ROWS.replace(b"Ada", b"Eve")
    _refused(_rewrite(_write(tmp_path / "a.zip"), {USERS: other}), rf"{USERS} is damaged: its SHA-256")
    _refused(_rewrite(_write(tmp_path / "b.zip"), {USERS: ROWS + b"[3]\n"}), "unpacks to 25 bytes, and the manifest says 21")
    _refused(_rewrite(_write(tmp_path / "c.zip"), {}, _known(USERS, ROWS, rows=3)), "has 2 rows, and the manifest says 3")
    _refused(_rewrite(_write(tmp_path / "d.zip"), {}, _known("tables/flags.jsonl", b"")), "incomplete: tables/flags.jsonl")
    _refused(_rewrite(_write(tmp_path / "e.zip"), {"secret_key": b"x"}), "manifest does not know")
    _refused(_rewrite(_write(tmp_path / "f.zip"), {}, lambda about: about["tables"].update(flags=["id"])), "no rows for tables/flags")


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "models/../../evil", "/etc/cron.d/evil", "models//etc/evil", "models/./evil", "models\\..\\evil", "models/.ssh",
        "C:/evil", "secret_key/", "tables/../secret_key", "tables/users.jsonl.exe", "models/a\nb",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused_even_where_the_manifest_knows_it(tmp_path: Path, name: str) -> None:
    path = _rewrite(_write(tmp_path / "a.zip"), {name: b"evil"}, _known(name, b"evil"))
    _refused(path, "has a member with the name")
    with pytest.raises(Invalid, match="a backup cannot hold"), written(tmp_path / "b.zip") as file, ArchiveWriter(file) as archive:
        archive.add(name, [b"evil"])


def test_a_member_twice_is_refused(tmp_path: Path) -> None:
    path = _write(tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a") as packed, pytest.warns(UserWarning, match="Duplicate"):
        packed.writestr(USERS, b"[666]\n")
    _refused(path, "twice")


def test_a_small_file_that_unpacks_to_much_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = b"0" * 50_000_000
    path = _rewrite(_write(tmp_path / "a.zip"), {USERS: bomb})
    assert path.stat().st_size < 100_000
    read: list[str] = []
    lines = module.Archive.lines

    def watched(self: module.Archive, name: str) -> Iterator[bytes]:
        read.append(name)
        return lines(self, name)

    monkeypatch.setattr(module.Archive, "lines", watched)
    _refused(path, re.escape("unpacks to 50,000,000 bytes"))
    assert read == []


def test_a_line_without_an_end_is_refused_before_it_fills_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LINE_LIMIT", 1_000_000)
    bomb = b"0" * 3_000_000
    _refused(_rewrite(_write(tmp_path / "a.zip"), {USERS: bomb}, _known(USERS, bomb, rows=1)), "a line of more than 1,000,000 bytes")


def test_a_manifest_that_unpacks_to_much_is_refused(tmp_path: Path) -> None:
    path = _rewrite(_write(tmp_path / "a.zip"), {}, lambda about: about.update(more="0" * (module.MANIFEST_LIMIT + 1)))
    _refused(path, "manifest is larger")


def test_a_size_that_the_zip_s_directory_lies_about_is_found(tmp_path: Path) -> None:
    """The directory says what the manifest says; the data is more."""
    bomb = ROWS + b"0" * 1_000_000
    path = _rewrite(_write(tmp_path / "a.zip"), {USERS: bomb})
    data = bytearray(path.read_bytes())
    at = data.rindex(USERS.encode()) - 46  # its entry in the central directory
    assert data[at : at + 4] == b"PK\x01\x02"
    data[at + 24 : at + 28] = len(ROWS).to_bytes(4, "little")
    path.write_bytes(data)
    _refused(path, "is damaged")
