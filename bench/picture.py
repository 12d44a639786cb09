"""Bars that lie one below the other, as SVG: one helper for the pictures of all benchmarks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.machine import Machine

COLOURS = {"temporal": "#4263eb", "worker": "#2fb344", "api": "#f59f00", "postgres": "#ae3ec9", "caller": "#868e96"}
PLAIN = COLOURS["temporal"]
_TOP, _ROW = 54, 26
_LEFT, _WIDTH = 270, 360


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: colours with their lengths, in figures of any unit, and what is said at its end."""

    title: str
    parts: Sequence[tuple[str, float]]
    said: str

    @property
    def length(self) -> float:
        return sum(length for _, length in self.parts)


def bars(headline: str, machine: Machine, rows: Sequence[Bar], legend: Mapping[str, str] | None = None) -> str:
    """The picture.

    Args:
        legend: what each colour means, where bars have parts.
    """
    longest = max((row.length for row in rows), default=0.0) or 1.0
    foot = _TOP + _ROW * len(rows)
    height = foot + (34 if legend else 6)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 {height}" font-family="sans-serif" font-size="13">',
        f'<rect width="760" height="{height}" fill="#fff"/>',
        f'<text x="10" y="20">{escape(headline)}</text>',
        f'<text x="10" y="38" font-size="11" fill="#495057">{escape(machine.sentence())}</text>',
    ]
    for place, row in enumerate(rows):
        top, left = _TOP + place * _ROW, float(_LEFT)
        lines.append(f'<text x="10" y="{top + 14}">{escape(row.title)}</text>')
        for colour, length in row.parts:
            width = length * _WIDTH / longest
            lines.append(f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="18" fill="{colour}"/>')
            left += width
        lines.append(f'<text x="{left + 6:.1f}" y="{top + 14}">{escape(row.said)}</text>')
    for place, (colour, title) in enumerate((legend or {}).items()):
        lines.append(f'<rect x="{10 + place * 130}" y="{foot + 8}" width="14" height="14" fill="{colour}"/>')
        lines.append(f'<text x="{30 + place * 130}" y="{foot + 20}">{escape(title)}</text>')
    return "\n".join([*lines, "</svg>", ""])
