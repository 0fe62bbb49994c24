"""The report for a terminal: tables, what became of the script, and plots of what was not zero all the while.

What never was more than one is drawn in a line: it has no height to show, only when it was.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from io import StringIO
from math import ceil
from typing import TYPE_CHECKING, Any

from engine.clock import iso_seconds
from engine.duration import duration_text
from headrace.simulation.report import FunctionReport, Report, SourceReport
from headrace.simulation.timeline import Series

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

PLOT_HEIGHT = 9
MOST_PLOTS = MOST_NOTICES = 6  # in a terminal; the page has all of them
TICKS = 5
BARS = "▁▂▃▄▅▆▇█"
NARROWEST, WIDEST = 40, 120
BLANK_LINES = re.compile(r"\n{3,}")

Column = tuple[str, Sequence[str]]


def render_text(report: Report, width: int = 80, *, color: bool = False) -> str:
    """Return the report as text of at most `width` columns, with a line end after each line.

    Columns of tables that would hold nothing but zeros are left out.
    """
    from rich.console import Console
    from rich.text import Text

    out = StringIO()
    console = Console(
        file=out,
        width=min(max(width, NARROWEST), WIDEST),
        force_terminal=color,
        color_system="standard" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
    seed = "" if report.seed is None else f", seed {report.seed}"
    console.print(
        Text(f"Simulated {duration_text(report.length)}", style="bold"),
        f"from {iso_seconds(report.began)} to {iso_seconds(report.ended)}{seed}",
    )
    if not report.functions and not report.sources:
        console.print("Nothing happened: no schedule came due, and no --script brought work.")
    _print_table(console, "Source", [source.name for source in report.sources], source_columns(report))
    _print_table(
        console, "Function", [function.name for function in report.functions], function_columns(report)
    )
    for line in reasons(report.functions):
        console.print(line)
    for line in faults(report):
        console.print(line)
    _print_notices(console, report)
    _print_script(console, report)
    _print_plots(console, report)
    lines = "\n".join(line.rstrip() for line in out.getvalue().splitlines())
    return BLANK_LINES.sub("\n\n", lines).rstrip() + "\n"


def source_columns(report: Report) -> list[Column]:
    """Return heads and figures of the sources, a text for each; columns of zeros are left out."""
    return _columns(
        report.sources,
        {
            "events": "events",
            "records": "records",
            "batches": "batches",
            "filtered": "filtered",
            "returned": "returned",
            "dead": "dead_letters",
            "dropped": "dropped",
        },
    )


def function_columns(report: Report) -> list[Column]:
    """As `source_columns`, of the functions."""
    counted = _columns(
        report.functions,
        {
            "runs": "invocations",
            "errors": "errors",
            "retries": "retries",
            "throttled": "throttles",
            "cold": "cold_starts",
        },
    )
    if any(function.max_ms is not None for function in report.functions):
        for head in ("p50", "p99", "max"):
            values = [getattr(function, f"{head}_ms") for function in report.functions]
            counted.append((head, [millis_text(value) for value in values]))
    return counted


def reasons(functions: Sequence[FunctionReport]) -> list[str]:
    """Return a line for the errors of each function, and one for the events that ended without success."""
    lines = []
    for function in functions:
        if function.error_types:
            lines.append(f"{function.name} failed with {_counted(function.error_types)}")
        if function.endings:
            went = {
                "to the dead-letter queue": function.dead_letters,
                "to the on-failure destination": function.failure_records,
                "dropped": function.dropped,
            }
            where = _counted({place: count for place, count in went.items() if count}, "")
            lines.append(f"{function.name} gave up with {_counted(function.endings)}: {where}")
    return lines


def faults(report: Report) -> list[str]:
    """Return a line for the declared faults that struck, if any did."""
    return [f"Declared faults: {_counted(report.faults)}"] if report.faults else []


def _counted(counts: Mapping[str, int], sign: str = " x") -> str:
    return ", ".join(f"{count:,}{sign} {what}" for what, count in counts.items())


def millis_text(millis: float | None) -> str:
    """Write a duration of a function: `8.25 ms`, `120 ms`, `1.25 s`; nothing for None."""
    if millis is None:
        return ""
    return f"{millis:g} ms" if millis < 1000 else f"{millis / 1000:.3g} s"


def _columns(rows: Sequence[SourceReport | FunctionReport], heads: dict[str, str]) -> list[Column]:
    columns = [(head, [getattr(row, name) for row in rows]) for head, name in heads.items()]
    return [(head, [f"{value:,}" for value in values]) for head, values in columns if any(values)]


def _print_table(console: "Console", head: str, names: Sequence[str], columns: Sequence[Column]) -> None:
    from rich import box
    from rich.table import Table

    if not names:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=0)
    table.add_column(head, overflow="fold")
    for title, _ in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for index, name in enumerate(names):
        cells: list[RenderableType] = [values[index] for _, values in columns]
        table.add_row(name, *cells)
    console.print(table)


def _print_notices(console: "Console", report: Report) -> None:
    from rich.text import Text

    for notice in report.notices[:MOST_NOTICES]:
        console.print(Text(str(notice), style="red" if notice.level == "error" else "yellow"))
    if len(report.notices) > MOST_NOTICES:
        console.print(f"{len(report.notices) - MOST_NOTICES} more are in the page that --html writes.")


def _print_plots(console: "Console", report: Report) -> None:
    from rich.text import Text

    told = report.told_series
    tall = [series for series in told if series.highest > 1]
    flat = [series for series in told if series.highest <= 1]
    for series in tall[:MOST_PLOTS]:
        console.print(Text(f"\n{series.name}: {series.unit}", style="bold"))
        console.print(Text(_plot(series, report.step, console.width)))
    for series in flat[:MOST_PLOTS]:
        console.print(
            Text(f"\n{series.name}: {series.unit}, at most {number_text(series.highest)}", style="bold")
        )
        console.print(Text(strip(series.values, console.width)))
    more = len(tall[MOST_PLOTS:]) + len(flat[MOST_PLOTS:])
    if more:
        are = "plot is" if more == 1 else "plots are"
        console.print(f"\n{more} more {are} in the page that --html writes.")


def _plot(series: Series, step: timedelta, width: int) -> str:
    """Return a plot of a series, without colours."""
    import plotext  # type: ignore[import-untyped]

    plot: Any = plotext
    plot.clear_figure()
    plot.theme("clear")
    plot.limit_size(False, False)
    plot.plot_size(width, PLOT_HEIGHT)
    values = series.values if len(series.values) > 1 else series.values * 2
    plot.plot(range(len(values)), values, marker="braille")
    plot.xlim(0, len(values) - 1)
    plot.ylim(0, series.highest)
    plot.yticks([0, series.highest], ["0", number_text(series.highest)])
    places = tick_places(len(values))
    plot.xticks(places, [duration_text(step * place) for place in places])
    text: str = plotext.uncolorize(plot.build())
    plot.clear_figure()
    return text.rstrip("\n")


def strip(values: Sequence[float], width: int) -> str:
    """Return `width` bars over time, each as high as the highest of the values that it stands for."""
    count, highest = len(values), max(values)
    heights = (
        max(values[count * at // width : ceil(count * (at + 1) / width)]) / highest for at in range(width)
    )
    return "".join(BARS[ceil(height * (len(BARS) - 1))] for height in heights)


def number_text(value: float) -> str:
    """Write a level: three digits, or all of a larger one."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def tick_places(count: int) -> list[int]:
    """Return at which of so many steps the time is written."""
    last = count - 1
    return sorted({round(last * tick / (TICKS - 1)) for tick in range(TICKS)})


def _print_script(console: "Console", report: Report) -> None:
    from rich.text import Text

    script = report.script
    if script is None:
        return
    console.print(f"\nScript: {script}")
    for failure in script.failures:
        console.print(Text(failure, style="red"))
