"""Whose language a page is in, and that everybody gets the same page in it."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from babel.messages.catalog import Catalog
from flask import Flask

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.cli.translations import mistakes, mistakes_of, translated
from commentsvc.extensions import db
from commentsvc.i18n import (
    NP_,
    arrow,
    comma,
    gettext,
    in_language,
    inside,
    ngettext,
    number,
    pgettext,
    plural_forms,
)
from commentsvc.sites.models import Article
from tests.accounts.browsing import PASSWORD, Browser
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.once


@pytest.fixture
def article(app: Flask) -> Article:
    article = make_article(make_site(key="paper", language="de-AT"))
    for n in range(3):
        make_comment(article, make_user(), f"Remark {n}")
    return article


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


def thread(article: Article, **more: str) -> str:
    return "/embed/paper/thread?" + urlencode({"url": article.url, **more})


def test_the_widget_speaks_the_site_s_language_whatever_the_browser_likes(browser: Browser, article: Article) -> None:
    page = browser.get(thread(article), headers={"Accept-Language": "fr"})
    assert '<html lang="de" dir="ltr"' in page.text
    assert "3 Kommentare" in page.text
    assert browser.get(thread(article), headers={"Accept-Language": "es"}).text == page.text


def test_the_tag_s_language_wins_and_its_page_has_an_etag_of_its_own(browser: Browser, article: Article) -> None:
    arabic, german = browser.get(thread(article, lang="ar-EG")), browser.get(thread(article))
    assert '<html lang="ar" dir="rtl"' in arabic.text
    assert "3 تعليقات" in arabic.text
    assert arabic.headers["ETag"] != german.headers["ETag"]
    assert "3 comments" in browser.get(thread(article, lang="en")).text
    assert "3 Kommentare" in browser.get(thread(article, lang="<b>")).text


def test_a_part_that_is_for_everybody_goes_by_its_address_alone(browser: Browser, article: Article) -> None:
    by_script = {"X-Requested-With": "commentsvc", "Accept-Language": "fr"}
    assert "Antworten" in browser.get(thread(article, part="list"), headers=by_script).text
    assert "Répondre" in browser.get(thread(article, part="list", lang="fr"), headers=by_script).text


def test_what_is_the_reader_s_own_comes_in_the_page_s_language(browser: Browser, article: Article) -> None:
    path = f"/embed/paper/articles/{article.id}/me"
    assert "Anmelden" in browser.get(path).get_json()["who"]
    assert "Se connecter" in browser.get(path, headers={"X-Requested-With": "commentsvc", "Accept-Language": "fr"}).get_json()["who"]


def test_links_and_forms_of_the_plain_page_carry_its_language_on(browser: Browser, article: Article) -> None:
    page = browser.get(f"/embed/a/{article.id}?lang=es").text
    assert f"/embed/a/{article.id}?form=sign-in&amp;lang=es#account" in page
    assert '<input type="hidden" name="lang" value="es">' in page
    answer = browser.post(f"/embed/a/{article.id}/sign-in", {"lang": "es", "email": "x", "password": "y"}, page=f"/embed/a/{article.id}?form=sign-in&lang=es")
    assert "Esta dirección y esta contraseña no coinciden." in answer.text
    assert "lang=de" not in browser.get(f"/embed/a/{article.id}?lang=de").text


def test_the_publisher_s_page_is_told_in_the_conversation_s_language_that_it_does_not_come(browser: Browser, article: Article) -> None:
    said = browser.get("/embed/paper/words?lang=fr", headers={"Origin": "https://not-yet.example"})
    assert "Réessayer" in json.loads(said.text.removeprefix("export default ").removesuffix(";\n"))
    assert said.headers["Access-Control-Allow-Origin"] == "*"
    assert said.mimetype == "text/javascript"
    assert "Noch einmal versuchen" in browser.get("/embed/paper/words", headers={"Accept-Language": "es"}).text


def test_a_front_page_s_numbers_come_with_their_words_when_asked_for(browser: Browser, article: Article) -> None:
    query = urlencode({"url": article.url})
    assert browser.get(f"/embed/paper/counts?{query}").get_json() == {article.url: 3}
    found = browser.get(f"/embed/paper/counts?words=1&lang=&{query}").get_json()
    assert found == {article.url: 3, "": {"lang": "de", "one": "%(num)s Kommentar", "other": "%(num)s Kommentare"}}


def test_account_pages_go_by_the_browser_until_the_person_chooses(browser: Browser) -> None:
    person = make_user("Ada", email="ada@example.org", password_hash=hash_password(PASSWORD))
    browser.sign_in("ada@example.org")
    assert '<html lang="pt" dir="ltr"' in browser.get("/account/", headers={"Accept-Language": "it, pt-BR;q=0.8, de;q=0.5"}).text
    chosen = browser.post("/account/language", {"language": "ar"}, page="/account/")
    assert chosen.status_code == 303
    assert '<html lang="ar" dir="rtl"' in browser.get("/account/", headers={"Accept-Language": "pt"}).text
    assert db.session.get_one(User, person.id).language == "ar"
    assert browser.post("/account/language", {"language": "xx"}, page="/account/").status_code == 422
    assert browser.post("/account/language", {"language": ""}, page="/account/").status_code == 303
    assert db.session.get_one(User, person.id, populate_existing=True).language is None


def test_a_request_leaves_no_language_behind(app: Flask, article: Article) -> None:
    client, path = app.test_client(), thread(article, lang="ar")
    db.session.commit()
    db.session.expire_all()  # what is rendered here is kept for those who ask next
    client.get(path)
    assert client.get("/api/v1/nothing").get_json()["detail"].isascii()
    assert '<html lang="en"' in client.get("/nothing-here").text


def test_the_catalogues_say_what_the_code_says() -> None:
    assert list(mistakes()) == []


def test_a_translation_that_lost_a_placeholder_or_a_form_is_found() -> None:
    from babel.messages.catalog import Message

    assert list(mistakes_of(Message("Hello %(name)s", "Hallo %(nome)s"), 2)) == ["other placeholders"]
    assert list(mistakes_of(Message(("%(num)s in %(place)s", "%(num)s in %(place)s"), ("eins", "%(num)s")), 2)) == ["other placeholders"]
    assert list(mistakes_of(Message(("%(num)s day", "%(num)s days"), ("a", "b")), 6)) == ["2 plural forms for 6"]
    assert list(mistakes_of(Message(("%(num)s day", "%(num)s days"), ("ein Tag", "%(num)s Tage")), 2)) == []


def test_a_word_with_two_meanings_is_told_apart_by_its_context(app: Flask) -> None:
    page = app.jinja_env.from_string('{{ _("Keys") }} {{ pgettext("keyboard", "Keys") }}')
    assert page.render() == "Keys Keys"
    with in_language("de"):
        assert page.render() == "Schlüssel Tasten"
        assert (gettext("Banned"), gettext(NP_("phrase", "Banned"))) == ("Ausgeschlossen", "Verboten")
        assert pgettext("nobody's", "Keys") == "Keys", "another meaning's word is no translation"


def test_signs_between_words_are_those_of_the_language() -> None:
    assert (comma(), arrow(), arrow(back=True), inside("Spam"), number(1234.5)) == (", ", "→", "←", "spam", "1,234.5")
    with in_language("ar"):
        assert (comma(), arrow(), arrow(back=True)) == ("، ", "←", "→")
    with in_language("de"):
        assert (inside("Beleidigung"), number(1234.5)) == ("Beleidigung", "1.234,5")


@pytest.mark.parametrize(
    ("n", "said"), [(0, "لا تعليقات"), (1, "تعليق واحد"), (2, "تعليقان"), (3, "3 تعليقات"), (11, "11 تعليقًا"), (38, "38 تعليقًا"), (100, "100 تعليق"), (103, "103 تعليقات")]
)
def test_arabic_counts_as_its_readers_do(n: int, said: str) -> None:
    with in_language("ar"):
        assert ngettext("%(num)s comment", "%(num)s comments", n) == said


def test_a_catalogue_whose_rule_takes_the_wrong_forms_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Catalog, "plural_expr", "(n==0 ? 0 : n==1 ? 1 : n==2 ? 2 : n%100>=3 && n%100<=10 ? 3 : n%100<=2 ? 4 : 5)")
    assert any(line.startswith("ar: its rule for plural forms") for line in mistakes())


@pytest.mark.parametrize("tag", translated())
def test_scripts_and_pages_take_the_same_plural_form(tag: str) -> None:
    from babel import Locale

    with in_language(tag):
        forms = plural_forms("%(num)s comment", "%(num)s comments")
        for n in (1, 2, 3, 11, 21, 100, 101, 1000):
            assert forms[Locale(tag).plural_form(n)].replace("%(num)s", str(n)) == ngettext("%(num)s comment", "%(num)s comments", n)
