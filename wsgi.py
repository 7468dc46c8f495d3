"""The WSGI entry point for any server: `granian --interface wsgi wsgi:app`."""

from commentsvc.cli.serve import build_app

app = build_app()
