"""Every setting: its default, its type, one comment. Environment: `COMMENTSVC_<NAME>`."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

CONNECT_SECONDS = 5
GIVE_UP_SECONDS = 10
STATEMENT_SECONDS = 30  # of a web process; then PostgreSQL ends it
REDIS_SECONDS = 2  # limits fall back to the process after that, once; longer than any answer of a Redis that lives
# Sixteen random bytes as hexadecimal digits or base64 are longer.
SHORTEST_SECRET = 20


def new_secret() -> str:
    """384 random bits."""
    return secrets.token_urlsafe(48)


@dataclass(frozen=True)
class Settings:
    """All settings of the service; `docs/operations.md` lists each one (a test says so)."""

    #: Folder for everything the embedded default writes: database, queue, outbox, secret.
    INSTANCE: str = "instance"
    #: SQLAlchemy address of the database; empty: SQLite in INSTANCE.
    DATABASE_URL: str = ""
    #: Redis address for limits and the queue; empty: this process and SQLite.
    REDIS_URL: str = ""
    #: Signs sessions, cursors and links; empty: made once and kept in INSTANCE.
    SECRET_KEY: str = ""
    #: Former secrets, separated by spaces, that still open what they signed.
    SECRET_KEY_FALLBACKS: str = ""
    #: Public address of the service, without a trailing slash; used in mails and documents.
    BASE_URL: str = "http://127.0.0.1:8000"
    #: Send cookies only over HTTPS (browsers count localhost as such).
    COOKIE_SECURE: bool = True
    #: Strict-Transport-Security, sent over HTTPS; empty: not at all.
    HSTS: str = "max-age=31536000; includeSubDomains"
    #: How many reverse proxies in front set X-Forwarded-*; 0 trusts none.
    TRUSTED_PROXIES: int = 0
    #: SMTP server, host:port; empty: mails are files in INSTANCE/outbox.
    SMTP_SERVER: str = ""
    #: SMTP account; empty: none.
    SMTP_USER: str = ""
    #: SMTP password.
    SMTP_PASSWORD: str = ""
    #: Use STARTTLS with the SMTP server.
    SMTP_STARTTLS: bool = True
    #: Sender of mails.
    MAIL_FROM: str = "Comments <comments@localhost>"
    #: Whom to tell of a weakness, for /.well-known/security.txt: mail or https addresses, separated by spaces; empty: no such page.
    SECURITY_CONTACT: str = ""
    #: Days a session lives without being used.
    SESSION_DAYS: int = 30
    #: Days after which a session ends however much it is used.
    SESSION_MAX_DAYS: int = 365
    #: Switch the rate limits on.
    RATE_LIMITS: bool = True
    #: Posts by one account or address (Flask-Limiter notation).
    LIMIT_POST: str = "6 per minute; 100 per hour"
    #: Votes and flags by one account or address.
    LIMIT_REACT: str = "60 per minute"
    #: Texts that one account tries out against a site's policy.
    LIMIT_TRIAL: str = "20 per minute"
    #: What guests write, from one address.
    LIMIT_GUEST: str = "2 per minute; 10 per day"
    #: Sign-ups, sign-ins and resets from one address.
    LIMIT_ACCOUNT: str = "10 per minute; 60 per hour"
    #: Identity providers to sign in with, as a JSON list; empty: none.
    OIDC_PROVIDERS: str = ""
    #: Ask identity providers and publishers' key sets over plain HTTP and in private networks too.
    PRIVATE_PROVIDERS: bool = False
    #: Wrong passwords for one account from one network.
    LIMIT_GUESSES: str = "10 per 15 minutes; 30 per day"
    #: Wrong passwords for one account from everywhere.
    LIMIT_GUESSES_EVERYWHERE: str = "100 per day"
    #: First views that register an article, from one address.
    LIMIT_ARTICLE: str = "30 per minute"
    #: Reads from one address.
    LIMIT_READ: str = "600 per minute"
    #: Scores that one key may ask for through the Perspective-compatible API.
    LIMIT_ANALYZE: str = "6000 per minute"
    #: Scores that one key may suggest through it.
    LIMIT_SUGGEST: str = "600 per minute; 20000 per day"
    #: Days a suggested score is kept.
    SUGGESTION_DAYS: int = 365
    #: Requests for scores that a web process keeps at once; more are asked to come back.
    ANALYZE_PLACES: int = 6
    #: Languages the loaded model reads, as ISO 639-1 codes with commas.
    ANALYZE_LANGUAGES: str = "en"
    #: Legal notices from one address or account.
    LIMIT_NOTICE: str = "3 per minute; 20 per day"
    #: Days after the decision that a legal notice says who sent it, and what she said.
    LEGAL_NOTICE_DAYS: int = 365
    #: Days a notification is kept.
    NOTIFICATION_DAYS: int = 90
    #: Comments the worker takes at once.
    SCREENING_BATCH: int = 32
    #: Seconds after which a claimed comment is given to another worker.
    SCREENING_LEASE: int = 30
    #: Comments of a backlog that a worker scores at the same time: the cores it may fill.
    SCREENING_THREADS: int = 1
    #: Which toxicity model scores; empty: what `commentsvc model use` chose, else the bundled one.
    TOXICITY_MODEL: str = ""
    #: Longest `Prefer: wait=N` in seconds.
    MAX_WAIT: int = 10
    #: Rendered pages kept per web process; 0: none.
    PAGE_CACHE: int = 512
    #: What Prometheus sends as a bearer token to read /metrics; empty: there is no such page.
    METRICS_TOKEN: str = ""
    #: Milliseconds for which a web process gives a public page again without asking the database; 0: never.
    PAGE_REUSE_MS: int = 500
    #: Requests of a web process that wait for one of its threads; more are asked to come back. 0: all wait, unseen.
    WAITING_ROOM: int = 48
    #: Serve the demo newspaper under /demo/.
    DEMO: bool = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Defaults, overridden by COMMENTSVC_* variables; ValueError names a bad one."""
        given: dict[str, object] = {}
        for field in fields(cls):
            text = environ.get(f"COMMENTSVC_{field.name}")
            if text is None:
                continue
            if field.type == "bool":
                given[field.name] = text.strip().lower() in {"1", "true", "yes", "on"}
            elif field.type == "int":
                try:
                    given[field.name] = int(text)
                except ValueError:
                    raise ValueError(f"COMMENTSVC_{field.name} must be a whole number, not {text!r}") from None
            else:
                given[field.name] = text
        return cls(**given)  # type: ignore[arg-type]

    @property
    def instance_path(self) -> Path:
        return Path(self.INSTANCE).resolve()

    def make_instance(self) -> None:
        """Make the data folder where there is none, closed to everybody else on the machine."""
        self.instance_path.mkdir(mode=0o700, parents=True, exist_ok=True)

    @property
    def models_path(self) -> Path:
        """Toxicity models that were pulled or exported here, and which of them is in use."""
        return self.instance_path / "models"

    @property
    def database_url(self) -> str:
        return self.DATABASE_URL or f"sqlite:///{self.instance_path / 'commentsvc.sqlite3'}"

    @property
    def engine_options(self) -> dict[str, object]:
        """For SQLAlchemy: a PostgreSQL that is gone is found out within seconds, never waited for."""
        quiet: dict[str, object] = {"hide_parameters": True}  # errors are logged, rows are not
        if not self.database_url.startswith("postgresql"):
            return quiet
        return {**quiet, "connect_args": self.connect_args, "pool_timeout": CONNECT_SECONDS}

    @property
    def connect_args(self) -> dict[str, int]:
        """For libpq: how long it waits for a PostgreSQL that does not answer."""
        return {
            "connect_timeout": CONNECT_SECONDS,
            # Where the network swallows packets: what was sent is given up after that, an idle line is probed.
            "tcp_user_timeout": GIVE_UP_SECONDS * 1000, "keepalives_idle": 30, "keepalives_interval": 5, "keepalives_count": 3,
        }

    @property
    def redis_options(self) -> dict[str, int]:
        """Seconds after which a Redis that does not answer is given up."""
        return {"socket_connect_timeout": REDIS_SECONDS, "socket_timeout": REDIS_SECONDS} if self.REDIS_URL else {}

    @property
    def security_contacts(self) -> list[str]:
        """Whom to tell of a weakness, as addresses; a bare mail address counts as `mailto:`, what is neither mail nor https is left out."""
        given = [f"mailto:{one}" if "@" in one and ":" not in one else one for one in self.SECURITY_CONTACT.split()]
        return [one for one in given if one.startswith(("mailto:", "https://"))]

    def secret_key(self) -> str:
        """The secret that signs: the configured one, or one made on first use and its owner's alone to read."""
        return self.secret_keys()[0]

    def secret_keys(self) -> list[str]:
        """The secret that signs, then former ones, latest first, that still open what they signed.

        ValueError when one that was configured is so short that it could be guessed.
        """
        former = self.SECRET_KEY_FALLBACKS.split()
        if self.SECRET_KEY:
            for key in (self.SECRET_KEY, *former):
                if len(key) < SHORTEST_SECRET:
                    raise ValueError(f"COMMENTSVC_SECRET_KEY has at least {SHORTEST_SECRET} random characters")
            return [self.SECRET_KEY, *former]
        return [*self._kept_secrets(), *former]

    def _kept_secrets(self) -> list[str]:
        """Those in the instance folder, one a line."""
        try:
            return self.secret_path.read_text().strip().splitlines()
        except FileNotFoundError:
            return [self._first_secret()]

    def _first_secret(self) -> str:
        key = new_secret()
        try:
            self._keep_secrets([key], os.link)
        except FileExistsError:  # another process was first
            return self.secret_path.read_text().strip().splitlines()[0]
        return key

    def rotate_secret(self, keep: int) -> None:
        """Sign with a new secret from the next start; `keep` former ones go on opening what they signed.

        ValueError where the secret is configured and not kept here.
        """
        if self.SECRET_KEY:
            raise ValueError("The secret is in COMMENTSVC_SECRET_KEY: put a new one there, and this one into COMMENTSVC_SECRET_KEY_FALLBACKS.")
        self._keep_secrets([new_secret(), *self._kept_secrets()[:keep]], os.replace)

    def _keep_secrets(self, keys: list[str], put: Callable[[str, Path], None]) -> None:
        """Write the file whole, its owner's alone, and `put` it in its place: nobody reads half a secret."""
        self.make_instance()
        descriptor, temporary = tempfile.mkstemp(prefix=".secret", dir=self.secret_path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write("\n".join(keys) + "\n")
            put(temporary, self.secret_path)
        finally:
            Path(temporary).unlink(missing_ok=True)

    @property
    def secret_path(self) -> Path:
        """Where the secret is kept when none is configured."""
        return self.instance_path / "secret_key"

    @property
    def migrations_path(self) -> Path:
        """Alembic's folder, beside the package."""
        return Path(__file__).resolve().parent.parent / "migrations"
