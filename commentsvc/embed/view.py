"""What the widget's templates are given."""

from __future__ import annotations

import datetime as dt
import re
import secrets
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from flask import current_app, request
from markupsafe import Markup
from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import aliased, joinedload, load_only

from commentsvc.accounts.badges import Badge, badges
from commentsvc.accounts.models import User
from commentsvc.accounts.oidc import Provider, providers
from commentsvc.accounts.passkeys import relying_party
from commentsvc.accounts.permissions import STAFF, Permission, allowed
from commentsvc.accounts.public_ids import public_id
from commentsvc.comments.authors import badges_of
from commentsvc.comments.hiding import hidden_by
from commentsvc.comments.mentions import people_named
from commentsvc.comments.models import Comment, EditStatus, Revision, Status, Vote
from commentsvc.comments.threads import (
    Sort,
    ThreadPage,
    any_by_managers,
    own_waiting,
    replies_cursor,
)
from commentsvc.comments.tree import CommentRow, Node
from commentsvc.database import utcnow
from commentsvc.embed.appearance import Appearance
from commentsvc.embed.assets import assets
from commentsvc.embed.blueprint import speak
from commentsvc.embed.cache import fragments, period, shells
from commentsvc.embed.words import words
from commentsvc.errors import CommentsvcError
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, language, point_in_time, translate
from commentsvc.markup import render as render_markdown
from commentsvc.moderation.edit_steps import edits_of
from commentsvc.moderation.edits import may_edit, newest
from commentsvc.moderation.marking import Marks, Piece, Range, cut
from commentsvc.moderation.models import (
    FLAG_REASONS,
    REJECT_REASONS,
    Appeal,
    Decision,
    Reason,
    Statement,
)
from commentsvc.moderation.nudge import nudges
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.reasons import words_of_reason
from commentsvc.moderation.sanctions import in_shadow, in_words, shadowed, told_in_one, told_to
from commentsvc.moderation.statements import of_whole
from commentsvc.notifications.listing import NOTHING, Standing, standing
from commentsvc.pages import csp_nonce
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import WELCOME, Article, Site
from commentsvc.sites.rows import ArticleRow, SiteRow
from commentsvc.web import settings_of

SORTS = {
    Sort.NEWEST: N_("Newest"), Sort.OLDEST: N_("Oldest"), Sort.TOP: N_("Top"), Sort.MOST_REPLIED: N_("Most replied"),
    Sort.CONTROVERSIAL: N_("Controversial"), Sort.FEATURED: N_("Featured first"),
}
# Wide screens indent this deep, phones half of it; beyond, a reply names whom it answers.
INDENT_WIDE, INDENT_PHONE = 4, 2
# What nobody can write, in place of what is a page's own while its shell is rendered.
_NONCE, _HEADING, _LIST = (b"mark-" + secrets.token_hex(16).encode() for _ in range(3))
_MARKS = re.compile(b"(" + b"|".join([_NONCE, _HEADING, _LIST]) + b")")
# How long its author is reminded that a comment was not published.
REJECTED_SHOWN = dt.timedelta(days=7)
OWN_LIMIT = 1000


@dataclass(frozen=True)
class Waiting:
    """A comment that only its author sees, and why it was rejected or may hurt, if it was or may."""

    comment: Comment
    reason: str = ""
    statement: str = ""  # the puid of the statement of reasons, where it was rejected here
    appeal: str = ""  # whether she has appealed ("open", "upheld"), or still can ("possible")
    posted: bool = False  # shown to her as published, while she is shadowed
    doubtful: Sequence[Range] = ()  # sentences that may hurt somebody, while she can say it differently

    @property
    def status(self) -> str:
        """The comment's, as its author sees it."""
        return Status.PUBLISHED.value if self.posted else self.comment.status

    @property
    def pieces(self) -> list[Piece]:
        """The text as she typed it, cut where a doubtful sentence begins or ends."""
        return cut(self.comment.body, Marks(sentences=tuple(self.doubtful)))

    @property
    def sentences(self) -> list[str]:
        """The doubtful sentences."""
        return [self.comment.body[start:end] for start, end in self.doubtful]


