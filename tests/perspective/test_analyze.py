"""What `comments:analyze` answers to requests that are right."""

from __future__ import annotations

from typing import Any

import pytest

from commentsvc.extensions import db
from commentsvc.perspective.models import ScoreSuggestion
from commentsvc.perspective.texts import MAX_SPANS
from tests.conftest import Statements
from tests.perspective.conftest import Ask, CountingScorer, request

pytestmark = pytest.mark.once

PROBABILITY = "PROBABILITY"


def scores(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json.get("attributeScores", {})
    return found


def test_a_score_looks_like_google_s(ask: Ask) -> None:
    answer = ask(request("You are an idiot.", clientToken="mine", sessionId="s", communityId="c", doNotStore=True))
    score = {"value": 0.9, "type": PROBABILITY}
    assert answer.json == {
        "attributeScores": {"TOXICITY": {"spanScores": [{"begin": 0, "end": 17, "score": score}], "summaryScore": score}},
        "languages": ["en"],
        "detectedLanguages": ["en"],
        "clientToken": "mine",
    }
    assert answer.content_type == "application/json; charset=UTF-8"


def test_every_attribute_is_answered_by_its_label(ask: Ask, scorer: CountingScorer) -> None:
    names = ["TOXICITY", "SEVERE_TOXICITY", "IDENTITY_ATTACK", "INSULT", "PROFANITY", "THREAT"]
    names += [f"{name}_EXPERIMENTAL" for name in names]
    found = scores(ask(request("You idiot", *names)))
    assert list(found) == names
    high = {name for name, score in found.items() if score["summaryScore"]["value"] == 0.9}
    assert high == {"TOXICITY", "INSULT", "TOXICITY_EXPERIMENTAL", "INSULT_EXPERIMENTAL"}
    assert scorer.asked == [["."], ["You idiot"]]  # once for all attributes; "." tells the labels


class TestModelWithSexualExplicit:
    @pytest.fixture
    def scorer(self) -> CountingScorer:
        return CountingScorer("sexual_explicit")

    def test_serves_the_attribute(self, ask: Ask) -> None:
        assert set(scores(ask(request("Hi", "SEXUALLY_EXPLICIT", "SEXUALLY_EXPLICIT_EXPERIMENTAL")))) == {
            "SEXUALLY_EXPLICIT", "SEXUALLY_EXPLICIT_EXPERIMENTAL"
        }


def test_spans_are_sentences_in_utf_16_units(ask: Ask) -> None:
    text = "🙂🙂 Fine. You idiot! Ça va\nBye"
    spans = scores(ask(request(text, spanAnnotations=True)))["TOXICITY"]["spanScores"]
    utf16 = text.encode("utf-16-le")
    said = [utf16[2 * span["begin"] : 2 * span["end"]].decode("utf-16-le") for span in spans]
    assert said == ["🙂🙂 Fine.", "You idiot!", "Ça va", "Bye"]
    assert [span["score"]["value"] for span in spans] == [0.1, 0.9, 0.1, 0.1]


def test_the_text_and_its_sentences_are_scored_in_one_call(ask: Ask, scorer: CountingScorer) -> None:
    ask(request("One. Two. One.", spanAnnotations=True))
    ask(request("Only one.", spanAnnotations=True))
    assert scorer.asked[1:] == [["One. Two. One.", "One.", "Two."], ["Only one."]]


def test_thousands_of_sentences_share_spans(ask: Ask, scorer: CountingScorer) -> None:
    spans = scores(ask(request("a. " * 6000, spanAnnotations=True)))["TOXICITY"]["spanScores"]
    assert len(spans) == MAX_SPANS
    assert (spans[0]["begin"], spans[-1]["end"]) == (0, 17_999)
    assert sum(map(len, scorer.asked)) <= MAX_SPANS + 2


def test_scores_below_the_threshold_are_left_out(ask: Ask) -> None:
    body = request("Fine. You idiot.", spanAnnotations=True)
    body["requestedAttributes"] = {"TOXICITY": {"scoreThreshold": 0.5}, "THREAT": {"scoreThreshold": 0.5}}
    found = scores(ask(body))
    assert list(found) == ["TOXICITY"]
    assert [span["begin"] for span in found["TOXICITY"]["spanScores"]] == [6]
    body["requestedAttributes"] = {"THREAT": {"scoreThreshold": 0.5}}
    assert ask(body).json == {"languages": ["en"], "detectedLanguages": ["en"]}


def test_a_threshold_of_zero_leaves_nothing_out(ask: Ask) -> None:
    body = request()
    body["requestedAttributes"] = {"TOXICITY": {"scoreThreshold": 0, "scoreType": PROBABILITY}}
    assert "summaryScore" in scores(ask(body))["TOXICITY"]


def test_html_is_read_without_its_tags(ask: Ask, scorer: CountingScorer) -> None:
    text = "<p>Fine &amp; <b>go</b>od.</p><p>You idiot.</p><script>idiot()</script><!-- idiot -->"
    body = request(spanAnnotations=True)
    body["comment"] = {"text": text, "type": "HTML"}
    spans = scores(ask(body))["TOXICITY"]["spanScores"]
    assert scorer.asked[-1][1:] == ["Fine & good.", "You idiot."]
    assert [text[span["begin"] : span["end"]] for span in spans] == ["Fine &amp; <b>go</b>od.", "You idiot."]


def test_plain_text_keeps_what_looks_like_tags(ask: Ask, scorer: CountingScorer) -> None:
    ask(request("a <b>idiot</b>"))
    assert scorer.asked[-1] == ["a <b>idiot</b>"]


def test_without_languages_the_language_is_detected(ask: Ask) -> None:
    body = request("The harbour is closed on Sunday.")
    del body["languages"]
    assert {key: ask(body).json[key] for key in ("languages", "detectedLanguages")} == {
        "languages": ["en"], "detectedLanguages": ["en"]
    }


@pytest.mark.parametrize("languages", [["en"], ["en-GB"], ["EN_us"], "en"])
def test_a_named_language_is_believed(ask: Ask, languages: Any) -> None:
    answer = ask(request("Das ist kein englischer Satz.", languages=languages))
    assert scores(answer)
    assert answer.json["languages"] == (languages if isinstance(languages, list) else [languages])
    assert answer.json["detectedLanguages"] == ["de"]


def test_unsupported_attributes_can_be_dropped(ask: Ask) -> None:
    answer = ask(request("You idiot", "TOXICITY", "FLIRTATION", "SEXUALLY_EXPLICIT", dropUnsupportedAttributes=True))
    assert list(scores(answer)) == ["TOXICITY"]
    assert ask(request("You idiot", "TOXICTY", dropUnsupportedAttributes=True)).status_code == 400
    assert ask(request("Das Theater ist heute leider geschlossen.", languages=["de"], dropUnsupportedAttributes=True)).json == {
        "languages": ["de"], "detectedLanguages": ["de"]
    }


def test_names_may_be_written_with_underscores(ask: Ask) -> None:
    answer = ask({
        "comment": {"text": "You idiot"}, "languages": ["en"], "client_token": "t", "do_not_store": "true", "span_annotations": None,
        "requested_attributes": {"TOXICITY": {"score_type": 1, "score_threshold": "0.5"}},
    })
    assert scores(answer)["TOXICITY"]["summaryScore"]["value"] == 0.9
    assert answer.json["clientToken"] == "t"


def test_context_is_accepted(ask: Ask) -> None:
    for context in (
        {"entries": [{"text": "Earlier.", "type": "PLAIN_TEXT"}, {"text": "x" * 900_000}]},
        {"articleAndParentComment": {"article": {"text": "News"}, "parentComment": {"text": "Well"}}},
    ):
        assert scores(ask(request(context=context)))


def test_a_key_may_come_as_a_header(ask: Ask, secret: str) -> None:
    assert ask(request(), key=None, headers={"X-Goog-Api-Key": secret}).status_code == 200


def test_what_a_client_adds_to_the_address_changes_nothing(ask: Ask, secret: str) -> None:
    query = {"key": secret, "alt": "json", "prettyPrint": "false", "$.xgafv": "2", "fields": "languages", "quotaUser": "me"}
    assert scores(ask(request(), query_string=query))


def test_analyzing_writes_nothing(ask: Ask, statements: Statements) -> None:
    ask(request())  # notes that the key is used
    statements.clear()
    assert ask(request()).status_code == 200
    assert [statement for statement in statements if not statement.startswith("SELECT")] == []
    assert len(statements) == 2  # the key with its owner, and her roles
    assert db.session.query(ScoreSuggestion).count() == 0
