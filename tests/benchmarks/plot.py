"""A plot as SVG, drawn by hand: delays against the number of streams, both axes logarithmic."""

import math
from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 44, 52
# Told apart without colour too, by their marks; legible on white and on dark grounds.
COLOURS = ("#2a78d6", "#1baf7a", "#eda100", "#4a3aa7", "#e34948")
MARKS = ("circle", "square", "diamond", "triangle", "cross")

Points = Sequence[tuple[float, float]]


def decades(values: Sequence[float]) -> tuple[int, int]:
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return low, max(high, low + 1)


def draw(title: str, across: str, up: str, lines: Mapping[str, Points]) -> str:
    """An SVG document with one line for each entry; the background is its own, so that it can be shown anywhere."""
    points = [point for line in lines.values() for point in line]
    (left, right), (low, high) = decades([x for x, _ in points]), decades([y for _, y in points])

    def at(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (math.log10(x) - left) / (right - left) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (math.log10(y) - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}"',
        'font-family="system-ui, sans-serif" font-size="12" fill="#0b0b0b">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fcfcfb"/>',
        f'<text x="{LEFT}" y="24" font-size="15" font-weight="600">{escape(title)}</text>',
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 12}" text-anchor="middle">{escape(across)}</text>',
        f'<text transform="translate(18 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(up)}</text>',
    ]
    for decade in range(left, right + 1):
        x, y = at(10**decade, 10**low)
        parts.append(f'<path d="M{x:.1f} {TOP}V{y:.1f}" stroke="#e1e0d9"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 18:.1f}" text-anchor="middle">{10**decade:,}</text>')
    for decade in range(low, high + 1):
        x, y = at(10**left, 10.0**decade)
        parts.append(f'<path d="M{x:.1f} {y:.1f}H{WIDTH - RIGHT}" stroke="#e1e0d9"/>')
        parts.append(f'<text x="{x - 8:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:,g}</text>')
    for number, (label, line) in enumerate(lines.items()):
        colour, mark = COLOURS[number % len(COLOURS)], MARKS[number % len(MARKS)]
        places = [at(x, y) for x, y in line]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [marker(mark, x, y, colour) for x, y in places]
        y = TOP + 10 + 22 * number
        parts.append(marker(mark, WIDTH - RIGHT + 18, y, colour))
        parts.append(f'<text x="{WIDTH - RIGHT + 30}" y="{y + 4}">{escape(label)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def marker(mark: str, x: float, y: float, colour: str) -> str:
    shapes = {
        "circle": f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{colour}"/>',
        "square": f'<rect x="{x - 4:.1f}" y="{y - 4:.1f}" width="8" height="8" fill="{colour}"/>',
        "diamond": f'<path d="M{x:.1f} {y - 6:.1f}l6 6-6 6-6-6z" fill="{colour}"/>',
        "triangle": f'<path d="M{x:.1f} {y - 6:.1f}l6 10h-12z" fill="{colour}"/>',
        "cross": f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0-8l-8 8" stroke="{colour}" stroke-width="3"/>',
    }
    return shapes[mark]
