"""Some weeks of a site: comments with scores, people who judged them, readers who flagged."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.figures.keeping import recount
from commentsvc.figures.scored import forget
from commentsvc.moderation.decide import approve, decide, reject
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason, Screening
from commentsvc.screening.policy import DEFAULT_HOLD
from commentsvc.sites.models import Site
from tests.factories import fresh, make_article, make_comment, make_user


def make_history(site: Site, managers: Sequence[User] = (), *, comments: int = 40, days: int = 20, seed: int = 1) -> None:
    """Comments of the last days; one still waits, one was published and rejected after a flag. Counted."""
    chance = random.Random(seed)
    article = make_article(site)
    people = managers or [make_user("Nora Vance", role=Role.COMMUNITY_MANAGER, site=site)]
    readers = [make_user(f"Reader {n}") for n in range(3)]
    for number in range(comments):
        top = chance.random() if number else 0.95  # the latest one waits
        scores = {label: round(top * chance.uniform(0.3, 1) if number else 0.9, 3) for label in DEFAULT_HOLD}
        over = {label: score for label, score in scores.items() if score >= DEFAULT_HOLD[label]}
        finding = {"phase": "toxicity", "verdict": "hold", "reason": "abuse", "message": "The model's scores.", "matches": [], "labels": over}
        comment = make_comment(fresh(article), readers[0], status=Status.PENDING, created_at=utcnow() - dt.timedelta(days=days * number / comments))
        db.session.add(Screening(
            site_id=site.id, comment_id=comment.id, revision=1, verdict="hold" if over else "publish", findings=[finding] if over else [], scores=scores,
            model_name="lexical", model_version="2", model_sha256="0" * 64,
        ))
        to, reason = (Status.HELD, Reason.HELD_FOR_REVIEW) if over else (Status.PUBLISHED, Reason.CLEAN)
        decide(comment, to, actor=None, reason=reason, seen=comment.version)
        if over and number:
            by = chance.choice(people)
            if chance.random() < top:
                reject(comment, actor=by, reason=Reason.ABUSE, seen=comment.version)
            else:
                approve(comment, actor=by, seen=comment.version)
        elif not over and chance.random() < 0.3:
            flag(comment, readers[1], "abuse")
            reject(comment, actor=people[0], reason=Reason.SPAM, seen=comment.version)
        db.session.commit()
    recount(site)
    forget()