@dataclass(frozen=True)
class Edited:
    """An edit of one's own published comment that others do not read, or not yet."""

    comment: Comment
    revision: Revision
    reason: str = ""  # why it was rejected
    posted: bool = False  # shown to her as if it were accepted, while she is shadowed
    statement: str = ""  # the puid of the statement of reasons, where it was rejected
    appeal: str = ""  # as of a comment that waits

    @property
    def html(self) -> str:
        return render_markdown(self.revision.body, people_named(self.revision.body, self.comment.article_id))


@dataclass(frozen=True)
class Told:
    """A sanction in words for the person it is about."""

    sanction: Sanction
    holds: bool

    @property
    def warning(self) -> bool:
        return self.sanction.kind == SanctionKind.WARN

    @property
    def reason(self) -> str:
        return gettext(REJECT_REASONS[Reason(self.sanction.reason)])

    @property
    def said(self) -> str:
        """What holds, in one sentence."""
        return told_in_one(self.sanction)

    @property
    def until(self) -> str:
        return in_words(self.sanction.ends_at) if self.sanction.ends_at else ""


@dataclass(frozen=True)
class Personal:
    """What is the reader's own in a conversation."""

    user: User
    staff: bool
    votes: Mapping[int, int]
    own: frozenset[int]
    waiting: Sequence[Waiting]
    editable: frozenset[int] = frozenset()  # of her published comments
    edits: Sequence[Edited] = ()  # of them, that others do not read (yet)
    told: Sequence[Told] = ()  # sanctions on her that she should read of here
    standing: Standing = NOTHING  # of her notifications
    hidden: frozenset[int] = frozenset()  # people whom she hides


@dataclass(frozen=True)
class Asked:
    """What a form sent or a link asked for, so that nothing typed is lost on the way."""

    account: str = ""  # the account form to show: sign-up, code, sign-in, forgot, sent
    panel: str = ""  # the form below a comment: reply, edit, flag, withdraw
    target: int | None = None  # that comment
    values: Mapping[str, str] = field(default_factory=dict)
    error: CommentsvcError | None = None
    where: str = ""  # the form at fault: account, panel, editor, page
    notice: str = ""
    preview: str = ""  # the HTML of what was typed

    def message(self, where: str, *fields: str) -> str:
        """The error to show at one of these fields, or ("") at the form as a whole."""
        if self.error is None or self.where != where:
            return ""
        return self.error.told if (self.error.field or "") in fields else ""


