"""Mails: queued with the change that causes them, delivered by the worker until they arrive."""

from __future__ import annotations

import datetime as dt
import os
import re
import smtplib
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from pathlib import Path

import structlog
from flask import current_app
from sqlalchemy import delete, select, update
from sqlalchemy.orm.util import identity_key

from commentsvc.config import Settings
from commentsvc.database import follow_up, utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db

log = structlog.get_logger()

TIMEOUT = 15  # seconds for each of the nine or so steps of a talk with the SMTP server
# Doubled with each try. Also the claim on a mail: longer than all the steps of one talk together.
FIRST_RETRY = dt.timedelta(minutes=3)
LAST_RETRY = dt.timedelta(hours=6)
MAX_ATTEMPTS = 10  # over about a day; the codes and links in a mail are older by then
SUBJECT_LENGTH = 300

_MAILS = Mail.__table__.c

_LINK = re.compile(r"https?://\S+")


def queue_mail(recipient: str, subject: str, template: str, **context: object) -> Mail:
    """Have a mail delivered once the caller's transaction is committed; flushes.

    `template` is rendered from `templates/email/<template>.txt`, with `base_url` added, in the present language: say
    it with `in_language`, for whoever causes a mail is seldom its reader.
    """
    mail = queue_mail_after(dt.timedelta(0), recipient, subject, template, context)
    follow_up(db.session, "mail")
    return mail


def queue_mail_after(
    delay: dt.timedelta, recipient: str, subject: str, template: str, context: Mapping[str, object]
) -> Mail:
    """As :func:`queue_mail`, but not delivered before so long; until then `recall_mail` takes it back."""
    settings: Settings = current_app.config["SETTINGS"]
    # Not flask.render_template: a mail is also written outside of requests, where nobody is signed in.
    page = current_app.jinja_env.get_template(f"email/{template}.txt")
    now = utcnow()
    mail = Mail(
        recipient=recipient, kind=template, subject=_one_line(subject),
        text=page.render(**context, base_url=settings.BASE_URL).strip() + "\n",
        created_at=now, next_attempt_at=now + delay, attempts=0,
    )
    db.session.add(mail)
    db.session.flush()
    return mail


def recall_mail(mail_id: int | None) -> bool:
    """Take back a mail that nobody has tried to deliver yet; whether there was one."""
    if mail_id is None:
        return False
    taken = db.session.connection().execute(
        delete(Mail.__table__).where(_MAILS.id == mail_id, _MAILS.attempts == 0, _MAILS.sent_at.is_(None))  # type: ignore[arg-type]
    )
    gone = db.session.identity_map.get(identity_key(Mail, mail_id))
    if gone is not None and taken.rowcount == 1:
        db.session.expunge(gone)  # SQLite gives the number to the next mail
    return taken.rowcount == 1


def recall_queued(mail_ids: Sequence[int]) -> list[int]:
    """Take back those of these mails that no server has taken, also where one was tried and did not answer; their ids."""
    if not mail_ids:
        return []
    gone = db.session.execute(delete(Mail).where(_MAILS.id.in_(mail_ids), _MAILS.sent_at.is_(None)).returning(_MAILS.id).execution_options(synchronize_session=False))
    return list(gone.scalars())


def put_off(mail: Mail, due: dt.datetime) -> Mail:
    """Have a queued mail delivered when it is due, with that date on it; flushes."""
    mail.created_at = mail.next_attempt_at = due
    db.session.flush()
    return mail


def _one_line(subject: str) -> str:
    """The subject without what could begin another header: breaks, and words that the mail library would decode to some."""
    plain = "".join(char if char.isprintable() else " " for char in subject).replace("=?", "= ?")
    return " ".join(plain.split())[:SUBJECT_LENGTH]


def deliver_due(settings: Settings) -> int:
    """Try each mail that is due, oldest first; returns how many went out.

    Each is claimed by putting off its next try, and no transaction is open while the server is
    spoken to; several workers may do this at once. A mail is marked sent after the server took
    it: a worker killed in between sends it again, under the same Message-ID.
    """
    sent = 0
    while (mail := _claim()) is not None:
        try:
            if settings.SMTP_SERVER:
                _send(mail, settings)
            else:
                _write(mail, settings)
        except (OSError, smtplib.SMTPException, ValueError) as error:
            # The recipient stays out of the log; the row knows.
            log.warning("mail not delivered", mail=mail.id, attempts=mail.attempts, error=type(error).__name__)
            if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused):
                break  # the server is away: the other mails keep their turn
            continue
        mail.sent_at = utcnow()
        db.session.commit()
        sent += 1
    return sent


def retry_after(attempts: int) -> dt.timedelta:
    """How long a mail waits after that many tries."""
    doubled: dt.timedelta = FIRST_RETRY * 2 ** (attempts - 1)
    return min(doubled, LAST_RETRY)


def _claim() -> Mail | None:
    """The next due mail, put off so that nobody else takes it; commits."""
    now = utcnow()
    while True:
        mail = db.session.scalar(
            select(Mail)
            .where(
                Mail.sent_at.is_(None), Mail.next_attempt_at <= now, Mail.attempts < MAX_ATTEMPTS
            )
            .order_by(Mail.next_attempt_at, Mail.id).limit(1)
            .with_for_update(skip_locked=True).execution_options(populate_existing=True)
        )
        if mail is None:
            db.session.rollback()
            return None
        attempts = mail.attempts + 1
        claimed = db.session.execute(
            update(Mail)
            .where(Mail.id == mail.id, Mail.attempts == mail.attempts, Mail.sent_at.is_(None))
            .values(attempts=attempts, next_attempt_at=now + retry_after(attempts)).returning(Mail.id)
        ).first()
        db.session.commit()
        if claimed is not None:
            return mail


def message_of(mail: Mail, sender: str, *, encoding: str = "quoted-printable") -> EmailMessage:
    """The mail as a message; ValueError when a header would not be one line."""
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = Address(addr_spec=mail.recipient)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(mail.created_at)
    message["Message-ID"] = f"<mail.{mail.id}.{int(mail.created_at.timestamp())}@{address.partition('@')[2] or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office replies
    if mail.unsubscribe_url is not None:  # one click in the mail program, RFC 8058
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text, cte=encoding)
    return message


def _send(mail: Mail, settings: Settings) -> None:
    host, _, port = settings.SMTP_SERVER.rpartition(":")
    if not host:
        host, port = settings.SMTP_SERVER, "587"
    with smtplib.SMTP(host.strip("[]"), int(port), timeout=TIMEOUT) as server:
        if settings.SMTP_STARTTLS:
            server.starttls(context=ssl.create_default_context())
        if settings.SMTP_USER:
            server.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
        server.send_message(message_of(mail, settings.MAIL_FROM))


def _write(mail: Mail, settings: Settings) -> None:
    """Put the mail into the outbox folder, complete or not at all, and print its links."""
    outbox = settings.instance_path / "outbox"
    outbox.mkdir(parents=True, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", mail.subject.lower()).strip("-")[:40] or "mail"
    path = outbox / f"{mail.created_at:%Y%m%d-%H%M%S}-{mail.id}-{slug}.eml"
    # 8bit, so that a person or a script reads the text as it is.
    data = message_of(mail, settings.MAIL_FROM, encoding="8bit").as_bytes()
    descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=outbox)  # its owner's alone
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    for link in _LINK.findall(mail.text):
        print(f"mail to {mail.recipient}: {mail.subject} -> {link}", flush=True)  # noqa: T201 - the embedded default's mailbox
