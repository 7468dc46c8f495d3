"""What the console's scripts say, for the language of the page: they have it in English themselves."""

from __future__ import annotations

import re

from babel import Locale

from commentsvc.i18n import N_, gettext, language, ngettext

_VALUE = re.compile(r"%\((\w+)\)s")

TEXTS = (
    N_("Try again"), N_("This comment could not be loaded"), N_("This comment could not be loaded."),
    N_("There is no connection at the moment. What you decided is kept and sent as soon as there is one."),
    N_("Rejected: %(reason)s."), N_("Rejected."), N_("Published."), N_("Taken back."), N_("Next: %(name)s."),
    N_("Not saved yet: your decision on %(name)s’s comment."),
    N_("Trying again by itself; nothing is lost while this page is open."), N_("There was no answer for a minute."),
    N_("Not saved: this page is from an earlier sign-in. Reload it; copy your note first."),
    N_("Not saved: you may no longer do this on this site."), N_("Not saved: this comment is gone."),
    N_("Not saved: you are signed out."), N_("Sign in in a new tab, then try again."), N_("Not saved. Something went wrong here."),
    N_("Show it"), N_("%(name)s’s comment was not decided."), N_("This could not be asked."),
    N_("Not saved: that was a little fast. Wait a moment."),
    N_("Not saved: much is asked of the service just now. Nothing you typed is lost; try again in a moment."),
    N_("Not saved: no connection. Nothing you typed is lost."), N_("There is nothing else in this queue."),
    N_("Skipped."), N_("Not skipped: no connection."), N_("Show marked words"), N_("Blur marked words until I look"),
    N_("Marked words are blurred."), N_("Marked words are shown."),
    N_("There is no connection at the moment. Your selection is kept."), N_("There is no connection at the moment."),
    N_("Not saved. Check the connection and try again; what was decided already is left as it is then."),
    N_("Not taken back: no connection."), N_("Published"), N_("Rejected"), N_("Withdrawn"), N_("Waiting"), N_("Decided"), N_("Undo"),
    N_("%(what)s by you"), N_("%(what)s by %(name)s"), N_("There is nothing to take back."),
    N_("You have published this comment elsewhere."), N_("You have rejected this comment elsewhere."),
    N_("You have changed this comment elsewhere."), N_("%(name)s has published this comment."),
    N_("%(name)s has rejected this comment."), N_("%(name)s has changed this comment."), N_("%(label)s: hold from"),
)


def script_words() -> dict[str, str | dict[str, str]]:
    """By the English text (of numbers: for one), the page's; for a number, by the plural categories of Intl. English needs none."""
    if language() == "en":
        return {}
    words: dict[str, str | dict[str, str]] = {text: gettext(text, **{name: f"%({name})s" for name in _VALUE.findall(text)}) for text in TEXTS}
    category = Locale.parse(language()).plural_form
    for number in range(1001):
        for one, text in _counted(number).items():
            forms = words.setdefault(one, {})
            if isinstance(forms, dict):
                forms.setdefault(category(number), text)
    return words


def _counted(number: int) -> dict[str, str]:
    """The texts with a number, each in the form that goes with this one."""
    return {
        "Not saved yet: %(num)s decision.": ngettext("Not saved yet: %(num)s decision.", "Not saved yet: %(num)s decisions.", number, num="%(num)s"),
        "%(num)s selected.": ngettext("%(num)s selected.", "%(num)s selected.", number, num="%(num)s"),
        "%(num)s selected": ngettext("%(num)s selected", "%(num)s selected", number, num="%(num)s"),
        "%(num)s new": ngettext("%(num)s new", "%(num)s new", number, num="%(num)s"),
        "%(num)s new comment.": ngettext("%(num)s new comment.", "%(num)s new comments.", number, num="%(num)s"),
        "%(names)s is on it": ngettext("%(names)s is on it", "%(names)s are on it", number, names="%(names)s"),
        "%(names)s is on this comment too.": ngettext(
            "%(names)s is on this comment too.", "%(names)s are on this comment too.", number, names="%(names)s"
        ),
    }
