"""The dashboard and the tuning page without JavaScript: links, forms, tables, CSV."""

from __future__ import annotations

import csv
import io
import re

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.extensions import db
from commentsvc.figures.keeping import recount
from commentsvc.figures.morning import wants_mail
from commentsvc.sites.models import Site
from tests.conftest import Statements
from tests.factories import make_site, make_user
from tests.figures.history import make_history
from tests.journeys.test_review import EVIL, Desk

HOSTILE = f"{EVIL} =HYPERLINK(1) {'x' * 150}"


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="courier", name="The Calder Courier")


@pytest.fixture
def admin(site: Site) -> User:
    return make_user(HOSTILE, role=Role.ADMIN, site=site)


@pytest.fixture
def desk(app: Flask, admin: User) -> Desk:
    return Desk(app, admin)


def rows(answer: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.removeprefix("\ufeff"))))


def test_an_empty_site_says_so_in_words(site: Site, desk: Desk) -> None:
    page = desk.get("/review/courier/dashboard").text
    assert "Not counted yet" in page
    assert page.count("in these days.") >= 5
    assert "<svg xmlns" not in page
    assert "No scores in these days" in desk.get("/review/courier/tuning").text


def test_the_dashboard_plots_and_tells_and_nothing_in_it_is_inline(site: Site, admin: User, desk: Desk) -> None:
    make_history(site, [admin])
    answer = desk.get("/review/courier/dashboard?days=30")
    page = answer.text
    assert answer.status_code == 200
    assert page.count('role="img"') >= 10  # each plot for a wide and for a narrow place
    assert not re.search(r'\sstyle="|<style|<script(?![^>]*nonce=)', page)
    assert EVIL not in page
    assert 'href="/review/courier/dashboard/volume.csv?days=30"' in page
    assert re.search(r"<dt>Posted</dt><dd>40</dd>", page)


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_every_period_can_be_shown(site: Site, desk: Desk, days: int) -> None:
    make_history(site)
    page = desk.get(f"/review/courier/dashboard?days={days}").text
    assert re.search(rf'href="[^"]*days={days}" aria-current="true"', page)


def test_a_day_that_is_none_is_named_beside_the_field_and_the_usual_days_are_shown(site: Site, desk: Desk) -> None:
    answer = desk.get("/review/courier/dashboard?from=2026-02-31&to=%3Cb%3E")
    assert answer.status_code == 200
    assert "Write a day as 2026-01-31." in answer.text
    assert 'aria-describedby="period-error"' in answer.text
    assert "<b>" not in answer.text.split("period-error")[0].split("dates")[-1]
    assert desk.get("/review/courier/dashboard/volume.csv?days=0").status_code == 422


def test_every_table_is_a_csv_and_safe_in_a_spreadsheet(site: Site, admin: User, desk: Desk) -> None:
    admin.display_name = "=1+1"
    make_history(site, [admin])
    page = desk.get("/review/courier/dashboard?days=30").text
    links = re.findall(r'href="(/review/courier/dashboard/[a-z]+\.csv\?days=30)"', page)
    assert len(links) >= 8
    for link in links:
        found = rows(desk.get(link).text)
        assert len({len(row) for row in found}) == 1, link
    people = rows(desk.get("/review/courier/dashboard/people.csv?days=30").text)
    assert people[0][:4] == ["person", "decisions", "approved", "rejected"]
    assert people[1][0] == "'=1+1"
    volume = rows(desk.get("/review/courier/dashboard/volume.csv?days=30").text)
    assert len(volume) == 31
    assert sum(int(row[1]) for row in volume[1:]) == 40
    assert desk.get("/review/courier/dashboard/nothing.csv").status_code == 404


def test_the_morning_mail_is_asked_for_and_stopped(site: Site, admin: User, desk: Desk) -> None:
    page = desk.get("/review/courier/dashboard?days=30").text
    form = desk.form(page, "/dashboard/mail")
    answer = desk.post("/review/courier/dashboard/mail", form | {"wanted": "on"})
    assert answer.headers["Location"] == "/review/courier/dashboard?days=30#for-you"
    assert wants_mail(site, admin)
    assert "You get the morning mail" in desk.get("/review/courier/dashboard").text
    desk.post("/review/courier/dashboard/mail", form)
    assert not wants_mail(site, admin)


