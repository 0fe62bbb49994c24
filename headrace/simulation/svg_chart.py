"""A series as an SVG drawing: an area under a line, with a scale and the time below."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape

from engine.clock import iso_seconds
from engine.duration import duration_text
from headrace.simulation.report_text import number_text, tick_places
from headrace.simulation.timeline import Series

WIDTH, HEIGHT = 720, 120
LEFT, RIGHT, TOP, BOTTOM = 60, 12, 8, 22  # around the drawing, for the scales


def chart(series: Series, began: datetime, step: timedelta) -> str:
    """Return one `<svg>` element; its colours are those of the page's classes `line`, `area`, `axis`.

    Pointing at a step shows its moment and its value.
    """
    values = series.values if len(series.values) > 1 else series.values * 2
    top = series.highest or 1
    across = (WIDTH - LEFT - RIGHT) / (len(values) - 1)
    points = [(LEFT + index * across, _height(value, top)) for index, value in enumerate(values)]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    floor = HEIGHT - BOTTOM
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(series.name)}: {escape(series.unit)}, at most {number_text(series.highest)}">'
        f'<polygon class="area" points="{LEFT},{floor} {line} {points[-1][0]:.1f},{floor}"/>'
        f'<polyline class="line" points="{line}"/>'
        f'<path class="axis" d="M{LEFT} {TOP}V{floor}H{WIDTH - RIGHT}"/>'
        f'<text x="{LEFT - 6}" y="{TOP + 8}" text-anchor="end">{number_text(series.highest)}</text>'
        f'<text x="{LEFT - 6}" y="{floor}" text-anchor="end">0</text>'
        f"{_times(len(values), across, step)}{_hints(values, across, began, step)}</svg>"
    )


def _height(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _times(count: int, across: float, step: timedelta) -> str:
    places = tick_places(count)
    anchors = {places[0]: "start", places[-1]: "end"}
    return "".join(
        f'<text x="{LEFT + place * across:.1f}" y="{HEIGHT - 6}" '
        f'text-anchor="{anchors.get(place, "middle")}">{duration_text(step * place)}</text>'
        for place in places
    )


def _hints(values: Sequence[float], across: float, began: datetime, step: timedelta) -> str:
    """Return an invisible strip for each step that is not zero, which shows its figures when pointed at."""
    return "".join(
        f'<rect class="hint" x="{LEFT + (index - 0.5) * across:.1f}" y="{TOP}" width="{across:.1f}" '
        f'height="{HEIGHT - TOP - BOTTOM}"><title>{iso_seconds(began + step * index)}: {number_text(value)}'
        "</title></rect>"
        for index, value in enumerate(values)
        if value
    )
