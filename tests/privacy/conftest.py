from __future__ import annotations

import pytest
from flask import Flask

from commentsvc.extensions import limiter


@pytest.fixture(autouse=True)
def _no_limits_of_other_tests(app: Flask) -> None:
    with app.app_context():
        limiter.reset()
