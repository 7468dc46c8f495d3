"""What axe-core finds on a page."""

from __future__ import annotations

from typing import Any

from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page


def axe(page: Page | Frame, **options: Any) -> AxeResults:
    """Its violations; to describe in full what is right as well takes twice as long."""
    return Axe().run(page, options={"resultTypes": ["violations"], **options})
