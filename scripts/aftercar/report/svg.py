"""Small SVG drawings without style attributes: elements, axes that fit days and limits, labels.

Drawn by hand rather than with a plotting library: a page needs no import of half a second, its
text uses the page's own font, and a strict content-security policy allows it.
"""

import math
from collections.abc import Sequence

from markupsafe import Markup, escape

# Okabe & Ito's palette (jfly.uni-koeln.de/color), without yellow, which does not show on white.
BLUE, VERMILLION, GREEN, ORANGE = "#0072B2", "#D55E00", "#009E73", "#E69F00"
PURPLE, SKY, INK, GREY, PALE = "#CC79A7", "#56B4E9", "#1b1f24", "#6b7480", "#d5dae0"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)


def inert(words: object) -> Markup:
    """Escape text so that it stays text for readers and for tools that search pages for code."""
    return Markup(str(escape(str(words))).replace("=", "&#61;"))


def element(name: str, content: str = "", /, **attributes: object) -> str:
    """Return one element; `content` is markup, attribute values are escaped, x_y becomes x-y."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def drawing(width: float, height: float, body: str, *, title: str, description: str) -> Markup:
    """Return an inline SVG that scales with its column and says what it shows.

    `body` is made by the functions of this module, which escape every text.
    """
    return Markup(
        f'<svg viewBox="0 0 {_short(float(width))} {_short(float(height))}" role="img" '
        'class="plot">'
        f"<title>{inert(title)}</title><desc>{inert(description)}</desc>{body}</svg>"
    )


def text(x: float, y: float, words: object, **attributes: object) -> str:
    """Return a line of text; `words` is escaped."""
    return element("text", str(inert(words)), x=float(x), y=float(y), **attributes)


def line(x1: float, y1: float, x2: float, y2: float, **attributes: object) -> str:
    """Return a straight line."""
    return element("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), **attributes)


def text_width(words: str, size: float) -> float:
    """Return a generous width of a line of text, in the units of its size."""
    return 0.56 * size * len(words)


def place(spans: Sequence[tuple[float, float]], gap: float = 4.0) -> list[int]:
    """Return for each (left, right) the first row in which it overlaps nothing placed before."""
    ends: list[float] = []
    rows = []
    for left, right in spans:
        row = next((i for i, end in enumerate(ends) if left >= end + gap), len(ends))
        if row == len(ends):
            ends.append(right)
        ends[row] = right
        rows.append(row)
    return rows


class DayAxis:
    """Days on a square-root scale around day 0: early weeks keep room beside later months."""

    def __init__(self, first: float, last: float, left: float, right: float) -> None:
        """Span the days `first` to `last` over the positions `left` to `right`."""
        self.first, self.last = first, max(last, first + 1)
        self.left, self.right = left, right
        self._low, self._high = _signed_root(self.first), _signed_root(self.last)

    def __call__(self, day: float) -> float:
        """Return the position of a day."""
        share = (_signed_root(day) - self._low) / (self._high - self._low)
        return self.left + share * (self.right - self.left)

    def ticks(self, wanted: Sequence[int], size: float) -> list[int]:
        """Return the wanted days that fit side by side, earlier ones in the list first."""
        chosen: list[tuple[float, float]] = []
        days = []
        for day in wanted:
            half = text_width(str(day), size) / 2 + 3
            left, right = self(day) - half, self(day) + half
            inside = self.first <= day <= self.last
            if inside and all(right < a or left > b for a, b in chosen):
                chosen.append((left, right))
                days.append(day)
        return sorted(days)


def _signed_root(day: float) -> float:
    return math.copysign(math.sqrt(abs(day)), day)


class LogAxis:
    """Positive values on a logarithmic scale that ends at whole decades."""

    def __init__(self, values: Sequence[float], bottom: float, top: float) -> None:
        """Span the decades that hold all positive values; without any, 0.1 to 10."""
        positive = [value for value in values if value > 0]
        low = math.floor(math.log10(min(positive))) if positive else -1
        high = math.ceil(math.log10(max(positive))) if positive else 1
        self.low, self.high = low, max(high, low + 1)
        self.bottom, self.top = bottom, top

    def __call__(self, value: float) -> float:
        """Return the position of a value; zero and what lies below sits at the bottom."""
        level = math.log10(value) if value > 0 else self.low
        share = min(max((level - self.low) / (self.high - self.low), 0.0), 1.0)
        return self.bottom - share * (self.bottom - self.top)

    def ticks(self, most: int = 4) -> list[float]:
        """Return at most `most` whole decades."""
        step = max(1, math.ceil((self.high - self.low) / (most - 1)))
        return [10.0**level for level in range(self.low, self.high + 1, step)]
