"""The settings: which are given, whether they can be meant, and whether they go together."""

from __future__ import annotations

import difflib
import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import fields
from email.utils import parseaddr
from urllib.parse import urlsplit

from limits import parse_many
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from commentsvc.accounts.oidc import parse_providers
from commentsvc.cli.doctor.findings import Finding, Patient, note, ok, problem
from commentsvc.config import SHORTEST_SECRET, Settings

PREFIX = "COMMENTSVC_"
# Read from the environment, and no settings.
OTHERS = frozenset({"COMMENTSVC_PASSWORD", "COMMENTSVC_TEST_DATABASE"})
YES_OR_NO = frozenset({"", "0", "1", "true", "false", "yes", "no", "on", "off"})
# What a value must be within to mean something.
RANGES: Mapping[str, tuple[int, int]] = {
    "TRUSTED_PROXIES": (0, 10), "SESSION_DAYS": (1, 3650), "SUGGESTION_DAYS": (1, 36500), "ANALYZE_PLACES": (1, 1000),
    "SCREENING_BATCH": (1, 10_000), "SCREENING_LEASE": (2, 3600), "SCREENING_THREADS": (1, 256), "MAX_WAIT": (0, 60),
    "PAGE_CACHE": (0, 1_000_000), "PAGE_REUSE_MS": (0, 10_000), "WAITING_ROOM": (0, 1000),
}
DRIVERS = frozenset({"sqlite", "postgresql+psycopg"})
LEAST_TOKEN = 20
ALL = "docs/operations.md lists all settings."


def read_settings(environ: Mapping[str, str]) -> tuple[Settings, list[Finding]]:
    """The settings, without those that cannot be read; a problem for each of these."""
    given = dict(environ)
    found: list[Finding] = []
    while True:
        try:
            return Settings.from_environment(given), found
        except ValueError as error:
            name = str(error).partition(" ")[0]
            found.append(problem(f"{error}.", f"Correct it, or remove it for the default. {ALL}"))
            del given[name]


def check_settings(patient: Patient) -> Iterator[Finding]:
    """Names that are none of ours, values that mean nothing."""
    given = {name: text for name, text in patient.environ.items() if name.startswith(PREFIX) and name not in OTHERS}
    found = [*read_settings(patient.environ)[1], *_names(given), *_values(patient.settings)]
    if not patient.settings.RATE_LIMITS:
        found.append(note("Rate limits are switched off.", f"Leave {PREFIX}RATE_LIMITS at 1 where the public can reach the service."))
    yield from found or [ok(f"{len(given)} set, and each can be read.")]


def _names(given: Mapping[str, str]) -> Iterator[Finding]:
    kinds = {f"{PREFIX}{field.name}": field.type for field in fields(Settings)}
    for name, text in sorted(given.items()):
        if name not in kinds:
            close = difflib.get_close_matches(name, kinds, n=1)
            meant = f" Is {close[0]} meant?" if close else ""
            yield problem(f"{name} is no setting; nothing reads it.", f"Correct or remove it.{meant} {ALL}")
        elif kinds[name] == "bool" and text.strip().lower() not in YES_OR_NO:
            yield problem(f"{name} is {text!r}, which counts as no.", "Say 1 or 0.")


def _values(settings: Settings) -> Iterator[Finding]:
    for name, (least, most) in RANGES.items():
        number = getattr(settings, name)
        if not least <= number <= most:
            yield problem(f"{PREFIX}{name} is {number}.", f"It makes sense from {least} to {most}.")
    for field in fields(Settings):
        if field.name.startswith("LIMIT_"):
            try:
                parse_many(getattr(settings, field.name))
            except ValueError:
                yield problem(f"{PREFIX}{field.name} is no limit.", 'Write it like "6 per minute; 100 per hour".')
    try:
        parse_providers(settings.OIDC_PROVIDERS)
    except ValueError as error:
        yield problem(f"{error}.", "docs/operations.md has an example.")
    if len(settings.security_contacts) < len(settings.SECURITY_CONTACT.split()):
        yield problem(f"{PREFIX}SECURITY_CONTACT has an address that is neither mail nor https.", "Write it like security@news.example.")
    try:
        driver = make_url(settings.database_url).drivername
    except ArgumentError:
        driver = ""
    if driver not in DRIVERS:  # the address may have a password and is not repeated
        yield problem(
            f"{PREFIX}DATABASE_URL is no address we know.",
            "Write it like postgresql+psycopg://user:password@host/name, or leave it empty.",
        )


