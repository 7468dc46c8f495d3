"""What a publisher's attributes may change of the look, checked and made readable. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

THEMES = ("auto", "light", "dark")
DIRECTIONS = ("ltr", "rtl")
FONT_LENGTH = 300
GENERIC_FONTS = {
    "serif", "sans-serif", "monospace", "cursive", "fantasy", "system-ui", "ui-serif",
    "ui-sans-serif", "ui-rounded", "ui-monospace",
}
_HEX = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
_FAMILY = re.compile(r"-?[A-Za-z][A-Za-z0-9 _-]{0,60}")

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
INK: Colour = (0x10, 0x18, 0x20)
# The page and the tint that text in the accent stands on; tokens.css has the same.
LIGHT_PAGE: Colour = WHITE
DARK_PAGE: Colour = (0x16, 0x17, 0x1A)
QUIET_LIGHT: Colour = (0x6B, 0x68, 0x60)  # its --ink-3
QUIET_DARK: Colour = (0xA0, 0x9D, 0x96)
RADII = range(25)  # pixels
READABLE = 4.5  # WCAG 2.2, 1.4.3


def luminance(colour: Colour) -> float:
    """Relative luminance (WCAG 2.2), 0 to 1."""
    linear = [(c / 255 / 12.92) if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, 1 to 21."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """`share` of the first, the rest of the second."""
    red, green, blue = (round(a * share + b * (1 - share)) for a, b in zip(one, other, strict=True))
    return red, green, blue


def bright(page: Colour) -> bool:
    """Whether dark text stands on it."""
    return luminance(page) > 0.18


def tint(accent: Colour, page: Colour) -> Colour:
    """The quiet background that goes with an accent."""
    return mix(accent, page, 0.1 if bright(page) else 0.16)


def ground(background: Colour | None, page: Colour) -> Colour:
    """The publisher's own background for what stands on `page`, moved towards it until our quietest text can be read."""
    if background is None or bright(background) != bright(page):
        return page
    quiet = QUIET_LIGHT if page == LIGHT_PAGE else QUIET_DARK
    for step in range(0, 101, 2):
        colour = mix(page, background, step / 100)
        if contrast(quiet, colour) >= READABLE:
            return colour
    return page


def readable(accent: Colour, page: Colour) -> Colour:
    """The accent, moved away from the page until text in it can be read, also on its own tint."""
    away = BLACK if bright(page) else WHITE
    for step in range(0, 101, 2):
        colour = mix(away, accent, step / 100)
        if min(contrast(colour, page), contrast(colour, tint(colour, page))) >= READABLE:
            return colour
    return away


def parse_colour(text: str | None) -> Colour | None:
    """#rgb or #rrggbb, with or without #; None for anything else."""
    found = _HEX.fullmatch((text or "").strip())
    if not found:
        return None
    digits = found[1] if len(found[1]) == 6 else "".join(d * 2 for d in found[1])
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def parse_font(text: str | None) -> str:
    """A font-family list that is safe inside a style element; "" when nothing of it is."""
    families = []
    for part in (text or "")[:FONT_LENGTH].split(","):
        name = part.strip().strip("'\"").strip()
        if not _FAMILY.fullmatch(name):
            continue
        families.append(name if name in GENERIC_FONTS or name.startswith("-") else f'"{name}"')
    return ", ".join(families[:8])


def parse_radius(text: str | None) -> int | None:
    """Whole pixels, with or without "px"; None for anything else."""
    found = re.fullmatch(r"([0-9]{1,2})(?:px)?", (text or "").strip(), re.ASCII)
    return int(found[1]) if found and int(found[1]) in RADII else None


def _hex(colour: Colour) -> str:
    return "#" + "".join(f"{c:02x}" for c in colour)


@dataclass(frozen=True)
class Appearance:
    """A publisher's choice.

    What cannot be understood is left at its default: a typing error in a template must not take
    the conversation away.
    """

    theme: str = "auto"
    accent: Colour | None = None
    font: str = ""
    background: Colour | None = None
    radius: int | None = None
    direction: str = ""  # the side lines begin at on the publisher's page; "": at which the language begins them

    @classmethod
    def from_args(cls, args: Mapping[str, str]) -> Appearance:
        theme, direction = args.get("theme", "auto"), args.get("dir", "")
        return cls(
            theme if theme in THEMES else "auto", parse_colour(args.get("accent")), parse_font(args.get("font")),
            parse_colour(args.get("background")), parse_radius(args.get("radius")),
            direction if direction in DIRECTIONS else "",
        )

    @property
    def key(self) -> str:
        """Equal for equal looks; part of the page's ETag."""
        return repr((self.theme, self.accent, self.font, self.background, self.radius, self.direction))

    @property
    def css(self) -> str:
        """The rules that override tokens.css; "" when there is nothing to override."""
        rules = []
        if self.font:
            rules.append(f":root{{--font:{self.font}}}")
        if self.radius is not None:
            rules.append(f":root{{--radius:{self.radius}px}}")
        if self.accent or self.background:
            rules.append(f":root{{{self._tokens(LIGHT_PAGE)}}}")
            dark = self._tokens(DARK_PAGE)
            # Both ways in which tokens.css goes dark.
            rules.append(f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}")
            rules.append(f":root[data-theme=dark]{{{dark}}}")
        return "".join(rules)

    def _tokens(self, page: Colour) -> str:
        page = ground(self.background, page)
        ours = f"--page:{_hex(page)}"
        if not self.accent:
            return ours
        accent = readable(self.accent, page)
        on_accent = WHITE if contrast(WHITE, accent) >= READABLE else INK
        return f"{ours};--accent:{_hex(accent)};--focus:{_hex(accent)};--accent-soft:{_hex(tint(accent, page))};--on-accent:{_hex(on_accent)}"
