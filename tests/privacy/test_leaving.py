"""A copy of everything, another address, and deleting the account."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.addresses import ask_for_address, take_address
from commentsvc.accounts.models import FORMER_READER, ApiKey, Profile, SiteBadge, User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.authors import give_badges
from commentsvc.comments.counts import miscounted
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.comments.threads import page_of_roots
from commentsvc.comments.votes import vote
from commentsvc.database import Base, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.decide import reject
from commentsvc.moderation.flags import flag
from commentsvc.moderation.merging import merge
from commentsvc.moderation.models import Decision, Flag, Reason
from commentsvc.moderation.profiles import find_profile
from commentsvc.privacy import erasure
from commentsvc.privacy.consents import Purpose, record_consent, verify
from commentsvc.privacy.erasure import ask_erasure, erase_due, take_back
from commentsvc.privacy.models import Erasure
from commentsvc.privacy.places import PLACES, Erase
from commentsvc.privacy.takeout import takeout
from tests.accounts.browsing import PASSWORD, Browser, mails, make_known
from tests.everything import fill_everything
from tests.factories import fresh, make_article, make_comment, make_site, make_user


def _due(user: User) -> None:
    db.session.scalars(select(Erasure).where(Erasure.user_id == user.id)).one().due_at = utcnow() - dt.timedelta(seconds=1)
    db.session.commit()


def _erase() -> int:
    steps = 0
    while erase_due():
        db.session.commit()
        steps += 1
    db.session.commit()
    return steps


def test_every_place_that_names_a_person_is_known() -> None:
    named = {
        f"{table.name}.{column.name}"
        for table in Base.metadata.sorted_tables for column in table.columns
        if any(key.column.table.name == "users" for key in column.foreign_keys)
    }
    assert named == set(PLACES)
    for place, what in PLACES.items():
        assert set(what.shown) <= set(Base.metadata.tables[place.split(".")[0]].columns.keys()), place
        assert bool(what.title) == bool(what.shown), place
        assert not {c for c in what.shown if "hash" in c and c != "hash"}, place  # no secret's hash leaves


# --- the copy


@pytest.mark.usefixtures("app")
def test_a_copy_holds_what_is_hers_and_nothing_of_others() -> None:
    article = make_article(make_site(key="courier"), title="The wall")
    ada, bo, mona = make_known(), make_user("Bo Other", email="bo@example.org"), make_user("Mona", email="mona@example.org")
    comment = make_comment(article, ada, "You *fool*.")
    theirs = make_comment(article, bo, "A remark of Bo.")
    reject(comment, actor=mona, reason=Reason.ABUSE, seen=comment.version, note="for colleagues only")
    vote(theirs, ada, 1)
    flag(theirs, ada, "spam", "looks odd")
    record_consent(ada, Purpose.TRAIN_MODERATION, granted=True)
    token = start_session(ada, device="A browser")
    db.session.commit()
    data = takeout(ada)
    (said,) = data["comments"]
    assert (said["body"], said["status"], said["article"]["title"]) == ("You *fool*.", "rejected", "The wall")
    assert [d["by"] for d in said["decisions"]] == ["the service", "a Community Manager"]
    titles = {section["title"] for section in data["sections"]}
    assert {"Votes", "Flags", "Devices I signed in on", "Consents"} <= titles
    written = json.dumps(data, default=str)
    for secret in ("for colleagues only", "Bo Other", "A remark of Bo", "mona@", "argon2", token):
        assert secret not in written
    assert '"site": "courier"' in written


@pytest.mark.usefixtures("app")
def test_a_copy_of_a_full_database_can_be_written_for_everybody() -> None:
    fill_everything()
    for user in db.session.scalars(select(User)):
        takeout(user)


def test_the_download_asks_for_the_password_and_is_a_zip_of_both_forms(app: Flask) -> None:
    ada = make_known()
    make_comment(make_article(title="<b>"), ada, "<script>alert(1)</script> & so on")
    browser = Browser(app)
    browser.sign_in("known@example.org")
    refused = browser.post("/account/my-data/download", {"form_id": "download", "current_password": "wrong"}, page="/account/my-data")
    assert refused.status_code == 422
    assert 'id="download-password-error"' in refused.text
    answer = browser.post("/account/my-data/download", {"current_password": PASSWORD}, page="/account/my-data")
    assert answer.mimetype == "application/zip"
    assert "no-store" in answer.headers["Cache-Control"]
    archive = zipfile.ZipFile(io.BytesIO(answer.data))
    answer.close()
    assert json.loads(archive.read("my-data.json"))["account"]["email"] == "known@example.org"
    page = archive.read("my-data.html").decode()
    assert "<script>" not in page
    assert "&lt;b&gt;" in page


# --- another address


@pytest.mark.usefixtures("app")
def test_an_address_is_hers_once_she_answers_the_mail_sent_there(app: Flask) -> None:
    make_known()
    browser = Browser(app)
    browser.sign_in("known@example.org")
    wrong = browser.post("/account/address", {"email": "new@example.org", "current_password": "no"}, page="/account/")
    assert 'value="new@example.org"' in wrong.text
    sent = browser.post("/account/address", {"email": "New@example.org", "current_password": PASSWORD}, page="/account/")
    assert sent.status_code == 303
    (mail,) = mails()
    assert mail.recipient == "new@example.org"
    found = re.search(r"http://localhost(/account/address/\S+)", mail.text)
    assert found
    assert db.session.scalars(select(User.email)).one() == "known@example.org"
    assert "new@example.org" in browser.get(found[1]).text
    assert browser.post(found[1], page=found[1]).status_code == 303
    assert db.session.scalars(select(User.email)).one() == "new@example.org"
    assert (mails()[-1].recipient, mails()[-1].subject) == ("known@example.org", "Your address was changed")
    assert browser.get(found[1]).status_code == 410
    assert Browser(app).sign_in("new@example.org").status_code == 303


@pytest.mark.usefixtures("app")
def test_an_address_somebody_has_is_told_only_to_its_mailbox() -> None:
    ada = make_known()
    make_user(email="taken@example.org")
    assert ask_for_address(ada, "taken@example.org") == "taken@example.org"
    (mail,) = mails()
    assert "/account/address/" not in mail.text
    with pytest.raises(Invalid):
        ask_for_address(ada, "KNOWN@example.org")
    with pytest.raises(Invalid):
        take_address("x")


@pytest.mark.usefixtures("app")
def test_who_signs_up_with_the_address_meanwhile_keeps_it() -> None:
    ada = make_known()
    ask_for_address(ada, "new@example.org")
    found = re.search(r"/account/address/(\S+)", mails()[0].text)
    assert found
    make_user(email="new@example.org")
    db.session.commit()
    with pytest.raises(Invalid):
        take_address(found[1])


# --- leaving


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("remove", [True, False])
def test_a_deleted_account_is_nobodys_and_answers_to_it_stay(remove: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasure, "COMMENTS_A_STEP", 2)
    article = make_article()
    ada, bo = make_user("Ada Leaving", email="ada@example.org", password_hash="x"), make_user("Bo")
    root = make_comment(article, ada, "A remark.")
    answer = make_comment(article, bo, "An answer.", parent=root)
    alone = make_comment(article, ada, "Another remark.")
    make_comment(article, ada, "Held.", status=Status.HELD)
    vote(answer, ada, 1)
    flag(answer, ada, "spam", "private words")
    start_session(ada, device="A browser")
    record_consent(ada, Purpose.TRAIN_MODERATION, granted=True)
    db.session.add(Profile(user_id=ada.id, bio="I ring bells."))
    give_badges(article.site, ada, expert="Bells", member=True, by=None)
    boss = make_user("Boss", role=Role.ADMIN, site=article.site)
    twin, first = make_user("Ada Twin"), make_user("Ada First")
    start_session(first, device="An older browser")
    for kept, merged in ((twin, first), (ada, twin)):
        merge(kept, merged, actor=boss, typed_name=merged.display_name)
    ask_erasure(ada, remove_comments=remove)
    db.session.commit()
    assert _erase() == 0  # not yet
    _due(ada)
    before = fresh(article).version
    assert _erase() == (3 if remove else 1)
    assert fresh(article).version > before
    user = db.session.get_one(User, ada.id)
    assert (user.display_name, user.email, user.password_hash) == (FORMER_READER, None, None)
    with pytest.raises(NotFound):
        find_profile(article.site, public_id(article.site_id, ada.id))
    assert {db.session.get_one(User, merged.id).display_name for merged in (twin, first)} == {FORMER_READER}
    for model in (UserSession, ApiKey, Profile, SiteBadge):
        assert db.session.scalar(select(func.count()).select_from(model).where(model.user_id.in_([ada.id, twin.id, first.id]))) == 0
    assert db.session.scalar(select(Flag.text).where(Flag.user_id == ada.id)) == ""
    assert db.session.scalar(select(func.count()).select_from(Mail).where(Mail.recipient == "ada@example.org")) == 0
    assert miscounted() == []
    nodes = {n.comment.id: n for n in page_of_roots(fresh(article)).nodes}
    assert [r.comment.id for r in nodes[root.id].replies] == [answer.id]
    if remove:
        assert nodes[root.id].comment.body_html == ""
        assert alone.id not in nodes
        assert {c.body for c in db.session.scalars(select(Comment).where(Comment.author_id == ada.id))} == {""}
        assert db.session.scalar(select(func.count()).select_from(Revision).join(Comment, Comment.id == Revision.comment_id).where(Comment.author_id == ada.id)) == 0
    else:
        assert nodes[alone.id].comment.author_name == FORMER_READER
    assert verify().problem == ""  # the ledger names a number, and stays whole
    assert not erase_due()


@pytest.mark.usefixtures("app")
def test_it_can_be_taken_back_and_staff_leave_their_team_first() -> None:
    ada, site = make_known(), make_site()
    ask_erasure(ada, remove_comments=False)
    with pytest.raises(Conflict):
        ask_erasure(ada, remove_comments=False)
    take_back(ada)
    db.session.commit()
    assert _erase() == 0
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    with pytest.raises(NotAllowed):
        ask_erasure(manager, remove_comments=False)


def test_leaving_by_the_page(app: Flask) -> None:
    ada = make_known()
    browser = Browser(app)
    browser.sign_in("known@example.org")
    missing = browser.post("/account/delete", {"form_id": "delete", "current_password": PASSWORD}, page="/account/my-data")
    assert missing.status_code == 422
    assert 'id="comments-error"' in missing.text
    wrong = browser.post(
        "/account/delete", {"form_id": "delete", "comments": "remove", "current_password": "x"}, page="/account/my-data"
    )
    assert 'id="delete-password-error"' in wrong.text
    assert 'value="remove" required checked' in wrong.text
    browser.post("/account/delete", {"comments": "remove", "current_password": PASSWORD}, page="/account/my-data")
    assert "will be deleted on" in browser.get("/account/my-data").text
    assert mails()[-1].subject == "Your account will be deleted"
    browser.post("/account/delete/take-back", page="/account/my-data")
    assert "will be deleted on" not in browser.get("/account/my-data").text
    assert db.session.get_one(User, ada.id).email


def test_consent_by_the_page(app: Flask, tmp_path: Path) -> None:
    make_known()
    browser = Browser(app)
    browser.sign_in("known@example.org")
    page = browser.get("/account/my-data").text
    assert "You were never asked; that counts as no." in page
    assert browser.post("/account/consents/train_moderation", page="/account/my-data").status_code == 422
    assert browser.post("/account/consents/other", {"granted": "yes"}, page="/account/my-data").status_code == 422
    browser.post("/account/consents/train_moderation", {"granted": "yes"}, page="/account/my-data")
    assert "No longer" in browser.get("/account/my-data").text
    browser.post("/account/consents/train_moderation", {"granted": "no"}, page="/account/my-data")
    assert "Yes, they may" in browser.get("/account/my-data").text
    assert verify().entries == 2


@pytest.mark.usefixtures("app")
def test_erasure_deletes_or_keeps_each_place_as_it_says() -> None:
    fill_everything()
    user = db.session.scalars(select(User).join(Erasure, Erasure.user_id == User.id)).one()
    _due(user)
    _erase()
    for place, what in PLACES.items():
        name, column = place.split(".")
        table = Base.metadata.tables[name]
        left = db.session.scalar(select(func.count()).select_from(table).where(table.c[column] == user.id))
        if what.erase is Erase.DELETE:
            assert left == 0, place
    assert (db.session.scalar(select(func.count()).select_from(Decision)) or 0) > 0
    assert miscounted() == []
