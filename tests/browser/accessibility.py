"""What axe-core finds on a page."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import BrowserContext, Error, Frame, Page

_given: WeakSet[BrowserContext] = WeakSet()


def axe(page: Page | Frame, **options: Any) -> AxeResults:
    """Its violations; to describe in full what is right as well takes twice as long.

    Who looks at one page looks at more: the browser gets the script once, where half a megabyte for each page took a quarter of the time.
    """
    context = (page.page if isinstance(page, Frame) else page).context
    if context not in _given:
        context.add_init_script(AXE_SCRIPT)
        _given.add(context)
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    try:
        return _found(page, options)
    except Error:  # the page came meanwhile, and the script may have begun with the one before
        page.wait_for_load_state()
        page.evaluate(AXE_SCRIPT)
        return _found(page, options)


def _found(page: Page | Frame, options: dict[str, Any]) -> AxeResults:
    told = {"resultTypes": ["violations"], **options}
    return AxeResults(page.evaluate("options => axe.run(options).then(found => ({violations: found.violations}))", told))
