"""The report as one page that needs nothing else: no script, no style or font from elsewhere."""

from collections.abc import Sequence
from html import escape

from engine.clock import iso_seconds
from engine.duration import duration_text
from headrace.simulation.report import Report
from headrace.simulation.report_text import Column, faults, function_columns, reasons, source_columns
from headrace.simulation.svg_chart import chart

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --dim: #667085; --rule: #d9dee7; --paper: #fff;
  --line: #2563a8; --area: #2563a822; --bad: #b42318 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --dim: #98a2b3; --rule: #344054;
  --paper: #14181f; --line: #7ab8f5; --area: #7ab8f522; --bad: #f97066 } }
body { margin: 2rem auto; max-width: 48rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem }
h3 { font-size: .9rem; font-weight: 600; margin: 1rem 0 0 } p { margin: .2rem 0 } .dim { color: var(--dim) }
.scroll { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap }
th:first-child, td:first-child { text-align: left } th { color: var(--dim); font-weight: 500 }
svg { display: block; width: 100%; height: auto } svg text { fill: var(--dim); font-size: 10px }
.line { fill: none; stroke: var(--line); stroke-width: 1.5 } .area { fill: var(--area) }
.axis { fill: none; stroke: var(--rule) } .hint { fill: transparent } .hint:hover { fill: var(--area) }
.bad { color: var(--bad) }
"""


def render_html(report: Report) -> str:
    """Return the whole page."""
    began, ended = iso_seconds(report.began), iso_seconds(report.ended)
    length = duration_text(report.length)
    seed = "" if report.seed is None else f", seed {report.seed}"
    parts = [
        f"<h1>Simulated {length}</h1>",
        f'<p class="dim">from {began} to {ended}{seed}</p>',
        _table("Sources", "Source", [source.name for source in report.sources], source_columns(report)),
        _table(
            "Functions",
            "Function",
            [function.name for function in report.functions],
            function_columns(report),
        ),
        *(f"<p>{escape(line)}</p>" for line in (*reasons(report.functions), *faults(report))),
        *(f'<p class="bad">{escape(str(notice))}</p>' for notice in report.notices),
        _timeline(report),
        _script(report),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Simulated {length} from {began}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(part for part in parts if part)
        + "\n</body></html>\n"
    )


def _table(title: str, head: str, names: Sequence[str], columns: Sequence[Column]) -> str:
    if not names:
        return ""
    heads = "".join(f"<th>{escape(text)}</th>" for text in (head, *(text for text, _ in columns)))
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for cells in zip(names, *(values for _, values in columns), strict=True)
    )
    return (
        f'<h2>{title}</h2>\n<div class="scroll"><table><thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )


def _timeline(report: Report) -> str:
    told = report.told_series
    if not told:
        return ""
    charts = "\n".join(
        f"<h3>{escape(series.name)}: {escape(series.unit)}</h3>\n{chart(series, report.began, report.step)}"
        for series in told
    )
    return f"<h2>Over time</h2>\n{charts}"


def _script(report: Report) -> str:
    script = report.script
    if script is None:
        return ""
    failures = "".join(f'<p class="bad">{escape(failure)}</p>' for failure in script.failures)
    return f"<h2>Script</h2>\n<p>{script}</p>{failures}"