@dataclass(frozen=True)
class View:
    """One conversation as the templates see it; `me` is None on pages that are for everybody."""

    article: Article | ArticleRow
    site: Site | SiteRow
    sort: Sort = Sort.NEWEST
    appearance: Appearance = field(default_factory=Appearance)
    plain: bool = False
    me: Personal | None = None
    asked: Asked = Asked()
    highlight: int | None = None

    exact = staticmethod(point_in_time)
    words = staticmethod(words)
    flag_reasons = FLAG_REASONS
    staff_roles = frozenset(role.value for role in STAFF)
    indent_wide = INDENT_WIDE
    indent_phone = INDENT_PHONE

    def badges(self, comment: CommentRow | Comment) -> Sequence[Badge]:
        """What stands beside its author's name."""
        return badges(comment.author_role, getattr(comment, "expert", None), getattr(comment, "member", None))

    def profile(self, comment: CommentRow | Comment) -> str:
        """The address of the page about its author; "" where there is none, or it is not linked."""
        if not getattr(comment, "has_profile", False):
            return ""
        return f"{self.root}/people/{self.site.key}/{public_id(self.site.id, comment.author_id)}{self.lang}"

    @cached_property
    def root(self) -> str:
        """What stands before every path, where the service does not live at the host's root."""
        return request.script_root

    @property
    def site_address(self) -> str:
        """This service's own address as it was asked, with a slash at its end: for pages that are not ours."""
        return request.url_root

    @property
    def canonical(self) -> str:
        """The plain page's one address: never by the name that a request gives the host."""
        return f"{settings_of(current_app).BASE_URL.rstrip('/')}/embed/a/{self.article.id}"

    def structured(self, nodes: Sequence[Node]) -> dict[str, Any]:
        """The conversation as search engines read it: a DiscussionForumPosting of schema.org."""
        return {
            "@context": "https://schema.org", "@type": "DiscussionForumPosting",
            "headline": self.article.title, "url": self.canonical, "isPartOf": self.article.url, "text": self.welcome,
            "author": {"@type": "Organization", "name": self.site.name},
            "datePublished": self.article.created_at.isoformat(), "commentCount": self.article.comment_count,
            "comment": [_structured(node, self.article.url) for node in nodes if node.comment.status == Status.PUBLISHED],
        }

    @cached_property
    def asked_language(self) -> str | None:
        """The language asked for, where it is not the site's own."""
        return speak(self.site.language)

    @property
    def lang(self) -> str:
        """What an address of ours without a query needs for its page to be in the same language."""
        return f"?lang={self.asked_language}" if self.asked_language else ""

    @property
    def and_lang(self) -> str:
        """The same after a query."""
        return f"&lang={self.asked_language}" if self.asked_language else ""

    @property
    def providers(self) -> tuple[Provider, ...]:
        """Identity providers to sign in with."""
        return providers()

    @property
    def guests(self) -> bool:
        """Whether one may write here without an account."""
        return self.policy.guests

    @property
    def passkeys(self) -> bool:
        """Whether a passkey can be used, in a window of our own."""
        return relying_party() is not None

    @cached_property  # a statement, or made from JSON, each time
    def policy(self) -> Policy:
        """The site's."""
        return self.site.policy

    @property
    def respect(self) -> bool:
        """Whether readers give one reaction in place of votes up and down."""
        return self.policy.respect

    @property
    def sorts(self) -> Mapping[Sort, str]:
        """Those that make a difference on this site."""
        return {sort: text for sort, text in SORTS.items() if not (self.respect and sort == Sort.CONTROVERSIAL)}

    @cached_property
    def managers(self) -> bool:
        """Whether a Community Manager has said something here; one statement."""
        return any_by_managers(self.article.id)

    @cached_property  # asked once a comment
    def closed(self) -> bool:
        return self.article.closed

    def editable(self, comment: Comment) -> bool:
        """Whether the author can still edit the comment."""
        return not self.closed and may_edit(comment, self.article.policy)

    def latest_of(self, comment_id: int) -> Revision | None:
        """The reader's last text of a comment of her own."""
        comment = db.session.get(Comment, comment_id)
        return newest(comment) if comment is not None and self.me is not None and comment.author_id == self.me.user.id else None

    @property
    def max_length(self) -> int:
        return self.policy.max_length

    @property
    def public_history(self) -> bool:
        return self.policy.public_history

    @property
    def max_depth(self) -> int:
        return self.policy.max_depth

    @property
    def welcome(self) -> str:
        """The site's; in the reader's language while it is the built-in one."""
        text = self.site.welcome
        return (gettext(WELCOME) if text == WELCOME else text).replace("{site}", self.site.name)

    @property
    def guidelines(self) -> str:
        return render_markdown(self.site.guidelines) if self.site.guidelines.strip() else ""

    @property
    def public_modlog(self) -> bool:
        return self.policy.public_modlog

    def comments(self, nodes: Sequence[Node], parent: CommentRow | None = None, base: int = 0) -> Markup:
        """Comments with the replies shown under each; `base` is the depth that stands at the left edge.

        Put together from parts that components/comment.html renders and `_openings` keeps: most of a
        page stays as it is when a comment comes in.
        """
        parts: list[str] = []
        opening = self._openings()
        closing = {replies: _macros().closing(replies) for replies in (False, True)}

        def add(nodes: Sequence[Node], parent: CommentRow | None) -> None:
            for node in nodes:
                comment, left = node.comment, node.more_replies
                below = bool(node.replies or left)
                parts.append(opening(comment, parent, below, base))
                add(node.replies, comment)
                if left and not node.replies and comment.depth - base >= self.indent_wide:
                    parts.append(_macros().continue_thread(self, comment.id, left))
                elif left:
                    parts.append(_macros().more_replies(self, comment.id, self.more_cursor(node), left, len(node.replies)))
                parts.append(closing[below])

        add(nodes, parent)
        return Markup("".join(parts))  # noqa: S704 - each part is Markup: rendered by templates that escape

    def page(self, page: ThreadPage, *, until: int | None, size: int, managers: bool) -> bytes:
        """The page in the iframe: the list of comments, and its heading, in a shell that is kept.

        The shell shows nothing but what is in its key, and marks where the page's own is put in. To render it anew is
        a third of what a page costs whose comments are kept.
        """
        any_shown, any_counted = bool(page.threads), self.article.comment_count > 0
        key = (self._around, self.sort, size, self.appearance.key, managers, any_shown, any_counted, self.article.title, assets().version)
        shell = shells().get(key)
        if shell is None:
            html = render_public(
                "embed/thread.html", v=self, size=size, managers=managers, any_shown=any_shown, any_counted=any_counted,
                heading=_HEADING.decode(), list=_LIST.decode(), csp_nonce=_NONCE.decode,
            )
            shell = tuple(_MARKS.split(html.encode()))
            shells().put(key, shell)
        own = {_NONCE: csp_nonce().encode(), _HEADING: _talk().heading(self).encode(), _LIST: self.listed(page, until)}
        return b"".join([own.get(piece, piece) for piece in shell])

    def listed(self, page: ThreadPage, until: int | None) -> bytes:
        """The page's comments; each thread is kept whole, by the rows that it was read from.

        A page that is put together anew because one comment came in costs a third less so.
        """
        kept, around, now = fragments(), self._around, period()
        parts: list[bytes] = []
        for thread in page.threads:
            key = (around, thread, now)
            found = kept.get(key)
            if found is None:
                found = self.comments([thread.node]).encode()
                kept.put(key, found)
            parts.append(found)
        before, after = _talk().list(self, page, until, _LIST.decode()).encode().split(_LIST)
        return b"".join([before, *parts, after])

    def alone(self, comment: CommentRow, parent: CommentRow | None) -> Markup:
        """A comment without its replies."""
        whole: Markup = self._openings()(comment, parent, False, 0) + _macros().closing(False)
        return whole

    def _openings(self) -> Callable[[CommentRow, CommentRow | None, bool, int], Markup]:
        """What gives a comment up to its replies; on pages for everybody it is kept.

        The key is all that shows in it, so that none is ever stale. A page of 68 comments is rendered
        in 0.6 ms that way, without in 4.8.
        """
        render = partial(_macros().opening, self)
        if self.plain or self.me is not None:
            return render
        around, kept = self._around, fragments()

        def opening(comment: CommentRow, parent: CommentRow | None, replies: bool, base: int) -> Markup:
            key = (around, comment, parent and (parent.id, parent.author_name), replies, base, self.highlight == comment.id)
            found = kept.get(key)
            if found is None:
                found = render(comment, parent, replies, base).encode()
                kept.put(key, found)
            return Markup(found.decode())  # noqa: S704 - a macro's, as it was

        return opening

    @cached_property
    def _around(self) -> Hashable:
        """All that shows in a comment and is not its own; what the site has set is in its version."""
        return (
            self.root, self.site.id, self.site.key, self.site.version, self.article.id, self.article.url, self.closed,
            language(), self.asked_language,
        )

    def more_cursor(self, node: Node) -> str:
        """Where "Show more replies" of this comment goes on."""
        last = node.replies[-1].comment if node.replies else None
        return replies_cursor(node.comment, last, len(node.replies)) or ""


