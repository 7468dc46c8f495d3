"""The WSGI entry point for any server: `granian --interface wsgi wsgi:app`."""

from commentsvc import create_app

app = create_app()