def test_the_time_zone_is_chosen_and_a_bad_one_stays_typed(site: Site, desk: Desk) -> None:
    form = desk.form(desk.get("/review/courier/dashboard").text, "/dashboard/timezone")
    bad = desk.post("/review/courier/dashboard/timezone", form | {"timezone": "Mars/Olympus"})
    assert bad.status_code == 422
    assert 'value="Mars/Olympus"' in bad.text
    assert 'id="timezone-error"' in bad.text
    desk.post("/review/courier/dashboard/timezone", form | {"timezone": "Europe/Athens"})
    assert db.session.scalar(select(Site.timezone)) == "Europe/Athens"
    assert "midnight in Europe/Athens" in desk.get("/review/courier/dashboard").text


def test_a_threshold_is_tried_by_form_and_taken_to_the_settings(site: Site, desk: Desk) -> None:
    make_history(site)
    page = desk.get("/review/courier/tuning?insult=0.3").text
    assert re.search(r'At <b data-number="at">0\.30</b> the queue would have held', page)
    link = re.search(r'href="(/review/courier/settings/screening\?hold_insult=0\.30)#hold_insult"', page)
    assert link is not None
    settings = desk.get(link[1]).text
    assert re.search(r'id="hold_insult"[^>]*value="0\.30"', settings)
    assert "not saved yet" in settings
    assert site.policy.hold_at["insult"] == 0.6
    in_german = desk.get("/review/courier/tuning?insult=0.3", headers={"Accept-Language": "de"}).text
    assert '<b data-number="at">0,30</b>' in in_german
    assert "hold_insult=0.30" in in_german, "an address is for programs"
    assert 'value="0.6"' in desk.get("/review/courier/settings/screening?hold_nothing=1&hold_insult=").text


def test_a_threshold_that_is_none_stays_typed_with_an_error_beside_it(site: Site, desk: Desk) -> None:
    make_history(site, comments=8)
    page = desk.get("/review/courier/tuning?threat=7").text
    assert re.search(r'id="threat"[^>]*value="7"[^>]*aria-invalid="true"', page)
    assert "above 0, up to 1" in page
    assert desk.get("/review/courier/tuning/data?threat=7").status_code == 422
    assert desk.get("/review/courier/tuning?model=none").status_code == 200


def test_tuning_as_csv_and_as_data(site: Site, desk: Desk) -> None:
    make_history(site)
    found = rows(desk.get("/review/courier/tuning/insult.csv?days=30").text)
    assert found[0][:3] == ["threshold", "held", "rejected"]
    assert [float(row[0]) for row in found[1:]] == [n / 20 for n in range(1, 21)]
    data = desk.get("/review/courier/tuning/data?days=30").json
    assert data is not None
    assert len(data["labels"]["insult"]["steps"]) == 100
    assert data["settings"] == "/review/courier/settings/screening"
    assert desk.get("/review/courier/tuning/nothing.csv").status_code == 404


def test_a_community_manager_is_shown_no_way_to_the_settings(app: Flask, site: Site) -> None:
    make_history(site)
    manager = Desk(app, make_user(role=Role.COMMUNITY_MANAGER, site=site))
    assert "Use this threshold" not in manager.get("/review/courier/tuning").text
    data = manager.get("/review/courier/tuning/data").json
    assert data is not None
    assert data["settings"] is None
    assert 'name="timezone"' not in manager.get("/review/courier/dashboard").text


def test_the_pages_take_the_same_statements_however_much_was_said(app: Flask, site: Site, desk: Desk, statements: Statements) -> None:
    counts = []
    for _ in range(2):
        make_history(site)
        recount(site)
        db.session.commit()
        statements.clear()
        assert desk.get("/review/courier/dashboard?days=90").status_code == 200
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 18
