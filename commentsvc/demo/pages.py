"""The pages of the demo publisher, as any newspaper might serve them: one tag, no template of ours.

They set their own strict content policy. Three optional settings fit them into an application:
``DEMO_SITE_KEY`` (default ``courier``), ``DEMO_EMBED_BASE`` (the origin of the comment service
when it is another one, as ``http://127.0.0.1:8000``) and ``DEMO_NOW`` (an aware datetime that
article times count back from, such as the moment the demo was loaded; else the current time).
"""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template

from commentsvc.demo.content import DemoArticle, DemoComment, articles, people, threads

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
TIDE = timedelta(hours=12, minutes=25.2)
LETTER_LENGTH = 180
HIGH_WATER = datetime(2026, 1, 3, 11, 40, tzinfo=UTC)

demo = Blueprint(
    "demo", __name__, url_prefix="/demo", template_folder="templates", static_folder="static"
)

_BY_SLUG = {article.slug: article for article in articles()}


def format_day(when: datetime) -> str:
    """A date in the newspaper's style: ``Monday 23 November 2026``."""
    return f"{DAYS[when.weekday()]} {when.day} {MONTHS[when.month - 1]} {when.year}"


def format_time(when: datetime) -> str:
    """A moment in the newspaper's style: ``23 November 2026, 14:05``."""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}, {when:%H:%M}"


def high_waters(day: datetime) -> list[str]:
    """The times of high water in Calder on that day, which has one or two of them."""
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    tide = HIGH_WATER + math.ceil((start - HIGH_WATER) / TIDE) * TIDE
    times = []
    while tide < start + timedelta(days=1):
        times.append(f"{tide:%H:%M}")
        tide += TIDE
    return times


@demo.app_template_filter("demo_time")
def _demo_time(when: datetime) -> str:
    return format_time(when)


def _now() -> datetime:
    configured = current_app.config.get("DEMO_NOW")
    return configured if isinstance(configured, datetime) else datetime.now(UTC)


def _view(article: DemoArticle) -> dict[str, Any]:
    """What the templates need to know about an article."""
    published = _now() - timedelta(hours=article.published_hours_ago)
    published = published.replace(minute=published.minute // 5 * 5, second=0, microsecond=0)
    return {
        **asdict(article),
        "published_at": published,
        # One address, under whatever name of this machine it is read: one conversation.
        "canonical_url": f"{current_app.config['SETTINGS'].BASE_URL}/demo/{article.slug}",
    }


def _letters(limit: int = 1) -> list[dict[str, Any]]:
    """The best liked short opening comments, one for each article, for the front page."""

    def short(comment: DemoComment) -> bool:
        plain = not set(comment.body) & set("*_`[]<>\n")
        return comment.parent is None and plain and len(comment.body) <= LETTER_LENGTH

    best = [
        (max(fitting, key=lambda comment: comment.up), _BY_SLUG[slug])
        for slug, comments in threads().items()
        if (fitting := [comment for comment in comments if short(comment)])
    ]
    best.sort(key=lambda pair: -pair[0].up)
    return [
        {"text": comment.body, "author": people()[comment.author].name, "story": story}
        for comment, story in best[:limit]
    ]


def _render(template: str, **values: Any) -> str:
    today = datetime.now(UTC)
    return render_template(
        template,
        site_key=current_app.config.get("DEMO_SITE_KEY", "courier"),
        embed_base=current_app.config.get("DEMO_EMBED_BASE", ""),
        today=today,
        today_words=format_day(today),
        tides=high_waters(today),
        sections=[(article.section, article.slug) for article in articles()],
        **values,
    )


@demo.get("/")
def front() -> str:
    """The front page."""
    shown = [_view(article) for article in articles()]
    counts = {slug: len(comments) for slug, comments in threads().items()}
    discussed = sorted(shown, key=lambda article: -counts[article["slug"]])[:4]
    return _render("demo/front.html", stories=shown, discussed=discussed, letters=_letters())


@demo.get("/<slug>")
def article(slug: str) -> str | tuple[str, int]:
    """One article with its conversation, or the newspaper's own "not found" page."""
    found = _BY_SLUG.get(slug)
    if found is None:
        latest = [_view(other) for other in articles()[:3]]
        return _render("demo/not_found.html", stories=latest), 404
    related = [_view(_BY_SLUG[other]) for other in found.related]
    return _render("demo/article.html", article=_view(found), related=related)


@demo.after_request
def _strict_policy(response: Response) -> Response:
    """Allow this page its own files and the comment service, and nothing else at all."""
    own = "'self'"
    base = current_app.config.get("DEMO_EMBED_BASE", "")
    service = f"{own} {base}" if base else own
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; script-src {service}; style-src {own}; img-src {own} data:; "
        f"frame-src {service}; connect-src {service}; base-uri 'none'; form-action {own}; frame-ancestors 'none'"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
    return response
