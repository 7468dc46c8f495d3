"""What the widget's scripts say, in the page's language: they have no words of their own."""

from __future__ import annotations

from commentsvc.i18n import gettext, pgettext, plural_forms

Words = dict[str, str | dict[str, str]]


def words() -> Words:
    """By the names that widget.js, write.js and moderate.js call them; plural forms by their names in Intl.PluralRules."""
    return {
        "comments": plural_forms("%(num)s comment", "%(num)s comments"), "none": gettext("Comments"),
        "now": gettext("just now"), "min": plural_forms("%(num)s min ago", "%(num)s min ago"),
        "h": plural_forms("%(num)s h ago", "%(num)s h ago"), "d": plural_forms("%(num)s d ago", "%(num)s d ago"),
        "wrong": gettext("Something went wrong. What you typed is kept."), "again": gettext("Try again"),
        "over": plural_forms("%(num)s too many", "%(num)s too many"), "left": plural_forms("%(num)s left", "%(num)s left"),
        "post": gettext("Post"), "join": gettext("Sign up to post"), "withdraw": gettext("Withdraw"), "flag": gettext("Flag"),
        "replies": plural_forms("Show %(num)s reply", "Show %(num)s replies"), "hide": gettext("Hide replies"),
        "news": plural_forms("Show %(num)s new comment", "Show %(num)s new comments"),
        "came": plural_forms("%(num)s new comment came in.", "%(num)s new comments came in."),
        "shown": plural_forms("%(num)s new comment shown.", "%(num)s new comments shown."),
        "sorted": gettext("Sorted by %(sort)s.", sort="%(sort)s"),
        "empty": gettext("Write something first."), "posting": gettext("Posting…"), "reply": gettext("Your reply to %(name)s", name="%(name)s"),
        "gone": gettext("Withdrawn by its author"), "copied": gettext("Link copied"), "link": gettext("Link"),
        "moderate": gettext("Moderate"), "reason": gettext("Choose a reason: the author and your colleagues see it."),
        "removed": gettext("Removed by our Community Managers"), "undo": gettext("Undo"),
        "whole": gettext("Back to the whole conversation"), "first": gettext("This is the first again."),
    }


def writers_words() -> Words:
    """What editor.js and hide.js say beside that; whoever only reads does not load them."""
    return {
        "legal": gettext("Report illegal content"), "edit": gettext("Edit"), "quote": pgettext("verb", "Quote"), "names": gettext("People in this conversation"),
        "hide_person": gettext("Hide this person"), "show_person": gettext("Show this person again"),
        "you_hid": gettext("You hid this person."), "show": gettext("Show"), "cover": gettext("Hide"),
        "people": plural_forms(
            "%(num)s person. Arrow keys choose, Enter takes.", "%(num)s people. Arrow keys choose, Enter takes."
        ),
    }
