"""The people whom one hides for oneself."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.api.answers import no_content
from commentsvc.api.blueprint import Blueprint, for_user, limited, operation
from commentsvc.api.schemas.fields import PageQuery
from commentsvc.api.schemas.hidden import HiddenPeopleSchema
from commentsvc.comments import hiding
from commentsvc.extensions import db

hidden = Blueprint("hidden", "The people you hide for yourself, on all sites. Nobody else learns of it.")


@hidden.route("/me/hidden")
@limited("LIMIT_READ")
@operation("listHiddenPeople")
@for_user(person=True)
@hidden.arguments(PageQuery, location="query")
@hidden.response(200, HiddenPeopleSchema)
def list_hidden(given: dict[str, Any], user: User) -> Any:
    """List the people you hide, the latest first. Fold away the comments whose `author` is one of them."""
    found, following = hiding.page_of_hidden(user, given.get("after") or None, given.get("limit") or hiding.PER_PAGE)
    people = [{"person": {"id": one.hidden_id, "name": one.hidden.display_name}, "since": one.created_at} for one in found]
    return {"people": people, "next": following}


@hidden.route("/me/hidden/<row_id:user_id>", methods=["PUT"])
@limited("LIMIT_REACT", by_account=True)
@operation("hidePerson", errors=(403, 404, 409, 422))
@for_user(person=True)
@hidden.response(204)
def hide(user_id: int, user: User) -> Response:
    """Hide a person: you get no notifications of hers any more. Not yourself, and no Community Manager."""
    hiding.hide(user, user_id)
    db.session.commit()
    return no_content()


@hidden.route("/me/hidden/<row_id:user_id>", methods=["DELETE"])
@limited("LIMIT_REACT", by_account=True)
@operation("showPerson", errors=(404,))
@for_user(person=True)
@hidden.response(204)
def show(user_id: int, user: User) -> Response:
    """Show a person again; as good as done where you do not hide her."""
    hiding.show(user, user_id)
    db.session.commit()
    return no_content()
