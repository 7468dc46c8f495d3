"""Errors as Google's API writes them: clients read the code, the status and the details."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from commentsvc.perspective.messages import PACKAGE

SERVICE: Final = "commentanalyzer.googleapis.com"  # what clients know the API as
DOMAIN: Final = "googleapis.com"

Details = Sequence[dict[str, Any]]


class Refusal(Exception):  # noqa: N818 - it is an answer
    """What is answered instead of a result; `retry_after` in seconds."""

    def __init__(self, code: int, status: str, message: str, details: Details = (), *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.message = message
        self.details = list(details)
        self.retry_after = retry_after

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"code": self.code, "message": self.message, "status": self.status}
        if self.details:
            error["details"] = self.details
        return {"error": error}


def invalid(message: str, error_type: str = "INVALID_REQUEST", **more: Any) -> Refusal:
    """A request that is well formed and cannot be served; `error_type` is what clients tell it by."""
    return Refusal(400, "INVALID_ARGUMENT", message, [{"@type": f"{PACKAGE}.Error", "errorType": error_type, **more}])


def malformed(violations: Sequence[tuple[str, str]]) -> Refusal:
    """A body that is not the message it should be: (field, description) of each fault."""
    listed = [{"field": field, "description": text} if field else {"description": text} for field, text in violations]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": listed}
    return Refusal(400, "INVALID_ARGUMENT", "\n".join(text for _, text in violations), [detail])


def too_large(limit: int) -> Refusal:
    """More bytes than are read."""
    return Refusal(400, "INVALID_ARGUMENT", f"Request payload size exceeds the limit: {limit} bytes.")


def key_missing() -> Refusal:
    """No key."""
    return Refusal(
        403, "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers (callers without established identity). "
        "Please use API Key or other form of API consumer identity to call this API.",
    )


def key_invalid() -> Refusal:
    """A key that is none, or no longer."""
    message = "API key not valid. Please pass a valid API key."
    return Refusal(400, "INVALID_ARGUMENT", message, [
        _info("API_KEY_INVALID", {"service": SERVICE}),
        {"@type": "type.googleapis.com/google.rpc.LocalizedMessage", "locale": "en-US", "message": message},
    ])


def key_blocked(consumer: str) -> Refusal:
    """The key works, but not for this."""
    return Refusal(
        403, "PERMISSION_DENIED", f"Requests to this API {SERVICE} are blocked.",
        [_info("API_KEY_SERVICE_BLOCKED", {"service": SERVICE, "consumer": consumer})],
    )


def quota_spent(metric: str, name: str, period: str, amount: int, consumer: str, retry_after: int) -> Refusal:
    """`amount` requests in a `period` ("minute") are used up."""
    return Refusal(
        429, "RESOURCE_EXHAUSTED",
        f"Quota exceeded for quota metric '{name}' and limit '{name} per {period}' of service '{SERVICE}' for consumer '{consumer}'.",
        [_info("RATE_LIMIT_EXCEEDED", {
            "service": SERVICE, "consumer": consumer, "quota_metric": f"CommentAnalyzerService/{metric}",
            "quota_limit": f"{metric.title().replace('_', '')}Per{period.title().replace(' ', '')}PerProject",
            "quota_limit_value": str(amount), "quota_location": "global",
        })],
        retry_after=retry_after,
    )


def no_such_method() -> Refusal:
    """An address, or a method of an address, that there is not."""
    return Refusal(404, "NOT_FOUND", "Method not found.")


def unavailable(retry_after: int) -> Refusal:
    """The scorer is busy or broken: the same request may work later."""
    return Refusal(503, "UNAVAILABLE", "The service is currently unavailable.", retry_after=retry_after)


def internal() -> Refusal:
    """A fault of ours, of which the log knows more."""
    return Refusal(500, "INTERNAL", "Internal error encountered.")


def _info(reason: str, metadata: dict[str, str]) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": metadata}
