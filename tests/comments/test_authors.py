from __future__ import annotations

import pytest

from commentsvc.comments.authors import rename_author
from commentsvc.comments.threads import page_of_roots
from commentsvc.extensions import db
from tests.factories import fresh, make_article, make_comment, make_user


@pytest.mark.usefixtures("app")
def test_a_new_name_moves_the_version_of_every_page_it_stands_on() -> None:
    article, elsewhere = make_article(), make_article()
    author = make_user("Old Name")
    make_comment(article, author)
    make_comment(elsewhere)
    before = fresh(article).version, fresh(elsewhere).version
    rename_author(author, "New Name")
    db.session.commit()
    assert fresh(article).version > before[0]
    assert fresh(elsewhere).version == before[1]
    assert page_of_roots(fresh(article)).nodes[0].comment.author_name == "New Name"
