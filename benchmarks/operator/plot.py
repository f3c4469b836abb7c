"""The floods as a picture: seconds over number of models, for the operator and the bare client; medians, and every round."""

from __future__ import annotations

from statistics import median

from benchmarks.operator.results import RATIO, Results

WIDTH, HEIGHT, LEFT, BOTTOM, RIGHT, TOP = 640, 360, 60, 50, 150, 20
Series = dict[int, list[float]]
"""Seconds of every round, by number of models."""


def svg(results: Results) -> str:
    """An SVG document; axes begin at 0, so that lengths may be compared."""
    bare = {size: [one.bare.seconds for one in rounds] for size, rounds in results.floods.items()}
    operator = {size: [one.operator.seconds for one in rounds] for size, rounds in results.floods.items()}
    goal = {size: [RATIO * median(seconds)] for size, seconds in bare.items()}
    series: dict[str, tuple[Series, str, str]] = {
        "operator": (operator, "#0b6e99", ""),
        f"goal: {RATIO} x bare": (goal, "#999999", "6 4"),
        "bare client": (bare, "#d9730d", ""),
    }
    right = max(bare)
    top = 1.1 * max(seconds for values, _, _ in series.values() for found in values.values() for seconds in found)
    drawn = [_line(name, *how, right, top) for name, how in series.items()]
    return "\n".join([_head(), *_axes(sorted(bare), right, top), *drawn, "</svg>", ""])


def _head() -> str:
    font = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}><rect width="100%" height="100%" fill="white"/>'


def _x(size: float, right: float) -> float:
    return LEFT + size / right * (WIDTH - LEFT - RIGHT)


def _y(seconds: float, top: float) -> float:
    return HEIGHT - BOTTOM - seconds / top * (HEIGHT - BOTTOM - TOP)


def _axes(sizes: list[int], right: float, top: float) -> list[str]:
    floor, wall = HEIGHT - BOTTOM, WIDTH - RIGHT
    frame = f'<path d="M{LEFT} {TOP}V{floor}H{wall}" fill="none" stroke="black"/>'
    below = [f'<text x="{_x(size, right):.0f}" y="{floor + 18}" text-anchor="middle">{size:,}</text>' for size in sizes]
    beside = [
        f'<text x="{LEFT - 8}" y="{_y(top * part, top) + 4:.0f}" text-anchor="end">{top * part:.0f} s</text>'
        for part in (0, 0.25, 0.5, 0.75, 1)
    ]
    title = f'<text x="{(LEFT + wall) / 2}" y="{HEIGHT - 10}" text-anchor="middle">models created at once</text>'
    return [frame, *below, *beside, title]


def _line(name: str, values: Series, colour: str, dashes: str, right: float, top: float) -> str:
    points = [(_x(size, right), _y(median(found), top)) for size, found in sorted(values.items())]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    rounds = [(_x(size, right), _y(seconds, top)) for size, found in values.items() for seconds in found]
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in rounds)
    line = f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
    x, y = points[-1]
    return f'{line}{dots}<text x="{x + 8:.1f}" y="{y + 4:.1f}" fill="{colour}">{name}</text>'
