"""Plots as SVG, drawn by pygal and styled by the console's own sheet: no script, no inline style, light and dark.

Each is drawn twice, for a wide and for a narrow place, so that its words have the same size in both; the sheet
shows one. Numbers that a plot shows stand in a table beside it; to a screen reader the plot is one sentence.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree as ET

import pygal
from markupsafe import Markup
from pygal.style import Style

from commentsvc.i18n import number as number_words

# pygal looks for plugins of its own at every import of the process, in a way that Python 3.11 warns of and 3.12 ignores.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]

TEXT = 12  # px; what the sheet sets, too, so that pygal leaves the right room
WIDE = (560, 230)
BROAD = (1040, 260)
NARROW = (288, 210)
SMALL = (176, 120)  # one of several beside each other, the same at every width

_STYLE = Style(label_font_size=TEXT, major_label_font_size=TEXT, value_font_size=TEXT, font_family="sans-serif")
_KEPT = {"rect", "path", "circle", "text", "g", "svg"}


def plain_number(value: float) -> str:
    """1,204 or 0.5."""
    return number_words(round(value) if value == int(value) else value)


@dataclass(frozen=True)
class Series:
    """One of a plot's kinds of things: `name` is its class in the sheet and `title` what people call it."""

    name: str
    title: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class Look:
    """What differs from plot to plot, all of it optional."""

    unit: Callable[[float], str] = plain_number
    ticks: Sequence[float] | None = None
    logarithmic: bool = False
    broad: bool = False  # it has the page's whole width
    narrow: bool = False  # it stands in a narrow place on a wide page, too
    shown: Sequence[str] | None = None  # the labels that are written; by default as many as have room
    dots: bool = True
    edges: bool = False  # labels name where bars begin
    marker: float | None = None  # a line at this place, 0 to 1 from the first bar's begin to the last one's end
    points: bool = False  # of a line whose first point is at one step: 0 lies a step before it


_PLAIN = Look()


def nice_ticks(most: float, about: int = 4) -> list[float]:
    """From 0 to at least `most`, in steps of 1, 2 or 5 times a power of ten; whole numbers under ten."""
    step = max(10 ** math.floor(math.log10(max(most, 1) / about)), 1)
    step *= next(by for by in (1, 2, 5, 10) if step * by * about >= most)
    return [step * n for n in range(math.ceil(max(most, 1) / step) + 1)]


def stacked(labels: Sequence[str], series: Sequence[Series], said: str, look: Look = _PLAIN) -> Markup:
    """Bars of parts that add up."""
    most = max((sum(v or 0 for v in parts) for parts in zip(*(s.values for s in series), strict=True)), default=0)
    return _both(pygal.StackedBar, labels, series, said, most, look)


def grouped(labels: Sequence[str], series: Sequence[Series], said: str, look: Look = _PLAIN) -> Markup:
    """Bars beside each other."""
    return _both(pygal.Bar, labels, series, said, _most(series), look)


def lines(labels: Sequence[str], series: Sequence[Series], said: str, look: Look = _PLAIN) -> Markup:
    """A line for each series, with a gap where there is no value."""
    return _both(pygal.Line, labels, series, said, _most(series), look)


def small(labels: Sequence[str], series: Sequence[Series], said: str, most: float) -> Markup:
    """Stacked bars in little room, one of several with the same scale."""
    look = Look(ticks=nice_ticks(most, 2), edges=True, shown=labels[::5])
    svg = _draw(pygal.StackedBar, labels, series, said, SMALL, look)
    return Markup(f'<div class="plot small">{svg}</div>')  # noqa: S704 - numbers and words that ElementTree has escaped


def _most(series: Sequence[Series]) -> float:
    return max((v for s in series for v in s.values if v is not None), default=0)


def _both(kind: Any, labels: Sequence[str], series: Sequence[Series], said: str, most: float, look: Look) -> Markup:
    look = replace(look, ticks=look.ticks or nice_ticks(most))
    drawn = []
    wide, narrow = ("wide", BROAD if look.broad else WIDE, 12 if look.broad else 8), ("narrow", NARROW, 4)
    for name, size, number in (narrow,) if look.narrow else (wide, narrow):
        svg = _draw(kind, labels, series, said, size, replace(look, shown=look.shown or _some(labels, number)))
        drawn.append(f'<div class="plot {"always" if look.narrow else name}{" broad" if look.broad else ""}">{svg}</div>')
    return Markup("".join(drawn))  # noqa: S704 - as above


