"""What becomes of suggested scores."""

from __future__ import annotations

import datetime as dt
import re
import threading
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, event, select, update

import commentsvc
from commentsvc.accounts.models import ApiKey, User
from commentsvc.database import utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.perspective import suggestions
from commentsvc.perspective.keys import create_program_key
from commentsvc.perspective.models import ScoreSuggestion
from commentsvc.perspective.suggestions import MAX_SPANS, trainable
from tests.perspective.conftest import Ask, suggestion

# As Coral sends it when a moderator approves what the model found toxic.
CORAL = {
    "comment": {"text": "I guess it comes down to a simple choice."},
    "context": {"entries": [{"text": '{"url":"https://news.example/a?commentID=5","Coral_comment_id":"5"}'}]},
    "attributeScores": {"TOXICITY": {"summaryScore": {"value": 0}}},
    "languages": ["en"],
    "communityId": "Coral:https://talk.news.example",
    "clientToken": "comment:5",
}


def rows() -> list[ScoreSuggestion]:
    db.session.rollback()
    return list(db.session.scalars(select(ScoreSuggestion).order_by(ScoreSuggestion.id)))


def test_a_suggestion_of_coral_s_is_kept(ask: Ask) -> None:
    answer = ask(CORAL, "suggestscore")
    assert answer.status_code == 200
    assert answer.json == {"requestedLanguages": ["en"], "detectedLanguages": ["en"], "clientToken": "comment:5"}
    [row] = rows()
    assert (row.text, row.attribute, row.score, row.spans) == ("I guess it comes down to a simple choice.", "TOXICITY", 0.0, None)
    assert (row.community_id, row.client_token, row.languages) == ("Coral:https://talk.news.example", "comment:5", "en")
    assert row.key_id == db.session.scalar(select(ApiKey.id))
    assert row.training_consent is None


def test_a_retry_is_the_same_suggestion(ask: Ask) -> None:
    for _ in range(3):
        assert ask(CORAL, "suggestscore").status_code == 200
    assert len(rows()) == 1


def test_an_old_suggestion_is_forgotten_when_new_ones_come(ask: Ask) -> None:
    for number in range(3):
        ask(CORAL | {"clientToken": f"comment:{number}"}, "suggestscore")
    first, second, third = rows()
    for row, days in ((first, 366), (second, 364)):
        db.session.execute(
            update(ScoreSuggestion).where(ScoreSuggestion.id == row.id).values(created_at=utcnow() - dt.timedelta(days=days))
        )
    db.session.commit()
    ask(CORAL | {"clientToken": "comment:9"}, "suggestscore")
    assert [row.client_token for row in rows()] == [second.client_token, third.client_token, "comment:9"]


