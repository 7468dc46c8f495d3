"""What can go wrong, in the words of the domain; each surface translates it once."""

from __future__ import annotations

from collections.abc import Mapping

from commentsvc.i18n import in_language, translate


def name_of(error: BaseException) -> str:
    """What may be logged of any error: its class.

    Not its message. A database's quotes the row that it refused, a parser's the text it could not read.
    """
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class CommentsvcError(Exception):
    """Root of the errors that a person or client can act on.

    `code` is stable and machine-readable, `message` is one plain sentence in English, as programs are told
    it; `told` is the same in the language of whoever reads the page. What is filled into it comes as
    `values`, for the %(name)s in it; a pair of forms, by NN_, goes by the value `num`. `status` is the HTTP
    status both surfaces answer with, `field` names the input at fault where there is one.
    """

    status = 500
    code = "error"

    def __init__(
        self, message: str | tuple[str, str], *, field: str | None = None, code: str | None = None, values: Mapping[str, object] | None = None,
    ) -> None:
        with in_language("en"):
            self.message = translate(message, values)
        super().__init__(self.message)
        self._written, self._values = message, values
        self.field = field
        if code is not None:
            self.code = code

    @property
    def told(self) -> str:
        """The message in the present language."""
        return translate(self._written, self._values)


class NotFound(CommentsvcError):  # noqa: N818 - reads as the outcome it is
    status = 404
    code = "not_found"


class NotSignedIn(CommentsvcError):  # noqa: N818
    status = 401
    code = "not_signed_in"


class SecondFactorNeeded(CommentsvcError):  # noqa: N818
    """The password was right, and a second factor is asked for; `ticket` is good for that one step.

    Already committed: whoever translates this has nothing to keep.
    """

    status = 401
    code = "second_factor_required"

    def __init__(self, ticket: str) -> None:
        super().__init__("Give a code of your authenticator app too, or a recovery code.", field="code")
        self.ticket = ticket


class NotAllowed(CommentsvcError):  # noqa: N818
    status = 403
    code = "not_allowed"


class Sanctioned(NotAllowed):
    """A sanction stands in the way; `sanction` says which, why and until when, for the person herself."""

    def __init__(
        self, message: str, *, code: str, sanction_id: int, sanction: dict[str, object], values: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, values=values)
        self.sanction_id = sanction_id
        self.sanction = sanction
class NotConfirmed(NotAllowed):
    """Signed in long ago: what would outlast a stolen session asks for the password once more."""

    code = "not_confirmed"


class FactorMissing(NotAllowed):
    """The role is held, and rests until a second factor is set up: the site asks its staff for one."""

    code = "second_factor_missing"


class Conflict(CommentsvcError):  # noqa: N818
    """Somebody else acted first; `current` says what holds now."""

    status = 409
    code = "conflict"

    def __init__(
        self, message: str, *, current: dict[str, object] | None = None, code: str | None = None, values: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, code=code, values=values)
        self.current = current or {}


class Invalid(CommentsvcError):  # noqa: N818
    status = 422
    code = "invalid"


class Unavailable(CommentsvcError):  # noqa: N818
    """Nothing is wrong with what was asked; it cannot be stored or read just now."""

    status = 503
    code = "unavailable"


class TooSoon(CommentsvcError):  # noqa: N818
    """A limit was reached; `retry_after` is in seconds."""

    status = 429
    code = "too_many_requests"

    def __init__(self, message: str | tuple[str, str], *, retry_after: int, values: Mapping[str, object] | None = None) -> None:
        super().__init__(message, values=values)
        self.retry_after = retry_after
