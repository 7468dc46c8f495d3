"""People of another system as users here, the same ones each time."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import insert, select

from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import NAME_LENGTH, ExternalAuthor, SiteRole, User
from commentsvc.accounts.permissions import Role
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.sites.models import Site

KEY_LENGTH = 200
NAMELESS = "Name unknown"


def author_name(name: str) -> str:
    """A name fit to show; a source's may be empty, invisible or of any length."""
    try:
        return clean_name(name[: NAME_LENGTH * 4], least=1, most=NAME_LENGTH * 4)[:NAME_LENGTH].rstrip()
    except Invalid:
        return NAMELESS


class Authors:
    """External authors of one site, looked up once and made when first needed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.made = 0
        known = select(ExternalAuthor.key, ExternalAuthor.user_id).where(ExternalAuthor.site_id == site.id)
        self._by_key: dict[str, int] = dict(db.session.execute(known).all())
        granted = select(SiteRole.user_id, SiteRole.role).where(SiteRole.site_id == site.id)
        self._roles: dict[int, str] = dict(db.session.execute(granted).all())

    def ensure(self, names: Mapping[str, str]) -> None:
        """Make a user without e-mail for every key (to a name) that has none; flushes."""
        new = {key: name for key, name in names.items() if key not in self._by_key}
        if not new:
            return
        now = utcnow()
        ids = db.session.scalars(
            insert(User).returning(User.id, sort_by_parameter_order=True),
            [{"display_name": author_name(name), "created_at": now} for name in new.values()],
        ).all()
        made = dict(zip(new, ids, strict=True))
        self.adopt(made)
        self.made += len(made)

    def adopt(self, users: Mapping[str, int]) -> None:
        """Remember that these keys are these users; flushes."""
        db.session.execute(
            insert(ExternalAuthor),
            [{"site_id": self._site.id, "key": key, "user_id": user_id} for key, user_id in users.items()],
        )
        self._by_key.update(users)

    def user_id(self, key: str) -> int:
        return self._by_key[key]

    def role(self, key: str) -> str:
        """The role the person holds on the site now; the source's own are not trusted."""
        return self._roles.get(self._by_key[key], Role.MEMBER.value)

    def knows(self, key: str) -> bool:
        return key in self._by_key