def test_old_suggestions_are_forgotten_every_night_a_few_at_a_time(app: Flask, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(5):
        ask(CORAL | {"clientToken": f"comment:{number}"}, "suggestscore")
    kept = rows()[-1]
    old = update(ScoreSuggestion).where(ScoreSuggestion.id != kept.id)
    db.session.execute(old.values(created_at=utcnow() - dt.timedelta(days=366)))
    db.session.commit()
    monkeypatch.setattr(suggestions, "FORGOTTEN_AT_ONCE", 2)
    commits: list[object] = []

    def committed(session: object) -> None:
        commits.append(session)

    event.listen(db.session, "after_commit", committed)
    try:
        app.extensions["commentsvc.tasks"].forget.call_local()
    finally:
        event.remove(db.session, "after_commit", committed)
    assert [row.client_token for row in rows()] == [kept.client_token]
    assert len(commits) == 9  # the account's part, then two, two, and no more; each of the five other things done at night finds nothing


def test_suggestions_outlive_their_key_and_its_owner(app: Flask, ask: Ask) -> None:
    ask(CORAL, "suggestscore")
    [row] = rows()
    owner = db.session.scalars(select(ApiKey.user_id).where(ApiKey.id == row.key_id)).one()
    db.session.execute(update(ApiKey).values(revoked_at=utcnow()))
    db.session.commit()
    stored = select(ScoreSuggestion.client_token, ScoreSuggestion.key_id)
    assert db.session.execute(stored).all() == [("comment:5", row.key_id)]
    db.session.execute(delete(User).where(User.id == owner))
    db.session.commit()
    assert db.session.execute(stored).all() == [("comment:5", None)]


def test_a_moderator_may_change_her_mind(ask: Ask) -> None:
    ask(CORAL, "suggestscore")
    ask(CORAL | {"attributeScores": {"TOXICITY": {"summaryScore": {"value": 1}}}}, "suggestscore")
    [row] = rows()
    assert row.score == 1.0


@pytest.mark.parametrize("changed", [
    {"clientToken": "comment:6"}, {"communityId": "Coral:https://other.example"}, {"comment": {"text": "Another text."}},
    {"attributeScores": {"INSULT": {"summaryScore": {"value": 0}}}},
])
def test_another_suggestion_is_another_row(ask: Ask, changed: dict[str, Any]) -> None:
    ask(CORAL, "suggestscore")
    ask(CORAL | changed, "suggestscore")
    assert len(rows()) == 2


def test_another_key_s_suggestion_is_another_row(ask: Ask) -> None:
    _key, other = create_program_key("Other blog")
    db.session.commit()
    ask(CORAL, "suggestscore")
    ask(CORAL, "suggestscore", key=other)
    assert len(rows()) == 2


def test_without_a_token_nothing_tells_a_retry_from_another_reader(ask: Ask) -> None:
    for _ in range(2):
        ask(suggestion("lol"), "suggestscore")
    assert len(rows()) == 2


def test_retries_at_the_same_moment_are_one_row(app: Flask, secret: str) -> None:
    statuses: list[int] = []

    def send() -> None:
        write_intent.set(True)
        statuses.append(app.test_client().post(f"/v1alpha1/comments:suggestscore?key={secret}", json=CORAL).status_code)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 6
    assert len(rows()) == 1


def test_do_not_store_stores_nothing(ask: Ask) -> None:
    answer = ask(CORAL | {"doNotStore": True}, "suggestscore")
    assert answer.json["clientToken"] == "comment:5"
    assert rows() == []


def test_spans_are_kept_as_characters_of_the_text(ask: Ask) -> None:
    span = {"begin": 3, "end": 8, "score": {"value": 1, "type": "PROBABILITY"}}
    body = {"comment": {"text": "🙂 idiot!"}, "attributeScores": {"INSULT": {"spanScores": [span]}}}
    assert ask(body, "suggestscore").status_code == 200
    html = {"comment": {"text": "<p>An <b>idiot</b></p>", "type": "HTML"},
            "attributeScores": {"INSULT": {"spanScores": [span | {"begin": 9, "end": 14}]}}}
    assert ask(html, "suggestscore").status_code == 200
    plain, stripped = rows()
    assert plain.spans is not None
    assert stripped.spans is not None
    assert (plain.score, plain.spans) == (None, [{"start": 2, "end": 7, "score": 1.0}])
    assert stripped.text[stripped.spans[0]["start"] : stripped.spans[0]["end"]] == "idiot"


def test_what_postgresql_cannot_hold_is_replaced_and_long_names_are_cut(ask: Ask) -> None:
    body = suggestion("a\x00b", clientToken="t\x00" + "x" * 2000, communityId="c" * 2000, languages=["en" * 300])
    assert ask(body, "suggestscore").json["clientToken"] == body["clientToken"]
    [row] = rows()
    assert row.text == "a\ufffdb"
    assert (len(row.client_token or ""), len(row.community_id or ""), len(row.languages)) == (500, 500, 200)


WRONG = {
    "no scores": {}, "an empty attribute": {"TOXICITY": {}}, "an unknown attribute": {"NICENESS": {"summaryScore": {"value": 0}}},
    "no value": {"TOXICITY": {"summaryScore": {}}}, "too high": {"TOXICITY": {"summaryScore": {"value": 1.5}}},
    "too low": {"TOXICITY": {"summaryScore": {"value": -0.1}}},
    "another type": {"TOXICITY": {"summaryScore": {"value": 0.5, "type": "RAW"}}},
    "a span without an end": {"TOXICITY": {"spanScores": [{"begin": 0, "score": {"value": 1}}]}},
    "an empty span": {"TOXICITY": {"spanScores": [{"begin": 2, "end": 2, "score": {"value": 1}}]}},
    "a span without a score": {"TOXICITY": {"spanScores": [{"begin": 0, "end": 2}]}},
    "too many spans": {"TOXICITY": {"spanScores": [{"begin": 0, "end": 2, "score": {"value": 1}}] * (MAX_SPANS + 1)}},
    "one wrong of two": {"TOXICITY": {"summaryScore": {"value": 1}}, "INSULT": {"summaryScore": {"value": 7}}},
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_suggestion_is_refused_whole(ask: Ask, case: str) -> None:
    answer = ask(suggestion() | {"attributeScores": WRONG[case]}, "suggestscore")
    assert (answer.status_code, answer.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert answer.json["error"]["details"][0]["errorType"] == "INVALID_REQUEST"
    assert rows() == []


def test_a_suggestion_in_any_language_is_kept(ask: Ask) -> None:
    assert ask(suggestion("Das Theater ist heute leider geschlossen."), "suggestscore").status_code == 200
    assert rows()[0].languages == "de"


def test_a_revoked_key_s_suggestions_stay_and_a_deleted_one_s_too(ask: Ask) -> None:
    ask(CORAL, "suggestscore")
    db.session.delete(db.session.scalars(select(ApiKey)).one())
    db.session.commit()
    assert [row.key_id for row in rows()] == [None]


def test_training_may_read_only_what_somebody_consented_to(ask: Ask) -> None:
    for text in ("asked nobody", "said no", "said yes"):
        ask(suggestion(text), "suggestscore")
    assert db.session.scalars(trainable()).all() == []
    for text, consent in (("said no", False), ("said yes", True)):
        db.session.execute(update(ScoreSuggestion).where(ScoreSuggestion.text == text).values(training_consent=consent))
    assert [row.text for row in db.session.scalars(trainable())] == ["said yes"]


def test_nothing_but_this_surface_touches_suggestions() -> None:
    """No training reads them yet; one that does must go through `trainable()`, and change this test."""
    package = Path(commentsvc.__file__).parent
    touching = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if re.search(r"ScoreSuggestion|score_suggestions|trainable\(", path.read_text(encoding="utf-8"))
    }
    assert touching == {"perspective/models.py", "perspective/suggestions.py"}
