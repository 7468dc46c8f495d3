"""The audit log: rows with what they tell, chained afterwards, and every way of tampering found out."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from commentsvc.accounts.api_keys import create_key, revoke_key, user_by_key
from commentsvc.accounts.audit import (
    FACTS_LENGTH,
    START,
    Head,
    changed,
    exported,
    head,
    record,
    seal,
    seal_all,
    sealed_rows,
    verify,
    waiting,
)
from commentsvc.accounts.models import AuditEntry, AuditHead, User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role, revoke_role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import reject, undo, withdraw
from commentsvc.moderation.models import Reason
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")


def written() -> list[tuple[str, int | None, str, dict[str, Any]]]:
    db.session.flush()
    return [
        (e.action, e.actor_id, e.subject, json.loads(e.facts))
        for e in db.session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    ]


def _three() -> User:
    person = make_user()
    for number in range(3):
        record(person, "role.granted", subject=f"user:{number}", role=[None, "expert"])
    db.session.commit()
    assert seal_all() == 3
    return person


def test_a_row_is_written_with_what_it_tells_or_not_at_all() -> None:
    person = make_user()
    record(person, "role.granted", site_id=7, subject="user:3", role=[None, "admin"])
    db.session.rollback()
    assert written() == []
    record(None, "site.created", subject="site:1")
    assert written() == [("site.created", None, "site:1", {})]


@pytest.mark.parametrize(("action", "facts"), [
    ("granted", {}), ("Role.granted", {}), ("role.granted!", {}), ("role." + "x" * 60, {}), ("role.granted", {"text": "x" * FACTS_LENGTH}),
])
def test_what_is_no_row_is_refused(action: str, facts: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        record(None, action, **facts)


def test_sealed_rows_follow_from_one_another() -> None:
    _three()
    assert verify(sealed_rows()).problem is None
    assert [row["position"] for row in sealed_rows()] == [1, 2, 3]
    assert verify(sealed_rows()).head == head()
    assert head().position == 3


def test_an_empty_log_is_sound() -> None:
    assert verify(sealed_rows()).head == head() == START
    assert seal() == 0


def _break(number: int, **values: Any) -> None:
    db.session.execute(update(AuditEntry).where(AuditEntry.position == number).values(**values))
    db.session.commit()


@pytest.mark.parametrize(("tamper", "says"), [
    (lambda: _break(2, actor_id=99), "Row 2 "),
    (lambda: _break(2, facts='{"role":[null,"admin"]}'), "Row 2 "),
    (lambda: _break(1, at=utcnow()), "Row 1 "),
    (lambda: _break(3, hash=b"\x01" * 32), "Row 3 "),
    (lambda: _break(2, subject="user:9"), "Row 2 "),
    (lambda: _break(2, site_id=9), "Row 2 "),
    (lambda: _break(2, via="command"), "Row 2 "),
    (lambda: _break(2, action="role.revoked"), "Row 2 "),
    (lambda: _break(2, position=20), "Row 2 of the chain is missing; after row 1 comes row 3"),
    (lambda: db.session.delete(db.session.scalars(select(AuditEntry).where(AuditEntry.position == 1)).one()), "Row 1 of the chain is missing"),
])
def test_whatever_is_changed_is_found_at_its_row(tamper: Callable[[], object], says: str) -> None:
    _three()
    tamper()
    db.session.commit()
    problem = verify(sealed_rows()).problem
    assert problem is not None
    assert problem.startswith(says)


def test_a_chain_that_was_written_anew_is_not_the_one_that_was_noted() -> None:
    _three()
    noted = head()
    assert verify(sealed_rows(), noted=noted).problem is None
    _break(2, actor_id=99)
    db.session.execute(update(AuditEntry).values(position=None, hash=None))
    db.session.execute(update(AuditHead).values(position=0, hash=START.hash))
    db.session.commit()
    seal_all()
    assert verify(sealed_rows()).problem is None  # in itself it is sound
    assert "written anew" in (verify(sealed_rows(), noted=noted).problem or "")
    assert "was noted" in (verify(sealed_rows(), noted=Head(9, noted.hash)).problem or "")


def test_an_export_proves_itself() -> None:
    _three()
    lines = [json.dumps(row) for row in sealed_rows()]
    assert verify(map(json.loads, lines)).head == head()
    lines[1] = lines[1].replace("user:1", "user:2")
    assert "Row 2 " in (verify(map(json.loads, lines)).problem or "")


def test_a_later_row_does_not_wait_for_one_whose_transaction_is_still_open(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--database") == "sqlite":
        pytest.skip("SQLite's writers take turns: ids commit in order")
    values = {"at": utcnow(), "via": "command", "action": "site.created", "subject": "", "facts": "{}"}
    with db.engine.connect() as slow:
        slow.execute(insert(AuditEntry).values(**values | {"subject": "first"}))
        record(None, "site.created", subject="second")
        db.session.commit()
        assert seal_all() == 1
        slow.commit()
    assert waiting().count == 1
    assert seal_all() == 1
    assert [(row["position"], row["subject"]) for row in sealed_rows()] == [(1, "second"), (2, "first")]
    assert verify(sealed_rows()).problem is None


def test_a_backlog_is_sealed_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("commentsvc.accounts.audit.SEALED_AT_ONCE", 2)
    monkeypatch.setattr("commentsvc.accounts.audit.READ_AT_ONCE", 2)
    for _ in range(5):
        record(None, "site.created")
    db.session.commit()
    assert (waiting().count, seal_all(), waiting().count) == (5, 5, 0)
    assert verify(sealed_rows()).head.position == 5


def test_settings_are_told_before_and_after_and_long_ones_by_their_hash() -> None:
    told = changed({"a": 1, "same": 2, "text": "x" * 500}, {"a": 3, "same": 2, "text": ""})
    assert told["a"] == [1, 3]
    assert "same" not in told
    assert told["text"][0].keys() == {"length", "sha256"}
    assert told["text"] == [{"length": 500, "sha256": told["text"][0]["sha256"]}, ""]


def test_decisions_of_people_are_told_and_those_of_the_system_and_of_authors_are_not() -> None:
    article = make_article()
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=article.site)
    author = make_user()
    comment = make_comment(article, author)
    seen = comment.version
    decision = reject(comment, actor=nora, reason=Reason.ABUSE, seen=seen)
    undo(decision, actor=nora)
    withdraw(comment, author)
    make_comment(article, status=Status.HELD)
    rows = written()
    assert [(action, actor, subject) for action, actor, subject, _ in rows] == [
        ("comment.decided", nora.id, f"comment:{comment.id}"), ("comment.undone", nora.id, f"comment:{comment.id}"),
    ]
    assert rows[0][3] == {"status": ["published", "rejected"], "reason": "abuse", "version": seen}


def test_roles_keys_and_sign_ins_of_staff_are_told_where_they_are_staff() -> None:
    site, other = make_site(), make_site()
    admin, tom = make_user(role=Role.ADMIN, site=site), make_user()
    grant = grant_role(site, tom, Role.COMMUNITY_MANAGER, by=admin)
    grant_role(site, tom, Role.COMMUNITY_MANAGER, by=admin)  # no change
    assert (grant.granted_by_id, grant.granted_at is not None) == (admin.id, True)
    grant_role(other, tom, Role.EXPERT)  # no staff there
    start_session(tom, device="x")
    key, secret = create_key(tom, "importer", ["read"], None)
    db.session.commit()
    revoke_key(tom, key.id)
    revoke_role(site, tom, by=admin)
    start_session(tom, device="x")  # a reader again
    db.session.flush()
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(e.action, e.actor_id, e.site_id, e.via) for e in entries] == [
        ("role.granted", admin.id, site.id, "session"), ("role.granted", None, other.id, "command"),
        ("session.started", tom.id, site.id, "session"), ("key.made", tom.id, site.id, "session"),
        ("key.revoked", tom.id, site.id, "session"), ("role.revoked", admin.id, site.id, "session"),
    ]
    assert secret not in "".join(e.facts for e in entries)


def test_what_a_key_did_names_the_key() -> None:
    site = make_site()
    admin = make_user(role=Role.ADMIN, site=site)
    key, secret = create_key(admin, "sync", ["manage_roles"], site)
    db.session.commit()
    user = user_by_key(secret)
    assert user is not None
    entry = record(user, "role.granted", site_id=site.id, subject="user:1")
    assert (entry.via, json.loads(entry.facts)) == ("key", {"key": key.id})


def test_a_row_of_the_export_has_all_that_its_hash_is_made_of() -> None:
    person = _three()
    row = exported(db.session.scalars(select(AuditEntry).where(AuditEntry.position == 1)).one())
    assert (row["actor_id"], row["via"], row["facts"]) == (person.id, "session", '{"role":[null,"expert"]}')
