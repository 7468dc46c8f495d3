"""A site's figures, tuning and the morning mail for programs."""

from __future__ import annotations

import pytest

from commentsvc.figures.morning import wants_mail
from tests.api.conftest import Paper, problem
from tests.factories import make_site
from tests.figures.history import make_history


def test_figures_are_the_dashboards(paper: Paper) -> None:
    make_history(paper.site, [paper.people["manager"]])
    make_history(make_site(), comments=7, seed=2)
    answer = paper.manager.get(f"/sites/{paper.site.key}/figures?days=30").json
    assert answer["posted"] == 40
    assert answer["period"]["timezone"] == "UTC"
    tables = {table["key"]: table for table in answer["tables"]}
    assert sum(row["posted"] for row in tables["volume"]["rows"]) == 40
    assert [c["name"] for c in tables["waits"]["columns"]] == ["day", "decided", "median", "p95"]
    assert tables["people"]["rows"][0]["person"] == "Max Manager"
    assert answer["oldest"]["comment_id"].isdigit()


def test_tuning_says_for_each_hundredth_what_the_queue_would_have_held(paper: Paper) -> None:
    make_history(paper.site)
    answer = paper.manager.get(f"/sites/{paper.site.key}/tuning?insult=0.3").json
    insult = answer["labels"]["insult"]
    assert answer["model"] == "lexical 2"
    assert answer["chosen"]["insult"] == 0.3
    assert answer["limits"]["insult"] == 0.6
    assert insult["chosen"] == insult["steps"][29]
    held = [step["held"] for step in insult["steps"]]
    assert held == sorted(held, reverse=True)
    assert held[0] == answer["comments"]
    assert answer["together"]["held"] == insult["chosen"]["held"]


@pytest.mark.parametrize(
    ("path", "field"), [("figures?days=0", "days"), ("figures?from=x", "from"), ("tuning?threat=2", "threat"), ("tuning?model=m", "model"), ("figures?dys=3", "dys")]
)
def test_what_is_wrong_is_named(paper: Paper, path: str, field: str) -> None:
    answer = paper.manager.get(f"/sites/{paper.site.key}/{path}")
    assert answer.status_code == 422
    assert problem(answer)["errors"][0]["field"] == field


def test_the_morning_mail_is_ones_own(paper: Paper) -> None:
    address = f"/sites/{paper.site.key}/morning-mail"
    assert paper.manager.get(address).json == {"wanted": False}
    assert paper.manager.put(address, {"wanted": True}).json == {"wanted": True}
    assert paper.manager.put(address, {"wanted": True}).json == {"wanted": True}
    assert wants_mail(paper.site, paper.people["manager"])
    assert paper.admin.get(address).json == {"wanted": False}
    assert paper.manager.put(address, {"wanted": False}).json == {"wanted": False}


def test_an_admin_sets_the_time_zone(paper: Paper) -> None:
    address = f"/sites/{paper.site.key}"
    assert paper.admin.patch(address, {"timezone": "America/New_York"}).json["timezone"] == "America/New_York"
    assert problem(paper.admin.patch(address, {"timezone": "Here"}))["errors"][0]["field"] == "timezone"
    assert "timezone" not in paper.manager.get(address).json
