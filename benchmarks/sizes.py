"""What a comment takes on PostgreSQL's disk: rows and indexes, by table. `python -m benchmarks.sizes`."""

from __future__ import annotations

import argparse
import itertools
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Table, func, select, text

from benchmarks.databases import Database, add_article, add_site, insert_rows, prepared, settle
from benchmarks.report import environment, publish, table
from benchmarks.servers import ROOT
from benchmarks.synthetic import SEED, make_thread
from commentsvc.comments.models import Comment, Revision, Status, Vote
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.screening.submission import Verdict
from commentsvc.screening.toxicity import load_bundled_scorer

COMMENTS = 200_000
QUICK = 20_000
SMALLEST, LARGEST = 200, 1_800  # comments of an article: 1,000 on average
TABLES = (Comment, Revision, Screening, Decision, Vote)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} comments instead of {COMMENTS:,}")
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md")
    given = parser.parse_args()
    base = ROOT / "instance"
    base.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=base) as folder:
        about = environment(Path(folder))
        with prepared("postgresql", Path(folder) / "run") as (database, _app):
            articles = load(QUICK if given.quick else COMMENTS)
            settle(db.engine)
            lines = [about, "", *measure(database, articles)]
    publish("bytes of a comment", "\n".join(lines), record=given.record)


def load(wanted: int) -> int:
    """At least so many published comments with all that the service keeps of each; how many articles."""
    site_id, people = add_site()
    rng = random.Random(SEED)
    first_id = 1
    model = load_bundled_scorer()
    info, labels = model.info, tuple(model.score(["A sentence."])[0])
    for n in itertools.count():
        if first_id > wanted:
            return n
        size = rng.randint(SMALLEST, LARGEST)
        article_id, _url = add_article(site_id, size * 10_000 + n)  # its address is made of that
        thread = make_thread(size, site_id=site_id, article_id=article_id, first_id=first_id, user_ids=people)
        kept = {
            Comment: thread.comments, Vote: thread.votes, Revision: list(_revisions(thread.comments)),
            Screening: list(_screenings(thread.comments, rng, labels, info.name, info.version, info.sha256)),
            Decision: list(_decisions(thread.comments)),
        }
        insert_rows(db.engine, [(_table(model), rows) for model, rows in kept.items()])
        first_id += size
    raise AssertionError


def _table(model: Any) -> Table:
    found: Table = model.__table__
    return found


def _of(comment: dict[str, Any]) -> dict[str, Any]:
    return {"site_id": comment["site_id"], "comment_id": comment["id"], "created_at": comment["created_at"]}


def _revisions(comments: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for comment in comments:
        yield _of(comment) | {"number": 1, "body": comment["body"]}


def _screenings(
    comments: list[dict[str, Any]], rng: random.Random, labels: tuple[str, ...], name: str, version: str, sha256: str
) -> Iterator[dict[str, Any]]:
    for comment in comments:
        yield _of(comment) | {
            "revision": 1, "verdict": Verdict.PUBLISH.value, "findings": [], "scores": {label: rng.random() for label in labels},
            "model_name": name, "model_version": version, "model_sha256": sha256,
        }


def _decisions(comments: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for comment in comments:
        yield _of(comment) | {
            "revision": 1, "from_status": Status.PENDING.value, "to_status": Status.PUBLISHED.value, "actor_id": None,
            "reason": Reason.CLEAN.value, "note": "", "undoes_id": None,
        }


def measure(database: Database, articles: int) -> list[str]:
    """The tables' and indexes' sizes, for each comment there is."""
    with database.connect() as connection:
        number, body, html = connection.execute(
            select(func.count(), func.avg(func.length(Comment.body)), func.avg(func.length(Comment.body_html)))
        ).one()
        lines = [
            (
                f"{number:,} published comments under {articles:,} articles, {body:.0f} characters of Markdown and {html:.0f} of HTML on "
                f"average, on {database.version()}, after VACUUM. Each with its revision, one screening with scores, and one decision; "
                "votes on one in ten."
            ),
            "",
        ]
        rows, indexes = [], []
        total = [0, 0]
        for model in TABLES:
            name = _table(model).name
            count = connection.scalar(text(f"select count(*) from {name}")) or 0
            heap = connection.scalar(text("select pg_table_size(cast(:name as regclass))"), {"name": name})
            index = connection.scalar(text("select pg_indexes_size(cast(:name as regclass))"), {"name": name})
            total[0] += heap
            total[1] += index
            rows.append([name, f"{count:,}", f"{heap / count:.0f}", f"{index / count:.0f}", f"{heap / number:.0f}", f"{index / number:.0f}"])
            indexes += [
                [found, f"{size / number:.1f}"]
                for found, size in connection.execute(
                    text("select indexrelname, pg_relation_size(indexrelid) from pg_stat_user_indexes where relname = :name order by 2 desc"),
                    {"name": name},
                )
            ]
        rows.append(["together", "", "", "", f"{total[0] / number:.0f}", f"{total[1] / number:.0f}"])
        head = ["table", "rows", "bytes a row", "index bytes a row", "bytes a comment", "index bytes a comment"]
        lines += [table(head, rows), "", table(["index", "bytes a comment"], indexes)]
    return lines


if __name__ == "__main__":
    main()
