from __future__ import annotations

import datetime as dt
import email
import email.policy
import smtplib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from flask import Flask

from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery import email as delivery
from commentsvc.delivery.email import MAX_ATTEMPTS, deliver_due, message_of, queue_mail, retry_after
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from tests.accounts.browsing import mails

pytestmark = pytest.mark.usefixtures("app")
SENDER = "Comments <comments@news.example>"


def queue(recipient: str = "ada@example.org", subject: str = "Your code: 123456 – voilà") -> Mail:
    mail = queue_mail(recipient, subject, "verify", code="123456", link="/account/verify/" + "t" * 43)
    db.session.commit()
    return mail


def parsed(path: Path) -> EmailMessage:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture
def local(settings: Settings, tmp_path: Path) -> Settings:
    """No SMTP server: mails are files."""
    return replace(settings, INSTANCE=str(tmp_path), MAIL_FROM=SENDER)


class Talk(socketserver.StreamRequestHandler):
    """A mail server: refuses what its server says, keeps what it takes."""

    server: MailServer

    def handle(self) -> None:
        self.wfile.write(b"220 hello\r\n")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in {b"EHLO", b"HELO"}:
                self.wfile.write(b"250 hello\r\n")
            elif verb == b"RCPT" and any(word in line for word in self.server.refused):
                self.wfile.write(b"550 no such mailbox\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = []
                while (part := self.rfile.readline()) != b".\r\n":
                    lines.append(part)
                self.server.taken.append(b"".join(lines))
                self.wfile.write(b"250 taken\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            else:
                self.wfile.write(b"250 ok\r\n")


class MailServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.taken: list[bytes] = []
        self.refused: set[bytes] = set()


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def smtp(server: MailServer, settings: Settings) -> Settings:
    return replace(settings, SMTP_SERVER=f"127.0.0.1:{server.server_address[1]}", SMTP_STARTTLS=False, MAIL_FROM=SENDER)


def test_without_a_server_a_mail_is_a_file_that_mail_programs_read(
    local: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mail = queue()
    assert deliver_due(local) == 1
    (path,) = (tmp_path / "outbox").iterdir()
    assert path.name == f"{mail.created_at:%Y%m%d-%H%M%S}-{mail.id}-your-code-123456-voil.eml"
    assert path.stat().st_mode & 0o077 == 0  # it holds a link that is a key
    message = parsed(path)
    assert (message["To"], message["From"], message["Subject"]) == ("ada@example.org", SENDER, "Your code: 123456 – voilà")
    link = "http://localhost/account/verify/" + "t" * 43
    assert link in message.get_content()
    assert link.encode() in path.read_bytes()  # readable as it is, not folded or encoded
    assert capsys.readouterr().out == f"mail to ada@example.org: {mail.subject} -> {link}\n"
    assert message["Auto-Submitted"] == "auto-generated"


def test_a_delivered_mail_is_not_delivered_again(local: Settings, tmp_path: Path) -> None:
    queue()
    queue()
    assert deliver_due(local) == 2
    assert deliver_due(local) == 0
    assert len(list((tmp_path / "outbox").iterdir())) == 2
    assert all(mail.sent_at for mail in mails())


def test_a_mail_of_a_change_that_was_rolled_back_is_never_sent(local: Settings) -> None:
    queue_mail("ada@example.org", "No", "reset", link="/x")
    db.session.rollback()
    assert deliver_due(local) == 0


def test_a_disk_that_fails_leaves_no_half_file_and_the_mail_waiting(
    local: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue()

    def full(_descriptor: int, _mode: str) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as broken:
        broken.setattr("commentsvc.delivery.email.os.fdopen", full)
        assert deliver_due(local) == 0
    assert list((tmp_path / "outbox").iterdir()) == []
    assert mails()[0].sent_at is None


def test_the_server_gets_the_mail_once(server: MailServer, smtp: Settings) -> None:
    mail = queue()
    assert deliver_due(smtp) == 1
    assert deliver_due(smtp) == 0
    (taken,) = server.taken
    message = email.message_from_bytes(taken, policy=email.policy.default)
    assert message["Subject"] == mail.subject
    assert isinstance(message, EmailMessage)
    assert "http://localhost/account/verify/" + "t" * 43 in message.get_content()
    assert max(len(line) for line in taken.split(b"\r\n")) <= 998


def test_a_failed_mail_is_tried_again_later_and_sent_once(
    server: MailServer, smtp: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue()
    away = replace(smtp, SMTP_SERVER="127.0.0.1:1")
    assert deliver_due(away) == 0
    mail = mails()[0]
    assert (mail.attempts, mail.sent_at) == (1, None)
    assert mail.next_attempt_at > utcnow() + dt.timedelta(minutes=2)
    assert deliver_due(smtp) == 0  # its turn has not come
    later = utcnow() + dt.timedelta(minutes=4)
    monkeypatch.setattr(delivery, "utcnow", lambda: later)
    assert deliver_due(smtp) == 1
    assert deliver_due(smtp) == 0
    assert len(server.taken) == 1
    assert mails()[0].attempts == 2


def test_a_server_that_is_away_costs_the_other_mails_no_try(smtp: Settings) -> None:
    queue()
    queue()
    deliver_due(replace(smtp, SMTP_SERVER="127.0.0.1:1"))
    assert sorted(mail.attempts for mail in mails()) == [0, 1]


def test_a_mailbox_that_is_refused_keeps_nobody_waiting(server: MailServer, smtp: Settings) -> None:
    server.refused = {b"gone@"}
    queue("gone@example.org")
    queue("ada@example.org")
    assert deliver_due(smtp) == 1
    assert [mail.sent_at is None for mail in mails()] == [True, False]


def test_waiting_doubles_up_to_a_limit_and_ends() -> None:
    waits = [retry_after(n) for n in range(1, MAX_ATTEMPTS + 1)]
    assert waits[:3] == [dt.timedelta(minutes=3), dt.timedelta(minutes=6), dt.timedelta(minutes=12)]
    assert max(waits) == dt.timedelta(hours=6)


def test_a_mail_that_never_gets_through_is_given_up(smtp: Settings) -> None:
    mail = queue()
    mail.attempts = MAX_ATTEMPTS
    db.session.commit()
    assert deliver_due(smtp) == 0


def test_two_workers_deliver_each_mail_once(app: Flask, local: Settings, tmp_path: Path) -> None:
    for _ in range(8):
        queue()
    db.session.remove()
    counts = []

    def work() -> None:
        with app.app_context():
            counts.append(deliver_due(local))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 8
    assert len(list((tmp_path / "outbox").iterdir())) == 8


def test_a_header_takes_no_second_line() -> None:
    mail = queue(subject="Hello\r\nBcc: eve@example.org\n\nbody")
    assert mail.subject == "Hello Bcc: eve@example.org body"
    message = message_of(mail, SENDER)
    assert message["Bcc"] is None
    mail.subject = "Hello\r\nBcc: eve@example.org"
    with pytest.raises(ValueError, match=r"newline|linefeed"):
        message_of(mail, SENDER)
    mail.subject, mail.recipient = "Hello", "ada@example.org\r\nBcc: eve@example.org"
    with pytest.raises(ValueError):
        message_of(mail, SENDER)


def test_a_mail_that_cannot_be_written_holds_up_no_other(local: Settings) -> None:
    bad = queue()
    bad.recipient = "no address"
    queue()
    db.session.commit()
    assert deliver_due(local) == 1
    assert [mail.sent_at is None for mail in mails()] == [True, False]


def test_smtplib_knows_how_to_send_what_we_build(server: MailServer) -> None:
    """Non-ASCII text and subject through a server without 8BITMIME."""
    mail = queue(subject="Größe – مرحبا")
    with smtplib.SMTP("127.0.0.1", server.server_address[1], timeout=5) as talk:
        talk.send_message(message_of(mail, SENDER))
    assert all(byte < 128 for byte in server.taken[0])
