from __future__ import annotations

import pytest

from commentsvc.accounts.identity import check_email, clean_name, lookup_email
from commentsvc.errors import Invalid


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada@Example.ORG", "ada@example.org"), ("  ada@example.org\n", "ada@example.org"),
        ("ada+news@example.org", "ada+news@example.org"), ("ada@bücher.example", "ada@xn--bcher-kva.example"),
    ],
)
def test_an_address_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert check_email(typed) == lookup_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example", "ada@example.org\r\nBcc: eve@example.org",
     "ada\x00@example.org", "ada@example.org,eve@example.org", "x@" + "y" * 300 + ".org", "\ud800@example.org"],
)
def test_what_is_no_address_is_refused_and_found_nowhere(typed: str) -> None:
    with pytest.raises(Invalid) as error:
        check_email(typed)
    assert error.value.field == "email"
    assert lookup_email(typed) == ""


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Ada   Lovelace \n", "Ada Lovelace"),
        ("Ada\r\nBcc: eve@example.org", "Ada Bcc: eve@example.org"),
        ("Ada\u202egnp.exe\u202c", "Adagnp.exe"),
        ("\u2066Ada\u2069\x00\x07\ufeff", "Ada"),
        ("مريم الفاسي", "مريم الفاسي"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("👩\u200d🚀 Ada", "👩\u200d🚀 Ada"),
        ("李明", "李明"),
        ("Zoe\u0308", "Zoë"),
        ("n" * 200, "n" * 200),
        ("Z" + "\u0336" * 50 + "a", "Z" + "\u0336" * 4 + "a"),
    ],
)
def test_a_name_is_one_visible_line(typed: str, kept: str) -> None:
    assert clean_name(typed) == kept


@pytest.mark.parametrize("typed", ["", "A", " A ", "\u200b\u200b\u200b", "\u3164\u3164", "\u202e\u202e", "\u0301\u0301", "n" * 201])
def test_a_name_nobody_could_read_or_fit_is_refused(typed: str) -> None:
    with pytest.raises(Invalid) as error:
        clean_name(typed)
    assert error.value.field == "display_name"
