"""The WSGI entry point for any server: `granian --interface wsgi wsgi:app`."""

from commentsvc.accounts.signing import check_signing_key
from commentsvc.cli.serve import build_app
from commentsvc.config import Settings

check_signing_key(Settings.from_environment())
app = build_app()
