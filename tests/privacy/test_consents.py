"""The consent ledger, and the only way from it to training."""

from __future__ import annotations

import hashlib
import json
import threading
from hashlib import sha256
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from commentsvc.accounts.models import User
from commentsvc.comments.models import Status
from commentsvc.database import write_intent
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import in_language
from commentsvc.moderation.decide import reject
from commentsvc.moderation.models import Reason
from commentsvc.privacy import consents
from commentsvc.privacy.consents import (
    FIRST,
    TEXTS,
    Purpose,
    Text,
    consents_of,
    record_consent,
    verify,
)
from commentsvc.privacy.models import Consent, TrainingExport
from commentsvc.privacy.training import export_training, exports_with, note_in_manifest, record_use
from tests.cli.conftest import Command, command  # noqa: F401 - a fixture
from tests.factories import make_article, make_comment, make_site, make_user
from tests.pseudo import TAG, speak_pseudo

TRAIN = Purpose.TRAIN_MODERATION


def agree(user: User, *, granted: bool = True) -> Consent:
    entry = record_consent(user, TRAIN, granted=granted)
    db.session.commit()
    assert entry is not None
    return entry


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "comments.jsonl").read_text().splitlines()]


# --- the ledger


@pytest.mark.usefixtures("app")
def test_nobody_agreed_to_anything_before_she_said_so() -> None:
    user = make_user()
    assert consents_of(user) == {TRAIN: None}
    first = agree(user)
    assert first.previous_hash == FIRST
    assert record_consent(user, TRAIN, granted=True) is None  # the same again is no entry
    second = agree(user, granted=False)
    assert second.previous_hash == first.hash
    assert consents_of(user)[TRAIN] == second
    assert (verify().entries, verify().problem, verify().head) == (2, "", second.hash)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("tampering", [
    "UPDATE consents SET granted = NOT granted WHERE id = :middle",
    "UPDATE consents SET user_id = user_id + 1 WHERE id = :middle",
    "UPDATE consents SET text_version = 2 WHERE id = :middle",
    "UPDATE consents SET text_sha256 = 'x' WHERE id = :middle",
    "UPDATE consents SET purpose = 'x' WHERE id = :middle",
    "UPDATE consents SET language = 'fr' WHERE id = :middle",
    "DELETE FROM consents WHERE id = :middle",
    "DELETE FROM consents WHERE id = :first",
])
def test_an_entry_that_was_changed_or_taken_out_is_found(tampering: str) -> None:
    entries = [agree(make_user()) for _ in range(4)]
    assert verify().problem == ""
    which = 0 if ":first" in tampering else 1
    db.session.execute(text(tampering), {("first", "middle")[which]: entries[which].id})
    assert verify().problem != ""
    with pytest.raises(Conflict, match="not intact"):
        export_training(Path("/nonexistent"))


@pytest.mark.usefixtures("app")
def test_an_entry_says_in_which_language_the_text_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    words = TEXTS[TRAIN]
    english = agree(make_user())
    with in_language(TAG):
        translated = agree(make_user())
    assert (english.language, translated.language) == (None, TAG)
    assert english.text_sha256 == hashlib.sha256(f"{words.question}\n{words.explanation}".encode()).hexdigest()
    assert translated.text_sha256 == hashlib.sha256(f"«{words.question}»\n«{words.explanation}»".encode()).hexdigest()
    assert verify().problem == ""
    db.session.execute(text("UPDATE consents SET language = NULL WHERE id = :id"), {"id": translated.id})
    assert "was changed" in verify().problem


@pytest.mark.usefixtures("app")
def test_an_entry_from_before_there_were_languages_is_what_it_was() -> None:
    """Its hash as that release computed it."""
    user = make_user()
    entry = agree(user)
    content = [FIRST, user.id, "train_moderation", True, 1, entry.text_sha256, entry.created_at.isoformat(timespec="microseconds")]
    assert entry.hash == hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


@pytest.mark.usefixtures("app")
def test_who_answers_from_a_page_with_other_words_reads_them_again() -> None:
    user = make_user()
    with pytest.raises(Conflict, match="has changed since you read it"):
        record_consent(user, TRAIN, granted=True, seen="0" * 64)
    assert consents_of(user) == {TRAIN: None}
    assert record_consent(user, TRAIN, granted=True, seen=TEXTS[TRAIN].shown().sha256) is not None