def _some(labels: Sequence[str], number: int) -> list[str]:
    """So many of the labels that they do not touch: evenly apart."""
    step = max(1, math.ceil(len(labels) / number))
    return list(labels[::step])


def _draw(kind: Any, labels: Sequence[str], series: Sequence[Series], said: str, size: tuple[int, int], look: Look) -> str:
    ticks, shown = look.ticks or [0, 1], list(look.shown or labels)
    beyond = len(labels[-1]) * TEXT * 0.3 if kind is pygal.Line and labels and labels[-1] in shown else 0  # half of what stands below the last point
    chart = kind(
        css=[], js=[], width=size[0], height=size[1], margin=0, margin_top=TEXT / 2, margin_right=beyond, margin_bottom=2, spacing=6, show_legend=False, style=_STYLE,
        disable_xml_declaration=True, show_x_guides=False, show_minor_x_labels=False, truncate_label=-1, x_labels_major=shown,
        range=(ticks[0], ticks[-1]), dots_size=2.5, show_dots=look.dots, no_data_text="", logarithmic=look.logarithmic,
    )
    chart.x_labels = list(labels)
    chart.y_labels = [{"value": tick, "label": look.unit(tick)} for tick in ticks]
    for one in series:
        chart.add(one.title, list(one.values))
    chart.add_xml_filter(lambda root: _styled_by_us(root, labels, series, said, look.unit))
    if look.edges or look.marker is not None:
        chart.add_xml_filter(lambda root: _placed(root, look, [list(labels).index(label) for label in shown], len(labels)))
    return str(chart.render(is_unicode=True))


def _styled_by_us(root: Any, labels: Sequence[str], series: Sequence[Series], said: str, unit: Callable[[float], str]) -> Any:
    """Pygal's drawing without its script, style and hints; each mark says what it is to a pointer that rests on it."""
    for parent in list(root.iter()):
        for child in list(parent):
            tag = str(child.tag).rpartition("}")[2]
            klass = child.get("class", "") if isinstance(child.tag, str) else ""
            if not isinstance(child.tag, str) or tag not in _KEPT or "tooltip-overlay" in klass or "text-overlay" in klass:
                parent.remove(child)
    for element in root.iter():
        element.attrib.pop("style", None)
        for name, value in list(element.attrib.items()):
            if name in {"x", "y", "width", "height", "cx", "cy"}:
                element.set(name, f"{float(value):.1f}")
    root.attrib.pop("id", None)
    root.set("class", "drawn")
    root.set("role", "img")
    root.set("aria-label", said)
    for number, one in enumerate(series):
        for group in root.iter():
            if "series" in (classes := group.get("class", "").split()) and f"serie-{number}" in classes:
                group.set("class", f"series {one.name}")
                _hints(group, labels, one, unit)
    return root


def _hints(group: Any, labels: Sequence[str], series: Series, unit: Callable[[float], str]) -> None:
    values = [(label, value) for label, value in zip(labels, series.values, strict=True) if value is not None]
    marks = [e for e in group.iter() if e.get("class", "").startswith(("bar", "dots")) and "bars" not in e.get("class", "")]
    if len(marks) != len(values):
        return
    for mark, (label, value) in zip(marks, values, strict=True):
        hint = ET.Element("title")
        hint.text = f"{label}: {series.title}, {unit(value)}"
        mark.insert(0, hint)


def _placed(root: Any, look: Look, places: Sequence[int], number: int) -> Any:
    """Labels at the begin of their bars, and the marker; it says where 0 and 1 are, for the script that moves it."""
    plot = next(e for e in root.iter() if e.get("class") == "plot")
    height = next(e for e in plot if e.get("class") == "background").get("height")
    axis = next(e for e in plot if e.get("class", "").startswith("axis x"))
    texts = [e for e in axis.iter() if str(e.tag).endswith("text")]
    first, second = (float(e.get("x")) for e in texts[:2])
    step = (second - first) / (places[1] - places[0])
    zero = first - (places[0] + (1 if look.points else 0.5)) * step
    if look.edges:
        for text in texts:
            text.set("x", f"{float(text.get('x')) - step / 2:.1f}")
    if look.marker is not None:
        one = zero + number * step
        x = f"{zero + look.marker * (one - zero):.1f}"
        ET.SubElement(plot, "line", {
            "class": "marker", "x1": x, "x2": x, "y1": "0", "y2": height, "data-zero": f"{zero:.2f}", "data-one": f"{one:.2f}",
        })
    return root
