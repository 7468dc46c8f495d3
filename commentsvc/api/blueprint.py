"""What every resource is made of: the blueprint, and decorators that both act and document.

A view reads from the outside in as route, limit, who may, arguments, response. Each of these says
in the OpenAPI document what it may answer, so that the document cannot forget an error.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import wraps
from typing import Any

import flask_smorest
from flask import current_app, request
from werkzeug.routing import BaseConverter

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.api.parsing import Parser
from commentsvc.api.schemas.fields import ID_DIGITS, ID_PATTERN
from commentsvc.errors import NotAllowed, NotSignedIn
from commentsvc.extensions import client_network, limiter
from commentsvc.web import limit_key, reader, require, require_person, settings_of

View = Callable[..., Any]
Decorator = Callable[[View], View]

PREFIX = "/api/v1"
NO_TOKEN: list[dict[str, list[str]]] = []
TOKEN: list[dict[str, list[str]]] = [{"bearer": []}]
TOKEN_OR_NOT: list[dict[str, list[str]]] = [{}, {"bearer": []}]


class RowId(BaseConverter):
    """An id in a path; anything that cannot be one is no address of ours."""

    regex = ID_DIGITS

    def to_python(self, value: str) -> int:
        return int(value)


def row_id_schema(_converter: RowId) -> dict[str, str]:
    """How the document describes an id in a path."""
    return {"type": "string", "pattern": ID_PATTERN}


class SiteKey(BaseConverter):
    """A site's key in a path."""

    regex = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}"


def site_key_schema(converter: SiteKey) -> dict[str, str]:
    """How the document describes a site's key in a path."""
    return {"type": "string", "pattern": f"^{converter.regex}$"}


def documents(
    function: View, *, errors: tuple[int, ...] = (), security: Any = None, parameters: tuple[Any, ...] = ()
) -> None:
    """Note on a view what it may answer and what it asks for; decorators call this."""
    info = deepcopy(getattr(function, "_apidoc", {}))
    info["errors"] = {*info.get("errors", ()), *errors}
    info["more_parameters"] = (*info.get("more_parameters", ()), *parameters)
    if security is not None:
        info["security"] = security
    function._apidoc = info  # type: ignore[attr-defined]  # noqa: SLF001 - flask-smorest's own place


class Blueprint(flask_smorest.Blueprint):
    """flask-smorest's blueprint with our parser and our way of documenting errors."""

    ARGUMENTS_PARSER = Parser()

    def __init__(self, name: str, description: str) -> None:
        super().__init__(name, f"commentsvc.api.{name}", url_prefix=PREFIX, description=description)
        self.tag = {"name": name, "description": description}
        self._prepare_doc_cbks.append(self._prepare_errors_doc)

    def route(self, rule: str, **kwargs: Any) -> Decorator:
        """As flask-smorest's, filed under this blueprint's own name."""
        decorator: Decorator = super().route(rule, tags=[self.tag["name"]], **kwargs)
        return decorator

    def arguments(self, schema: Any, *, location: str = "json", **kwargs: Any) -> Decorator:
        """As flask-smorest's; also documents what strict reading may answer."""
        # One schema for all requests, as smorest has it for answers: to make one anew was 4 % of a post.
        apply = super().arguments(schema() if isinstance(schema, type) else schema, location=location, **kwargs)

        def decorator(function: View) -> View:
            view: View = apply(function)
            documents(view, errors=(400, 413, 415, 422) if location == "json" else (422,))
            return view

        return decorator

    @staticmethod
    def _prepare_errors_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_kwargs: Any) -> dict[str, Any]:
        from commentsvc.api.document import ERROR_RESPONSES

        responses = doc.setdefault("responses", {})
        responses.update({str(status): ERROR_RESPONSES[status] for status in sorted({*doc_info.get("errors", ()), 500})})
        doc["responses"] = {str(status): responses[status] for status in sorted(responses, key=str)}
        if doc_info.get("more_parameters"):
            doc["parameters"] = [*doc.get("parameters", ()), *doc_info["more_parameters"]]
        doc["security"] = doc_info.get("security", NO_TOKEN)
        doc_info["docstring"].setdefault("description", doc_info["docstring"]["summary"])
        return doc


def operation(name: str, *, errors: tuple[int, ...] = (), parameters: tuple[Any, ...] = ()) -> Decorator:
    """Name the operation for generated clients, the errors its own verb may raise, its headers."""

    def decorator(view: View) -> View:
        documents(view, errors=errors, parameters=parameters)
        named: View = Blueprint.doc(operationId=name)(view)
        return named

    return decorator


def limited(setting: str, *, by_account: bool = False) -> Decorator:
    """Count the request against a limit of the settings; its operations share one budget."""
    scope = setting.removeprefix("LIMIT_").lower()

    def allowance() -> str:
        text: str = getattr(settings_of(current_app), setting)
        return text

    def decorator(view: View) -> View:
        count = limiter.shared_limit(
            allowance, scope=f"api:{scope}", key_func=limit_key if by_account else client_network
        )
        wrapped: View = count(view)
        documents(wrapped, errors=(429,))
        return wrapped

    return decorator


def check_token() -> None:
    """NotSignedIn when a token was sent that does not work: the sender believes to be somebody."""
    if reader() is None and request.authorization is not None:
        raise NotSignedIn("This token does not work (any more). Sign in again.", code="token_invalid")


def for_user(*, person: bool = False) -> Decorator:
    """Pass `user` on; with `person`, refuse API keys: what concerns the account is not a program's."""

    def decorator(function: View) -> View:
        @wraps(function)
        def view(*args: Any, **kwargs: Any) -> Any:
            return function(*args, user=asking(person=person), **kwargs)

        documents(view, errors=(401, 403) if person else (401,), security=TOKEN)
        return view

    return decorator


def asking(*, person: bool = False) -> User:
    """Who is asking; NotSignedIn, or NotAllowed for a key where a person is needed."""
    check_token()
    user = reader()
    if user is None:
        raise NotSignedIn("Sign in to do this: send Authorization: Bearer and a token.")
    if person and user.scopes is not None:
        raise NotAllowed("An API key cannot do this; sign in.", code="key_not_allowed")
    return user


def permitted(permission: Permission, site_id: int) -> User | None:
    """Who is asking, once the table of permissions says yes; None where anybody may."""
    if permission == Permission.READ and request.authorization is None:
        return None  # nobody we know: not to look for her is 7 % of a page that is kept
    check_token()
    if permission == Permission.READ:
        return require(permission, site_id)
    return require_person(permission, site_id)
