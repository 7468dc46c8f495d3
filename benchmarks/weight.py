"""What a browser loads of script and style, beside what others make readers load. `python -m benchmarks.weight`."""

from __future__ import annotations

import argparse
import platform

from benchmarks.report import publish, table
from commentsvc.embed.assets import load

READING = ("embed.js", "widget.js", "widget.css")
WRITING = (*READING, "write.js", "editor.css")
SIGNED_IN = (*WRITING, "hide.js")
STATES = {
    "reading": READING,
    "writing, the editor with the focus": WRITING,
    "writing, signed in": SIGNED_IN,
    "a Community Manager who writes": (*SIGNED_IN, "moderate.js"),
    "the same with all that anybody can open": (*SIGNED_IN, "moderate.js", "read.js", "identity.js", "notices.js", "notices.css", "profile.css"),
}
# kB with gzip that a reader loads, measured once on these releases' own pages, by no command of ours.
PEERS = {"Commento 1.8": 14.3, "Isso 0.14": 22.6, "Artalk lite": 43.0, "Remark42 1.9": 63.9, "Waline 1.39": 99.0, "Twikoo 1.7": 147.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help="append to RESULTS.md")
    given = parser.parse_args()
    publish("script and style, compressed", "\n".join((f"gzip as it is served; Python {platform.python_version()}.", "", *measure())), record=given.record)


def measure() -> list[str]:
    """A table of all, and what it says."""
    weights = weigh()
    rows = [[f"commentsvc, {state}", f"{size / 1000:.1f}", " ".join(files)] for state, files in STATES.items() for size in (weights[state],)]
    rows += [[name, f"{size:.1f}", ""] for name, size in PEERS.items()]
    return [table(["", "kB", "files"], rows), "", *(said(state, weights[state]) for state in STATES)]


def weigh() -> dict[str, int]:
    """Bytes of each state, all files together."""
    files = load().files
    return {state: sum(len(files[name].compressed) for name in names) for state, names in STATES.items()}


def said(state: str, size: int) -> str:
    """Which of the others load less than this, if any do."""
    lighter = [name for name, theirs in PEERS.items() if theirs * 1000 <= size]
    return f"- {state[0].upper()}{state[1:]}: less than {'all but ' + ', '.join(lighter) if lighter else 'every one of them'}."


if __name__ == "__main__":
    main()
