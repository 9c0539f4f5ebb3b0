"""Tables as text: Markdown that is also readable as it is, and figures with their spread."""

from collections.abc import Sequence
from statistics import median


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose first column is text and whose others are figures."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = [("-" * width) if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    lines = [head, rule, *rows]
    return "\n".join("| " + " | ".join(cells(line, widths)) + " |" for line in lines)


def cells(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The cells of a line: the first to the left, the others to the right."""
    return [
        text.ljust(width) if not place else text.rjust(width)
        for place, (text, width) in enumerate(zip(line, widths, strict=True))
    ]


def spread(values: Sequence[float], form: str = ",.0f", unit: str = "") -> str:
    """The median, and the least and the greatest of several rounds; nothing of none."""
    if not values:
        return ""
    middle = f"{median(values):{form}}{unit}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):{form}}-{max(values):{form}})"


def milliseconds(microseconds: Sequence[float]) -> str:
    """The median of times that are given in microseconds."""
    return f"{median(microseconds) / 1000:.2f}" if microseconds else ""
