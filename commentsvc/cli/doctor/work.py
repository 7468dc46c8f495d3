"""What is to be done and who does it: workers, the backlog, mails, sites."""

from __future__ import annotations

import datetime as dt
import smtplib
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from sqlalchemy import func, select

from commentsvc.cli.doctor.configuration import PREFIX, check_sender, is_local_server, is_public
from commentsvc.cli.doctor.findings import Finding, Patient, note, ok, problem
from commentsvc.config import Settings
from commentsvc.database import UtcDateTime, utcnow
from commentsvc.delivery.email import MAX_ATTEMPTS
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.alarms import LONG_WAIT
from commentsvc.sites.models import Site

SMTP_SECONDS = 10
# By then a worker has tried at least four times.
LATE_MAIL = dt.timedelta(hours=1)


def check_worker(patient: Patient) -> Iterator[Finding]:
    """Whether anybody screens comments, with a model that answers."""
    if patient.health is None:
        return
    standings = [(patient.health.standing(w), w) for w in patient.health.workers]
    for standing, worker in standings:
        if standing == "failing":
            yield problem(
                f"Worker {worker.id}: the model does not answer. {worker.error}",
                "Look at the findings about the model, then at the worker's log.",
            )
        elif standing == "working" and worker.problem:
            yield problem(
                f"Worker {worker.id}: the model that was chosen does not load, the one before goes on. {worker.problem}",
                "`commentsvc model verify`",
            )
    present = [worker for standing, worker in standings if standing != "silent"]
    if not present:
        last = max((w.seen_at for w in patient.health.workers), default=None)
        since = f" since {last:%Y-%m-%d %H:%M} UTC" if last else ""
        said = f"No worker reports{since}: comments wait and no mail is sent."
        action = "Start `commentsvc worker`; if one runs, look at its log and at the disk."
        # Before the first site, and where only the Perspective-compatible API is served, there is nothing for it to do.
        yield problem(said, action) if db.session.scalar(select(Site.id).limit(1)) else note(said, action)
    elif all(standing == "working" and not worker.problem for standing, worker in standings if standing != "silent"):
        yield ok(f"{len(present)} at work.")


def check_backlog(patient: Patient) -> Iterator[Finding]:
    """How long readers' comments wait."""
    if patient.health is None:
        return
    posted, waits = patient.health.posted, patient.health.backlog
    if posted.seconds > LONG_WAIT.total_seconds():
        yield problem(
            f"{posted.number} comments of readers wait, the longest for {_span(posted.seconds)}.",
            "With a worker that reports: more of them, or more COMMENTSVC_SCREENING_THREADS.",
        )
    elif waits.number:
        yield ok(f"{waits.number} comments wait, {waits.number - posted.number} of them imported.")
    else:
        yield ok("Nothing waits.")


def check_mail(patient: Patient) -> Iterator[Finding]:
    """Whether mails can be sent, and are."""
    settings, found = patient.settings, False
    if not settings.SMTP_SERVER:
        found = True
        said = "No mail is sent: mails are files in outbox/, and the worker prints their links, for anybody who reads its output."
        action = f"Set {PREFIX}SMTP_SERVER: nobody can sign up without a mail."
        yield problem(said, action) if is_public(settings) else note(said, action)
    else:
        for one in (*check_sender(settings), *_talk(settings)):
            found = True
            yield one
    if patient.health is not None:
        for one in _waiting_mails():
            found = True
            yield one
    if not found:
        yield ok(f"{settings.SMTP_SERVER} answers, and nothing is overdue.")


def _waiting_mails() -> Iterator[Finding]:
    unsent = Mail.sent_at.is_(None)
    lost = db.session.scalar(select(func.count()).where(unsent, Mail.attempts >= MAX_ATTEMPTS)) or 0
    oldest = db.session.scalar(select(func.min(Mail.created_at, type_=UtcDateTime())).where(unsent, Mail.attempts < MAX_ATTEMPTS))
    if lost:
        yield note(
            f"{lost} mails could not be delivered in a day of trying and were given up.",
            "The worker's log says why: `mail not delivered`.",
        )
    if oldest is not None and utcnow() - oldest > LATE_MAIL:
        yield problem(
            f"A mail has waited for {_span((utcnow() - oldest).total_seconds())}.",
            "Is a worker running, and does the mail server take its mails? Its log says so: `mail not delivered`.",
        )


def _talk(settings: Settings) -> Iterator[Finding]:
    """Say hello to the mail server as the worker would, and send nothing."""
    server, starttls = settings.SMTP_SERVER, settings.SMTP_STARTTLS
    if not starttls and not is_local_server(server):
        yield problem(
            "Mails with codes and links go to the mail server in the clear.",
            f"Leave {PREFIX}SMTP_STARTTLS at 1.",
        )
    host, _, port = server.rpartition(":")
    if not host:
        host, port = server, "587"
    try:
        with smtplib.SMTP(host.strip("[]"), int(port), timeout=SMTP_SECONDS) as smtp:
            if starttls:
                smtp.starttls(context=ssl.create_default_context())
            if settings.SMTP_USER:
                smtp.login(settings.SMTP_USER, settings.SMTP_PASSWORD)
            smtp.noop()
    except smtplib.SMTPAuthenticationError:
        yield problem(
            f"The mail server {server} refuses the account.",
            f"Correct {PREFIX}SMTP_USER and {PREFIX}SMTP_PASSWORD.",
        )
    except ssl.SSLError as error:
        yield problem(
            f"The certificate of the mail server {server} is not good: {error.reason}.",
            f"Set {PREFIX}SMTP_SERVER to the name in its certificate.",
        )
    except smtplib.SMTPNotSupportedError:
        yield problem(
            f"The mail server {server} does not offer STARTTLS or signing in on this port.",
            f"Try port 587 in {PREFIX}SMTP_SERVER.",
        )
    except ValueError:
        yield problem(f"{PREFIX}SMTP_SERVER is {server!r}.", "Write it as host:port.")
    except (OSError, smtplib.SMTPException) as error:
        yield problem(
            f"The mail server {server} does not answer: {getattr(error, 'strerror', None) or type(error).__name__}.",
            f"Is {PREFIX}SMTP_SERVER right, and may this machine connect to it?",
        )


def check_sites(patient: Patient) -> Iterator[Finding]:
    """Who may show the widget, and whether over https."""
    if patient.health is None:
        return
    sites = db.session.execute(select(Site.key, Site.origins).order_by(Site.key)).all()
    if not sites:
        yield note("There is no site yet.", "commentsvc site create KEY --name NAME --origin https://news.example")
        return
    found = False
    for key, origins in sites:
        plain = [one for one in origins if one.startswith("http:") and not is_local_server(urlsplit(one).netloc)]
        if plain:
            found = True
            yield problem(
                f"Site {key} may be shown on {', '.join(plain)}: whoever is on the way can change that page and act as its readers.",
                "Serve the pages over https, and set the site's origins to https in the console.",
            )
        if not origins:
            found = True
            yield note(
                f"Site {key} has no origin: no page of a publisher may show its conversations.",
                "Add one in the console, under Settings.",
            )
    if not found:
        yield ok(f"{len(sites)}, shown over https or on this machine alone.")


def _span(seconds: float) -> str:
    """A time in words that are exact enough: 5 minutes, 3 hours, 2 days."""
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"