def _structured(node: Node, url: str) -> dict[str, Any]:
    comment = node.comment
    found: dict[str, Any] = {
        "@type": "Comment", "text": Markup(comment.body_html).striptags(), "url": f"{url}#comment-{comment.id}",  # noqa: S704 - only to take its tags away
        "datePublished": comment.created_at.isoformat(), "author": {"@type": "Person", "name": comment.author_name},
    }
    replies = [_structured(reply, url) for reply in node.replies if reply.comment.status == Status.PUBLISHED]
    return found | ({"comment": replies} if replies else {})


def _macros() -> Any:
    return current_app.jinja_env.get_template("components/comment.html").module


def _talk() -> Any:
    return current_app.jinja_env.get_template("components/conversation.html").module


ARTICLE = select(Article).where(Article.id == bindparam("article")).options(joinedload(Article.site))


def load_article(article_id: int) -> Article | None:
    """The article with its site; from here on texts are in its language, or in the one asked for."""
    article = db.session.scalars(ARTICLE, {"article": article_id}).one_or_none()
    if article is not None:
        speak(article.site.language)
    return article


def personal(article: Article, user: User | None) -> Personal | None:
    """What is the reader's own under this article, in eight statements; None when signed out."""
    if user is None:
        return None
    votes = db.session.execute(
        select(Vote.comment_id, Vote.value)
        .join(Comment, Comment.id == Vote.comment_id)
        .where(Vote.user_id == user.id, Comment.article_id == article.id)
        .limit(OWN_LIMIT)
    )
    own = db.session.scalars(
        select(Comment)
        .where(Comment.author_id == user.id, Comment.article_id == article.id, Comment.status == Status.PUBLISHED)
        .order_by(Comment.created_at.desc())
        .limit(OWN_LIMIT)
        .options(load_only(Comment.id, Comment.status, Comment.created_at, Comment.edit, Comment.edit_status, Comment.hold_for, Comment.article_id, Comment.author_id))
    ).all()
    policy = article.policy
    return Personal(
        user=user, staff=allowed(user, Permission.REVIEW, article.site_id),
        votes={comment_id: value for comment_id, value in votes}, own=frozenset(c.id for c in own),  # noqa: C416 - rows
        editable=frozenset() if article.closed else frozenset(c.id for c in own if may_edit(c, policy)),
        edits=edited(own, article.site),
        waiting=waiting(own_waiting(article.id, user.id), article.site), told=told(user, article.site_id),
        standing=standing(user, article), hidden=hidden_by(user),
    )


