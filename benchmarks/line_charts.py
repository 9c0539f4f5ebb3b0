"""Lines over time as an SVG file: one panel below the other, with marks across all of them."""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

WIDTH: Final = 960
PANEL_HEIGHT: Final = 150
PLOT_HEIGHT: Final = 96
LEFT: Final = 64
RIGHT: Final = 24
TOP: Final = 56
COLOURS: Final = ("#1f6fb2", "#c2571a", "#3a8a3a", "#8a3a8a")
TICKS: Final = 3
TIME_TICKS: Final = 10


class Line(NamedTuple):
    """One line: a value for each time of the chart; None: there is none."""

    name: str
    values: Sequence[float | None]


class Panel(NamedTuple):
    """Lines that share an axis, which begins at zero."""

    title: str
    lines: Sequence[Line]


class Chart(NamedTuple):
    """Panels over the same times, in seconds; `marks` are times that are marked in all of them."""

    title: str
    times: Sequence[float]
    panels: Sequence[Panel]
    marks: Sequence[float] = ()
    mark_name: str = ""


def write(chart: Chart, path: Path) -> None:
    """Write the file."""
    path.write_text(svg(chart))


def svg(chart: Chart) -> str:
    """The text of the file."""
    height = TOP + PANEL_HEIGHT * len(chart.panels)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        text(LEFT, 22, chart.title, size=14),
    ]
    if chart.marks:
        parts.append(text(LEFT, 40, f"dashed: {chart.mark_name}", size=11, colour="#666"))
    for number, panel in enumerate(chart.panels):
        parts += panel_parts(chart, panel, TOP + number * PANEL_HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def panel_parts(chart: Chart, panel: Panel, top: float) -> list[str]:
    """The elements of one panel."""
    last = max(chart.times, default=0.0) or 1.0
    highest = rounded_up(max((value for line in panel.lines for value in line.values if value is not None), default=0))
    bottom = top + 20 + PLOT_HEIGHT
    parts = [text(LEFT, top + 12, panel.title, size=12)]
    for tick in range(TICKS + 1):
        y = bottom - PLOT_HEIGHT * tick / TICKS
        parts.append(rule(LEFT, y, WIDTH - RIGHT, y))
        parts.append(text(LEFT - 6, y + 4, f"{highest * tick / TICKS:g}", size=10, anchor="end"))
    for tick in range(TIME_TICKS + 1):
        seconds = last * tick / TIME_TICKS
        parts.append(text(x_of(seconds, last), bottom + 14, f"{seconds / 60:.1f} min", size=10, anchor="middle"))
    parts += [
        rule(x_of(mark, last), bottom - PLOT_HEIGHT, x_of(mark, last), bottom, dashed=True) for mark in chart.marks
    ]
    for place, line in enumerate(panel.lines):
        colour = COLOURS[place % len(COLOURS)]
        parts.append(text(WIDTH - RIGHT - 120 * (len(panel.lines) - 1 - place), top + 12, line.name, 11, colour, "end"))
        for run in runs(chart.times, line.values):
            points = " ".join(
                f"{x_of(seconds, last):.1f},{bottom - PLOT_HEIGHT * value / highest:.1f}" for seconds, value in run
            )
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.2"/>')
    return parts


def runs(times: Sequence[float], values: Sequence[float | None]) -> list[list[tuple[float, float]]]:
    """The stretches in which there is a value."""
    found: list[list[tuple[float, float]]] = [[]]
    for seconds, value in zip(times, values, strict=True):
        if value is None:
            found.append([])
        else:
            found[-1].append((seconds, value))
    return [run for run in found if run]


def rounded_up(value: float) -> float:
    """The next of 1, 1.5, 3, 6, 9, 15, 30, ...: thirds of it are short numbers."""
    power = 1.0
    while power * 10 <= value:
        power *= 10
    while power > value > 0:
        power /= 10
    return next((step * power for step in (1.5, 3, 6, 9) if step * power >= value), 15 * power)


def x_of(seconds: float, last: float) -> float:
    """Where a time is."""
    return LEFT + (WIDTH - LEFT - RIGHT) * seconds / last


def text(x: float, y: float, words: str, size: int = 11, colour: str = "#222", anchor: str = "start") -> str:
    """An element."""
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"'
    return f"<text {place}>{escape(words)}</text>"


def rule(x1: float, y1: float, x2: float, y2: float, *, dashed: bool = False) -> str:
    """An element."""
    style = 'stroke="#888" stroke-dasharray="3 3"' if dashed else 'stroke="#ddd"'
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>'
