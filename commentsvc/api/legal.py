"""Legal notices: sent by anybody, listed for those who decide; a decision on the comment answers them."""

from __future__ import annotations

from typing import Any

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_comment, on_site
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.present import notice_values
from commentsvc.api.schemas.legal import (
    LegalNoticeInputSchema,
    LegalNoticesQuery,
    LegalNoticesSchema,
    SentNoticeSchema,
)
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.moderation.legal_notices import PER_PAGE, Claim, page_of_notices, send_notice
from commentsvc.sites.models import Site
from commentsvc.web import reader

legal = Blueprint("legal", "Notices of illegal content (article 16 of the Digital Services Act).")


@legal.route("/comments/<row_id:comment_id>/legal-notices", methods=["POST"])
@limited("LIMIT_NOTICE", by_account=True)
@operation("sendLegalNotice", errors=(409,))
@on_comment(Permission.READ)
@legal.arguments(LegalNoticeInputSchema, example={
    "kind": "threat", "explanation": "He says that he will burn down the mayor's house.", "name": "Ines Ferreira", "email": "ines@example.org", "good_faith": True,
})
@legal.response(201, SentNoticeSchema)
def send(given: dict[str, Any], comment: Comment) -> Any:
    """Say that a comment is illegal; no account is needed.

    A receipt is mailed at once, and later the decision with its reasons. The same person's second notice while the first
    waits is the first. With an API key it is somebody else's: the account that owns the key is not named in it.
    """
    person = reader()
    claim = Claim(given["kind"], given["explanation"], given["name"], given["email"], given["good_faith"])
    notice = send_notice(
        comment, claim, user=person if person is not None and person.scopes is None else None,
        language=given["language"] or comment.article.site.language,
    )
    db.session.commit()
    return {"number": notice.puid} | {name: getattr(notice, name) for name in ("comment_id", "kind", "status", "created_at")}


@legal.route("/sites/<site_key:site_key>/legal-notices")
@limited("LIMIT_READ")
@operation("listLegalNotices")
@on_site(Permission.REVIEW)
@legal.arguments(LegalNoticesQuery, location="query")
@legal.response(200, LegalNoticesSchema)
def list_notices(given: dict[str, Any], site: Site) -> Any:
    """The site's legal notices: those that wait, oldest first, or those that were decided.

    The decision on the comment answers all that wait about it: `decide` with `reject`, or with `approve` and an `answer`.
    """
    found, following = page_of_notices(
        site, decided=given["state"] == "decided", after=given.get("after") or None, limit=given.get("limit") or PER_PAGE
    )
    return {"notices": [notice_values(one, one.decided_by) for one in found], "next": following}