def check_secret_key(patient: Patient) -> Iterator[Finding]:
    """What signs everybody's session."""
    settings, path = patient.settings, patient.settings.secret_path
    longer = 'A new one signs everybody out: python3 -c "import secrets; print(secrets.token_urlsafe(48))"'
    if settings.SECRET_KEY:
        if _weak(settings.SECRET_KEY):
            yield problem(
                f"{PREFIX}SECRET_KEY is too short or too plain: whoever guesses it signs in as anybody.",
                longer,
            )
        else:
            yield ok(f"Set by {PREFIX}SECRET_KEY.")
        return
    try:
        key = path.read_text().partition("\n")[0].strip()  # former ones stand below it
        others = path.stat().st_mode & 0o077
    except FileNotFoundError:
        yield note("There is none yet; the first start makes it.")
    except OSError as error:
        yield problem(
            f"{path} cannot be read: {error.strerror}.",
            "Run this as the user that runs the service, or give the file to that user.",
        )
    else:
        if others:
            yield problem(f"Others on this machine may read {path}, and sign in as anybody.", f"chmod 600 {path}")
        elif _weak(key):
            yield problem(f"What is in {path} is too short or too plain.", f"Put a better one there. {longer}")
        else:
            yield ok(f"Kept in {path}.")


def _weak(key: str) -> bool:
    return len(key) < SHORTEST_SECRET or len(set(key)) < SHORTEST_SECRET // 2


def check_address(patient: Patient) -> Iterator[Finding]:
    """The public address, and whether cookies and proxies fit it."""
    settings = patient.settings
    parts = urlsplit(settings.BASE_URL)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.path or parts.query or parts.fragment:
        yield problem(
            f"{PREFIX}BASE_URL is {settings.BASE_URL!r}: links in mails will lead nowhere.",
            "Write it like https://comments.example, without a slash at its end.",
        )
        return
    local, found = _is_local(parts.hostname), False
    if parts.scheme == "http" and not local:
        found = True
        yield problem(
            "The public address is http: browsers then keep no cookie of the widget, and passwords go over the network in the clear.",
            f"Terminate TLS at a reverse proxy, and set {PREFIX}BASE_URL to its https address.",
        )
    if parts.scheme == "https" and not settings.COOKIE_SECURE:
        found = True
        yield problem("Cookies are also sent over plain http.", f"Leave {PREFIX}COOKIE_SECURE at 1.")
    if parts.scheme == "https" and settings.TRUSTED_PROXIES == 0:
        found = True
        yield problem(
            "The public address is https, so a proxy terminates TLS, and no proxy is trusted: all readers seem to come from it and share one limit.",
            f"Set {PREFIX}TRUSTED_PROXIES to the number of proxies that set X-Forwarded-For, usually 1.",
        )
    if local and settings.TRUSTED_PROXIES:
        found = True
        yield problem(
            "A proxy is trusted, and the public address is this machine's own: links in mails work nowhere else.",
            f"Set {PREFIX}BASE_URL to the public address.",
        )
    if settings.DEMO and not local:
        found = True
        yield problem(
            "The demo is on: its accounts' passwords are known to everybody.",
            f"Leave {PREFIX}DEMO at 0 on a public address.",
        )
    if not found:
        yield ok(f"{settings.BASE_URL}, cookies {'over HTTPS only' if settings.COOKIE_SECURE else 'over HTTP too'}, {settings.TRUSTED_PROXIES} trusted proxies.")


def is_public(settings: Settings) -> bool:
    """Whether others than this machine are meant to reach the service."""
    return not _is_local(urlsplit(settings.BASE_URL).hostname or "localhost")


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def is_local_server(server: str) -> bool:
    """Whether a host:port is this machine."""
    host = server.rpartition(":")[0] or server
    return _is_local(host.strip("[]"))


def check_metrics(patient: Patient) -> Iterator[Finding]:
    """Who may read /metrics."""
    token = patient.settings.METRICS_TOKEN.strip()
    if not token:
        yield ok(f"/metrics is off; {PREFIX}METRICS_TOKEN switches it on.")
    elif len(token) < LEAST_TOKEN:
        yield problem(
            f"{PREFIX}METRICS_TOKEN has {len(token)} characters and can be guessed.",
            f"Take one of {LEAST_TOKEN} or more.",
        )
    else:
        yield ok("/metrics is on, for those who have its token.")


def check_sender(settings: Settings) -> Iterator[Finding]:
    """Whom mails come from, where they are sent at all."""
    domain = parseaddr(settings.MAIL_FROM)[1].rpartition("@")[2]
    if "." not in domain and not is_local_server(settings.SMTP_SERVER):
        yield problem(
            f"Mails come from {settings.MAIL_FROM!r}, which other servers refuse.",
            f"Set {PREFIX}MAIL_FROM to an address of yours.",
        )