def edited(comments: Sequence[Comment], site: Site) -> list[Edited]:
    """Those edits of one author's published comments that others do not read; up to three statements where there are any, else none."""
    found = edits_of(comments)
    if not found:
        return []
    since = utcnow() - REJECTED_SHOWN
    under_shadow = {c.id for c in comments if c.hold_for == SanctionKind.SHADOW and c.edit_status == EditStatus.HELD}
    shadow = bool(under_shadow) and in_shadow(comments[0].author_id, site.id)
    told = _told_of_edits([c.id for c in comments if c.id in found and c.edit_status == EditStatus.REJECTED], site)
    return [
        Edited(
            c, found[c.id], posted=shadow and c.id in under_shadow,
            **told.get((c.id, c.edit), {"reason": reason_text(site, found[c.id].reason or "")} if c.edit_status == EditStatus.REJECTED else {}),
        )
        for c in comments
        if c.id in found and (c.edit_status != EditStatus.REJECTED or found[c.id].created_at > since)
    ]


def _told_of_edits(comment_ids: Sequence[int], site: Site) -> dict[tuple[int | None, int | None], dict[str, str]]:
    """Why edits of these comments were rejected, by comment and revision: what Edited says of it."""
    if not comment_ids:
        return {}
    found = db.session.execute(
        select(Statement, Appeal.status, Decision.site_reason)
        .outerjoin(Decision, Decision.id == Statement.decision_id).outerjoin(Appeal, Appeal.statement_id == Statement.id)
        .where(Statement.comment_id.in_(comment_ids), Statement.revision.is_not(None), Statement.ended_at.is_(None))
        .order_by(Statement.id)
    )
    return {
        (statement.comment_id, statement.revision): {
            "reason": reason_text(site, statement.reason, own), "statement": statement.puid,
            "appeal": appeal or ("possible" if utcnow() <= statement.appeal_until else ""),
        }
        for statement, appeal, own in found
    }


