"""Commands as a person types them, in the test's own application."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from click.testing import Result
from flask import Flask

from commentsvc.cli import main
from commentsvc.database import write_intent

Command = Callable[..., Result]


@pytest.fixture
def command(app: Flask) -> Command:
    """Run `commentsvc` with these words; further keywords go to click's runner."""

    def run(*words: str, **given: object) -> Result:
        token = write_intent.set(True)
        try:
            return app.test_cli_runner().invoke(main, list(words), **given)
        finally:
            write_intent.reset(token)

    return run