def test_who_answers_at_once_is_written_one_after_the_other(app: Flask) -> None:
    people = [make_user() for _ in range(6)]
    db.session.commit()
    ready = threading.Barrier(len(people))
    failed: list[BaseException] = []

    def answer(user_id: int) -> None:
        token = write_intent.set(True)
        try:
            with app.app_context():
                try:
                    ready.wait(10)
                    record_consent(db.session.get_one(User, user_id), TRAIN, granted=True)
                    db.session.commit()
                finally:
                    db.session.remove()
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)
        finally:
            write_intent.reset(token)

    threads = [threading.Thread(target=answer, args=(user.id,)) for user in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    db.session.rollback()
    assert (verify().entries, verify().problem) == (len(people), "")


@pytest.mark.usefixtures("app")
def test_who_agreed_to_an_earlier_text_is_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    make_comment(make_article(), user)
    agree(user)
    monkeypatch.setitem(consents.TEXTS, TRAIN, Text(TEXTS[TRAIN].version + 1, "May they?", "Really?"))
    assert export_training(tmp_path / "one").comments == 0
    again = agree(user)
    assert again.text_version == 2
    assert export_training(tmp_path / "two").comments == 1


# --- exports


@pytest.mark.usefixtures("app")
def test_an_export_holds_the_comments_of_those_who_agree_and_names_no_one(tmp_path: Path) -> None:
    site, other = make_site(), make_site()
    article = make_article(site)
    willing, unwilling, wavering = make_user("Ada Willing", email="ada@example.org"), make_user(), make_user()
    manager = make_user("Mona Manager")
    for author in (willing, unwilling, wavering):
        make_comment(article, author, f"A remark of {author.id}.")
    rude = make_comment(article, willing, "You fool.")
    reject(rude, actor=manager, reason=Reason.ABUSE, seen=rude.version, note="a note")
    for status in (Status.PENDING, Status.HELD, Status.WITHDRAWN):
        make_comment(article, willing, f"Not {status}.", status=status)
    imported = make_comment(article, willing, "From elsewhere.")
    imported.external_id = "x:1"
    make_comment(make_article(other), willing, "On another site.")
    consent = agree(willing)
    agree(unwilling, granted=False)
    agree(wavering)
    agree(wavering, granted=False)

    made = export_training(tmp_path / "one", site)
    assert lines(tmp_path / "one") == [
        {"text": f"A remark of {willing.id}.", "outcome": "published", "reason": "clean", "decided_by": "system",
         "posted": rude.created_at.date().isoformat(), "consent": consent.id},
        {"text": "You fool.", "outcome": "rejected", "reason": "abuse", "decided_by": "person",
         "posted": rude.created_at.date().isoformat(), "consent": consent.id},
    ]
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    body = (tmp_path / "one" / "comments.jsonl").read_bytes()
    assert manifest["sha256"] == sha256(body).hexdigest() == made.sha256
    assert (manifest["consents"], manifest["comments"], manifest["site"]) == ([consent.id], 2, site.key)
    assert manifest["ledger_head"] == verify().head
    written = body.decode() + json.dumps(manifest)
    for private in ("Ada", "ada@", "Mona", "a note"):
        assert private not in written
    assert export_training(tmp_path / "all").comments == 3
    assert (tmp_path / "one" / "comments.jsonl").stat().st_mode & 0o077 == 0


@pytest.mark.usefixtures("app")
def test_a_withdrawal_excludes_the_next_export_and_names_those_that_held_it(tmp_path: Path) -> None:
    author, other = make_user(), make_user()
    article = make_article()
    for _ in range(2):
        make_comment(article, author)
    make_comment(article, other)
    agree(author)
    agree(other)
    first = export_training(tmp_path / "1")
    record_use(first.id, "commentsvc-minilm-l6   2.2.0")
    agree(author, granted=False)
    assert export_training(tmp_path / "2").comments == 1
    held = exports_with(author)
    assert [(h.export_id, h.comments, h.used_for) for h in held] == [(first.id, 2, "commentsvc-minilm-l6 2.2.0")]
    assert len(exports_with(other)) == 2


@pytest.mark.usefixtures("app")
def test_an_export_gets_a_folder_of_its_own_and_a_use_has_words(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("x")
    with pytest.raises(Invalid):
        export_training(tmp_path)
    assert db.session.scalars(select(TrainingExport)).all() == []
    made = export_training(tmp_path / "new")
    with pytest.raises(Invalid):
        record_use(made.id, " ")
    record_use(made.id, "one")
    assert record_use(made.id, "two").used_for == "one; two"
    with pytest.raises(Invalid):
        record_use(made.id, "x" * 500)
    with pytest.raises(NotFound):
        record_use(made.id + 1, "x")


@pytest.mark.usefixtures("app")
def test_the_manifest_says_what_its_export_was_used_for_and_no_other_does(tmp_path: Path) -> None:
    author = make_user()
    make_comment(make_article(), author)
    agree(author)
    first, second = export_training(tmp_path / "1"), export_training(tmp_path / "2")
    path = tmp_path / "1" / "manifest.json"
    before = json.loads(path.read_text())
    assert before["used_for"] == ""
    record_use(first.id, "small 2.2.0")
    note_in_manifest(tmp_path / "1", first)
    assert json.loads(path.read_text()) == before | {"used_for": "small 2.2.0"}
    assert path.stat().st_mode & 0o077 == 0
    assert {one.name for one in path.parent.iterdir()} == {"comments.jsonl", "manifest.json"}
    with pytest.raises(Invalid, match="does not hold export 2"):
        note_in_manifest(tmp_path / "1", second)
    with pytest.raises(Invalid, match="holds no training export"):
        note_in_manifest(tmp_path, first)
    with (tmp_path / "1" / "comments.jsonl").open("a") as file:
        file.write("{}\n")
    with pytest.raises(Invalid, match="as it was made"):
        note_in_manifest(tmp_path / "1", first)


def test_the_commands(app: Flask, command: Command, tmp_path: Path) -> None:  # noqa: F811 - the fixture
    author = make_user()
    make_comment(make_article(make_site(key="courier")), author)
    entry = agree(author)
    folder = tmp_path / "export"
    made = command("training", "export", str(folder), "--site", "courier")
    assert "1 comments" in made.output
    assert len(lines(folder)) == 1
    assert "used for: v3" in command("training", "used", "1", "v3", "--folder", str(folder)).output
    assert json.loads((folder / "manifest.json").read_text())["used_for"] == "v3"
    assert command("training", "used", "1", "v4", "--folder", str(tmp_path)).exit_code == 1
    db.session.rollback()  # as the end of a process does
    assert "used for: v3; v5" in command("training", "used", "1", "v5").output, "what was refused was not noted"
    assert "v3" in command("training", "list").output
    assert f"Head: {entry.hash}" in command("consents", "verify").output
    db.session.execute(text("UPDATE consents SET granted = NOT granted"))
    db.session.commit()
    broken = command("consents", "verify")
    assert broken.exit_code != 0
    assert "was changed" in broken.output
