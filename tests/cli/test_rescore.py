from __future__ import annotations

import json
from pathlib import Path

import pytest

from commentsvc.cli import rescore as module
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation.rescore import CHUNK
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.toxicity import ScoringError
from tests.cli.conftest import Command
from tests.factories import make_article, make_comment
from tests.moderation.test_rescore import NEW, OLD

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _models(monkeypatch: pytest.MonkeyPatch, instance: Path) -> None:
    (instance / "rescore.json").unlink(missing_ok=True)  # the folder is shared by all tests
    monkeypatch.setattr(module, "load_scorer", lambda _name, _folder: NEW)
    monkeypatch.setattr("os.nice", lambda _by: 0)


def _screened(*bodies: str) -> list[int]:
    article = make_article()
    ids = [make_comment(article, body=body, status=Status.PENDING).id for body in bodies]
    while screen_pending(lambda: OLD, batch=32, lease=30):
        pass
    db.session.commit()
    return ids


def _status(comment_id: int) -> str:
    return db.session.get_one(Comment, comment_id, populate_existing=True).status


def test_the_report_says_that_nothing_was_changed(command: Command) -> None:
    [comment] = _screened("darn")
    result = command("rescore")
    assert result.exit_code == 0, result.output
    assert "held, would be published" in result.output
    assert "Nothing was changed." in result.output
    assert _status(comment) == "held"


def test_json_for_programs(command: Command) -> None:
    ids = _screened("darn", "boo")
    result = command("rescore", "--json", "--largest", "1")
    found = json.loads(result.stdout)
    assert found["comments"] == 2
    assert found["outcomes"]["held_would_pass"] == found["outcomes"]["published_would_be_held"] == 1
    assert [c["comment"] in ids for c in found["largest_changes"]] == [True]
    assert not found["apply"]


def test_apply_publishes_and_hold_holds(command: Command) -> None:
    darn, boo = _screened("darn", "boo")
    result = command("rescore", "--apply")
    assert "1 were published, 0 held" in result.output
    assert "--hold holds them" in result.output
    assert (_status(darn), _status(boo)) == ("published", "published")
    assert "0 were published, 1 held" in command("rescore", "--apply", "--hold").output
    assert _status(boo) == "held"


def test_hold_alone_is_refused(command: Command) -> None:
    assert command("rescore", "--hold").exit_code == 2


def test_an_unknown_site_is_an_error_in_words(command: Command) -> None:
    result = command("rescore", "--site", "nowhere")
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_a_failing_model_is_an_error_and_the_same_command_goes_on(
    command: Command, monkeypatch: pytest.MonkeyPatch, instance: Path
) -> None:
    _screened(*(f"{n} darn" for n in range(CHUNK + 3)))
    score, calls = NEW.score, []

    def once(texts: list[str]) -> object:
        calls.append(len(texts))
        if len(calls) > 1:
            raise ScoringError("the disk went away")
        return score(texts)

    with monkeypatch.context() as patched:
        patched.setattr(NEW, "score", once)
        result = command("rescore")
    assert result.exit_code == 1
    assert "the disk went away" in result.output
    result = command("rescore", "--json")
    assert f"Going on after {CHUNK} comments" in result.stderr
    assert json.loads(result.stdout)["comments"] == CHUNK + 3
    assert not (instance / "rescore.json").exists()


def test_another_question_begins_anew(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    _screened("darn")

    def fail(_texts: list[str]) -> None:
        raise ScoringError("no")

    with monkeypatch.context() as patched:
        patched.setattr(NEW, "score", fail)
        command("rescore")
    assert "Going on" not in command("rescore", "--largest", "3").output
