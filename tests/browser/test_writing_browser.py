"""The editor in a real browser: marks, undo, mentions by keyboard, quoting, a preview, and editing what is published."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FrameLocator, Page, expect

from tests.browser.accessibility import axe
from tests.browser.test_widget_browser import article, open_page, sign_up, site

__all__ = ["article", "open_page", "site"]

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("worker", "article")]


def test_writing_with_the_keyboard_and_editing_in_place(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str], tmp_path: object
) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    thread = open_page(page)
    thread.get_by_role("link", name="Sign up").click()
    sign_up(thread, mailed_code)
    box = thread.get_by_label("Your comment")
    box.click()
    box.press_sequentially("Thanks ")
    box.press("Control+b")
    box.press_sequentially("Bo")
    expect(box).to_have_value("Thanks **Bo**")
    for _ in range(4):
        box.press("Control+z")
    expect(box).not_to_have_value("Thanks **Bo**")  # undone as typing is
    said = thread.locator(".c", has_text="Remark number 1")
    said.get_by_label("More").click()
    said.get_by_role("link", name="Quote", exact=True).click()
    expect(said.get_by_label("Your reply to Ann Able")).to_have_value("> Remark number 1 about the wall.\n\n")
    said.get_by_role("link", name="Cancel").click()
    box.fill("")
    box.press_sequentially("Hear, hear, @bak")
    expect(thread.get_by_role("option", name="Bo Baker")).to_be_visible()
    page.screenshot(path=f"{tmp_path}/names.png", full_page=True)
    box.press("Enter")
    box.press_sequentially("and ||the lighthouse falls||")
    thread.get_by_role("button", name="Preview").click()
    shown = thread.get_by_role("region", name="Preview")
    expect(shown.locator(".mention")).to_have_text("@Bo Baker")
    expect(shown).not_to_contain_text("lighthouse", use_inner_text=True)
    page.screenshot(path=f"{tmp_path}/preview.png", full_page=True)
    serious = [v["id"] for v in axe(page.frames[1]).response["violations"] if v["impact"] in {"serious", "critical"}]
    assert serious == []
    thread.get_by_role("button", name="Post", exact=True).click()
    own = thread.locator(".c", has_text="Hear, hear").first
    expect(own.get_by_role("link", name="Reply")).to_be_visible()
    own.get_by_label("More").click()
    page.screenshot(path=f"{tmp_path}/menu.png", full_page=True)
    own.get_by_role("link", name="Edit", exact=True).click()
    field = thread.get_by_label("Your comment, to edit")
    field.fill("Hear, hear: it stands.")
    page.screenshot(path=f"{tmp_path}/editing.png", full_page=True)
    thread.get_by_role("button", name="Save").click()
    expect(thread.locator(".c > .text", has_text="Hear, hear: it stands.")).to_be_visible()
    expect(thread.locator(".c > .by", has_text="edited")).to_be_visible()
    page.screenshot(path=f"{tmp_path}/edited.png", full_page=True)


MARKS = (  # what is pressed, what then stands where "wall" stood, and what the preview makes of it
    ("Bold", "**wall**", "strong"), ("Italic", "*wall*", "em"), ("Quote", "> wall", "blockquote"), ("As a list", "- wall", "ul > li"),
    ("Add a link", "[wall](https://)", 'a[href="https://example.org/"]'), ("Spoiler", "||wall||", "details"), ("Fixed width", "`wall`", "code"),
)


def test_every_mark_is_pressed_and_previewed_by_somebody_signed_out(page: Page, open_page: Callable[..., FrameLocator]) -> None:
    thread = open_page(page)
    box, preview = thread.get_by_label("Your comment"), thread.get_by_role("region", name="Preview")
    box.click()
    for name, marked, made in MARKS:
        box.fill("wall")
        box.press("Control+a")
        thread.get_by_role("button", name=name, exact=True).click()
        expect(box).to_have_value(marked)
        expect(box).to_be_focused()
        if name == "Add a link":
            page.keyboard.type("https://example.org/")  # the address is selected, to be typed over
            expect(box).to_have_value("[wall](https://example.org/)")
        thread.get_by_role("button", name="Preview").click()
        expect(preview.locator(made)).to_contain_text("wall")
    expect(thread.locator("#account")).to_have_count(0)  # it asks nobody to sign up
    expect(preview).to_have_count(1)


# Asked in the page: its policy forbids what Playwright's own waiting evaluates.
QUOTES = """() => new Promise((done) => { const look = () => {
  document.documentElement.desk.acts.quote ? done() : setTimeout(look, 20);
}; look(); })"""


def test_what_is_selected_in_a_comment_is_quoted_in_the_reply_to_it(page: Page, open_page: Callable[..., FrameLocator]) -> None:
    thread = open_page(page)
    thread.get_by_label("Your comment").click()  # what quotes comes with the editor
    said = thread.locator(".c", has_text="Remark number 3")
    text = said.locator(".text").first
    page.frames[1].evaluate(QUOTES)
    text.evaluate("el => { const node = el.querySelector('p').firstChild; getSelection().setBaseAndExtent(node, 0, node, 15); }")
    said.get_by_role("link", name="Reply").click()
    expect(said.get_by_label("Your reply to Cleo Carter")).to_have_value("> Remark number 3\n\n")