def told(user: User, site_id: int) -> list[Told]:
    """What she should read about sanctions on her; one statement."""
    now = utcnow()
    return [Told(sanction, sanction.active(now)) for sanction in told_to(user.id, site_id)]


def waiting(comments: Sequence[Comment], site: Site) -> list[Waiting]:
    """One author's comments with why they are not public; two statements, whatever their number."""
    since = utcnow() - REJECTED_SHOWN
    shown = [c for c in comments if c.status != Status.REJECTED or c.created_at > since]
    rejected = [c.id for c in shown if c.status == Status.REJECTED]
    told = _told(rejected, site) if rejected else {}
    doubtful, posted = nudges(shown, site.policy.nudges), shadowed(shown)
    return [
        Waiting(c, *told.get(c.id, ("", "", "")), posted=c.id in posted, doubtful=doubtful.get(c.id, ())) for c in shown
    ]


def _told(rejected: Sequence[int], site: Site) -> dict[int, tuple[str, str, str]]:
    """Why these comments were rejected: in words, by which statement, and whether that was or can be appealed."""
    found: dict[int, tuple[str, str, str]] = {}
    stated = aliased(Decision)  # the one that rejected it, where an appeal was decided since
    for comment_id, reason, own, statement, appeal in db.session.execute(
        select(Decision.comment_id, Decision.reason, func.coalesce(stated.site_reason, Decision.site_reason), Statement, Appeal.status)
        .outerjoin(Statement, and_(Statement.comment_id == Decision.comment_id, Statement.ended_at.is_(None), of_whole()))
        .outerjoin(stated, stated.id == Statement.decision_id)
        .outerjoin(Appeal, Appeal.statement_id == Statement.id)
        .where(Decision.comment_id.in_(rejected), Decision.to_status == Status.REJECTED)
        .order_by(Decision.id)
    ):
        if statement is None:  # from before there were statements
            found[comment_id] = (reason_text(site, reason, own), "", "")
        else:
            can = "possible" if utcnow() <= statement.appeal_until else ""
            found[comment_id] = (reason_text(site, statement.reason, own), statement.puid, appeal or can)
    return found


def reason_text(site: Site, reason: str, own: str | None = None) -> str:
    """Why a comment was rejected, in words for its author."""
    if reason == Reason.CLOSED:
        return gettext("The conversation was closed in the meantime")
    return translate(words_of_reason(site, reason, own) or words_of_reason(site, Reason.OTHER) or "", None)  # a site's own is in no catalogue


def row_of(comment: Comment, author: User) -> CommentRow:
    """A published comment just loaded, as the thread shows it."""
    return CommentRow(
        comment.id, comment.parent_id, comment.root_id, comment.depth, comment.author_id, author.display_name,
        comment.author_role, comment.status, comment.body_html, comment.created_at, comment.edited_at,
        comment.reply_count, comment.thread_count, comment.up, comment.down, comment.top_score, comment.controversy,
        comment.featured_at, *badges_of(comment.site_id, author.id), has_profile=author.guest_since is None and author.erased_at is None,
    )


def render_public(template: str, **context: object) -> str:
    """A template without Flask's context processors: they would look at the reader's cookie."""
    return current_app.jinja_env.get_template(template).render(**context)


def message_page(message: str, *, hint: str = "", framed: bool = False) -> str:
    """A page of one message, for when there is no conversation to show; within a host page it has that page's ground."""
    return render_public("embed/message.html", message=message, hint=hint, framed=framed, appearance=Appearance.from_args(request.args))
