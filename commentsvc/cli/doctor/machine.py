"""The data folder, its disk, the toxicity model's files."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from commentsvc.cli.doctor.findings import Finding, Patient, note, ok, problem
from commentsvc.moderation.alarms import LEAST_DISK, free_bytes
from commentsvc.screening import engines
from commentsvc.screening.card import TOKENIZER, WEIGHTS, Card
from commentsvc.screening.toxicity import ScoringError

LITTLE_DISK = 1024**3
# WAL needs memory that all processes share, which these do not give.
NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "ceph", "glusterfs", "afs"})
MOUNTS = Path("/proc/self/mounts")


def check_folder(patient: Patient) -> Iterator[Finding]:
    """Whether the service can write its files, and nobody else read them."""
    folder = patient.folder
    if not folder.exists():
        yield note(
            f"{folder} is not there yet; the first start makes it.",
            "Is COMMENTSVC_INSTANCE the folder you mean?",
        )
        return
    if not folder.is_dir():
        yield problem(f"{folder} is no folder.", "Set COMMENTSVC_INSTANCE to one.")
        return
    found = folder.stat()
    if found.st_uid != os.geteuid():
        yield note(
            f"{folder} belongs to {_name(found.st_uid)}, and this runs as {_name(os.geteuid())}.",
            "Ask again as the user that runs the service.",
        )
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        yield problem(
            f"{_name(os.geteuid())} cannot write in {folder}.",
            f"chown it to the user that runs the service: chown -R USER {folder}",
        )
    elif found.st_mode & 0o077:
        yield problem(
            f"Others on this machine may look into {folder}: addresses, mails, the secret key.",
            f"chmod 700 {folder}",
        )
    else:
        yield ok(f"{folder}, for {_name(found.st_uid)} alone.")


def check_disk(patient: Patient) -> Iterator[Finding]:
    """What is left where the data folder is, or will be."""
    folder = next(path for path in (patient.folder, *patient.folder.parents) if path.exists())
    free = free_bytes(folder)
    if free is None:
        yield problem(f"Nobody can tell what is left on the disk of {folder}.", "Is it mounted?")
        return
    left = f"{free / 1024**2:,.0f} MB are left on the disk of {folder}."
    if free < LEAST_DISK:
        yield problem(left, "Make room: nothing can be stored when it is full.")
    elif free < LITTLE_DISK:
        yield note(left, "Make room in time.")
    else:
        yield ok(left)


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """The kind of file system a folder is on; empty where that cannot be told."""
    try:
        lines = [line.split() for line in mounts.read_text().splitlines()]
    except OSError:
        return ""
    above = {str(path) for path in (folder, *folder.parents)}
    here = [(len(words[1]), words[2]) for words in lines if len(words) > 2 and words[1] in above]
    return max(here)[1] if here else ""


def check_model(patient: Patient) -> Iterator[Finding]:
    """The files of the model in use, against the hashes in its card; without loading it."""
    verify = "Fetch it again, or go back with `commentsvc model use --bundled`."
    try:
        found = engines.find(patient.settings.TOXICITY_MODEL, patient.settings.models_path)
        if found.engine == "detoxify":
            if importlib.util.find_spec("detoxify") is None:
                yield problem(
                    f"{found.name} needs the detoxify package, which is not installed.",
                    "pip install 'commentsvc[detoxify]', or choose another model.",
                )
            else:
                yield ok(f"{found.name}: {found.path} is there.")
            return
        card = Card.read(found.stamped)
    except ScoringError as error:
        yield problem(f"{error}.", verify)
        return
    wanted = {found.path / WEIGHTS: card.weights_sha256, found.path / TOKENIZER: card.tokenizer_sha256}
    if card.lexical is not None:
        wanted[found.path / card.lexical.file] = card.lexical.sha256
    wrong = [path for path, sha256 in wanted.items() if _sha256(path) != sha256]
    for path in wrong:
        yield problem(f"{path} is missing, unreadable, or not what its model.json says.", verify)
    if not wrong:
        yield ok(f"{card.info.name} {card.info.version}: {len(wanted)} files as they should be.")
        yield from _workers_read_the_same(patient, card)


def _workers_read_the_same(patient: Patient, card: Card) -> Iterator[Finding]:
    if patient.health is None:
        return
    for worker in patient.health.workers:
        if patient.health.standing(worker) == "working" and worker.model_sha256 not in {None, card.info.sha256}:
            yield note(
                f"Worker {worker.id} last scored with {worker.model_name} {worker.model_version}, not with the model in use here.",
                "It changes over with its next batch; on another machine, look at the model there.",
            )


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
