"""The page about a person: what everybody may know of her on a site."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.public_ids import public_id, read_public_id
from commentsvc.comments.authors import give_badges
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation.bios import set_bio, set_history_private
from commentsvc.moderation.models import Reason
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.sites.models import Site
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user


def page_of(site: Site, user: User) -> str:
    return f"/people/{site.key}/{public_id(site.id, user.id)}"


def test_a_name_leads_to_the_page_of_its_author(client: FlaskClient, app: Flask) -> None:
    article = make_article()
    site = article.site
    ada = make_user("Ada Byron")
    make_comment(article, author=ada, body="The *night* bus.", status=Status.PUBLISHED)
    db.session.commit()
    thread = client.get(f"/embed/{site.key}/thread?article={article.id}").text
    found = re.search(r'<a class="name" dir="auto" href="([^"]+)"', thread)
    assert found is not None
    answer = client.get(found[1])
    assert answer.status_code == 200
    assert "Ada Byron" in answer.text
    assert "The <em>night</em> bus." in answer.text
    assert article.title in answer.text
    assert answer.headers["X-Robots-Tag"] == "noindex"
    assert "Set-Cookie" not in answer.headers
    assert str(ada.id) not in found[1].split("/")[-1:]
    again = client.get(found[1], headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
