"""Tables as CSV, streamed, and safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from flask import Response, stream_with_context

# A cell that begins so is a formula to a spreadsheet, and a comment's author would be its
# programmer (OWASP, "CSV Injection"); full-width signs count in East Asian settings.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "|", "%")


def safe_cell(value: object) -> str:
    """The text of a cell; an apostrophe in front keeps a spreadsheet from running it."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def csv_response(filename: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """The rows as a download, written while they are read."""

    def lines() -> Iterator[str]:
        yield "\ufeff"  # without it, Excel reads UTF-8 as the machine's own code page
        for row in _with_head(head, rows):
            line = io.StringIO()
            csv.writer(line).writerow([safe_cell(cell) for cell in row])
            yield line.getvalue()

    return Response(
        stream_with_context(lines()),
        mimetype="text/csv",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "private, no-store",
        },
    )


def _with_head(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Iterator[Sequence[object]]:
    yield head
    yield from rows
