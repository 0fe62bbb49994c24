"""The report of a simulation: as text, as a page, as JSON."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from headrace.simulation.report import (
    FunctionReport,
    NoticeReport,
    Report,
    ScriptReport,
    SourceReport,
    as_json,
)
from headrace.simulation.report_html import render_html
from headrace.simulation.report_text import render_text, strip
from headrace.simulation.timeline import Series

BEGAN = datetime(2026, 3, 1, tzinfo=UTC)
FAILURE = "actions[3].expect, at 2026-03-01T01:00:00Z (1h): queues.jobs has 3 messages, expected <0>"
RESIZE = FunctionReport(
    "resize",
    invocations=12_345,
    errors=222,
    error_types={"Sandbox.Timedout": 22, "ValueError": 200},
    retries=180,
    throttles=0,
    dead_letters=5,
    failure_records=0,
    dropped=2,
    endings={"RetriesExhausted": 7},
    cold_starts=8,
    p50_ms=8.25,
    p99_ms=950.0,
    max_ms=3000.0,
)
REPORT = Report(
    began=BEGAN,
    ended=BEGAN + timedelta(hours=4),
    seed=42,
    sources=(
        SourceReport("buckets.inbox", 1234, 0, 0, 0, 0, 0, 0),
        SourceReport("queues.jobs", 0, 2_345_678, 23_000, 12, 0, 7, 0),
    ),
    functions=(RESIZE,),
    series=(
        Series("queues.failures", "messages", (0, 0, 0, 0, 0)),
        Series("queues.jobs", "messages", (0, 1200, 600, 0, 0)),
    ),
    step=timedelta(hours=1),
    script=ScriptReport(12, (FAILURE,)),
    notices=(
        NoticeReport("warning", "tables.orders", "waiting for <it>", 1, BEGAN),
        NoticeReport("error", "streams.clicks", "no", 1234, BEGAN + timedelta(hours=1)),
    ),
)
NOTHING = Report(BEGAN, BEGAN + timedelta(days=30), None, (), (), (), timedelta(hours=1))
TEXT = """\
Simulated 4h from 2026-03-01T00:00:00Z to 2026-03-01T04:00:00Z, seed 42

 Source        events   records batches filtered dead
 ────────────────────────────────────────────────────
 buckets.inbox  1,234         0       0        0    0
 queues.jobs        0 2,345,678  23,000       12    7

 Function   runs errors retries cold     p50    p99 max
 ──────────────────────────────────────────────────────
 resize   12,345    222     180    8 8.25 ms 950 ms 3 s

resize failed with 22 x Sandbox.Timedout, 200 x ValueError
resize gave up with 7 x RetriesExhausted: 5 to the dead-letter queue, 2 dropped
warning: tables.orders: waiting for <it> (2026-03-01T00:00:00Z)
error: streams.clicks: no (2026-03-01T01:00:00Z, 1,234 times)

Script: 12 actions done, 1 failed
actions[3].expect, at 2026-03-01T01:00:00Z (1h): queues.jobs has 3 messages,
expected <0>

queues.jobs: messages
     ┌─────────────────────────────────────────────────────────────────────────┐
1,200┤                ⡠⠔⠑⠒⠤⢄⣀⡀                                                 │
     │             ⡠⠔⠉       ⠈⠉⠒⠢⠤⢄⣀                                           │
     │         ⢀⡠⠒⠉                 ⠉⠑⠒⠢⠤⣀⣀                                    │
     │      ⢀⡠⠒⠁                           ⠉⠑⠒⠤⢄⣀                              │
     │   ⢀⠤⠊⠁                                    ⠉⠑⠒⠤⢄⣀                        │
    0┤⣀⠤⠊⠁                                             ⠉⠑⠒⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀│
     └┬─────────────────┬─────────────────┬─────────────────┬─────────────────┬┘
     0s                1h                2h                3h                4h
"""


def test_the_text_is_what_a_terminal_of_80_columns_shows() -> None:
    assert render_text(REPORT) == TEXT


def test_a_report_of_nothing_says_so() -> None:
    assert render_text(NOTHING) == (
        "Simulated 30d from 2026-03-01T00:00:00Z to 2026-03-31T00:00:00Z\n"
        "Nothing happened: no schedule came due, and no --script brought work.\n"
    )


@pytest.mark.parametrize("width", [40, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, render_text(REPORT, width).splitlines())) <= width


def test_what_never_was_more_than_one_is_drawn_in_a_line() -> None:
    once = replace(
        REPORT,
        series=(
            Series("functions.resize", "at once", (0, 1, 0, 0, 1)),
            Series("streams.clicks to resize", "seconds of iterator age", (0.5, 0.01, 0, 0, 0.25)),
            *(Series(f"functions.f{number}", "invocations", (1,)) for number in range(5)),
        ),
    )
    text = render_text(once, 40)
    assert f"functions.resize: at once, at most 1\n{'▁▁▁▁▁▁▁▁████████▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁████████'}\n" in text
    assert "streams.clicks to resize: seconds of\niterator age, at most 0.5\n████████▂▂▂▂▂▂▂▂▁▁" in text
    assert text.endswith("\n1 more plot is in the page that --html\nwrites.\n")
    assert "┌" not in text


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        pytest.param((1, 0), 6, "███▁▁▁", id="a value has several bars where there is room"),
        pytest.param((0, 0, 1, 0, 0, 0), 3, "▁█▁", id="several values become their highest"),
        pytest.param((0, 0.001, 7), 3, "▁▂█", id="what is not zero is seen"),
        pytest.param((1, 0, 0, 0, 1), 2, "██", id="no value is left out"),
    ],
)
def test_a_strip_has_a_bar_for_each_place_of_the_line(
    values: tuple[float, ...], width: int, expected: str
) -> None:
    assert strip(values, width) == expected


def test_colours_are_there_only_when_asked_for() -> None:
    assert "\x1b[" not in render_text(REPORT)
    assert "\x1b[" in render_text(REPORT, color=True)


class Page(HTMLParser):
    """Reads a page, and insists that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_has_the_same_content_and_needs_nothing_from_elsewhere() -> None:
    html = render_html(REPORT)
    page = Page(html)
    for text in ("buckets.inbox", "2,345,678", "950 ms", FAILURE, "queues.jobs: messages", "Simulated 4h"):
        assert text in page.text
    assert "queues.failures: messages" not in page.text
    assert "2026-03-01T01:00:00Z: 1,200" in page.text
    names = {name for name, _ in page.attributes}
    assert names.isdisjoint({"src", "href", "onload", "onclick"})
    assert "<script" not in html
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html


def test_a_chart_is_well_formed_and_begins_and_ends_at_the_edges() -> None:
    html = render_html(REPORT)
    svg = ET.fromstring(html[html.index("<svg") : html.index("</svg>") + len("</svg>")])
    line = svg.find("polyline")
    assert line is not None
    points = [tuple(map(float, point.split(","))) for point in line.attrib["points"].split()]
    assert points == [(60, 98), (222, 8), (384, 53), (546, 98), (708, 98)]
    assert len(svg.findall("rect")) == 2


def test_a_page_of_nothing_is_a_page() -> None:
    assert "Simulated 30d" in Page(render_html(NOTHING)).text


def test_the_json_has_every_figure() -> None:
    found = json.loads(json.dumps(as_json(REPORT)))
    assert found["simulated_seconds"] == 14_400
    assert found["sources"]["queues.jobs"]["records"] == 2_345_678
    assert found["functions"]["resize"]["error_types"] == {"Sandbox.Timedout": 22, "ValueError": 200}
    assert found["functions"]["resize"]["p50_ms"] == 8.25
    assert found["script"] == {"performed": 12, "failures": [FAILURE]}
    assert found["series"][1] == {"name": "queues.jobs", "unit": "messages", "values": [0, 1200, 600, 0, 0]}
    assert as_json(NOTHING)["script"] is None


def test_declared_faults_that_struck_are_counted_by_their_kinds() -> None:
    report = replace(REPORT, faults={"duplicate": 12, "simulator_crash": 1})
    line = "Declared faults: 12 x duplicate, 1 x simulator_crash"
    assert line in render_text(report)
    assert line in render_html(report)
    assert as_json(report)["faults"] == {"duplicate": 12, "simulator_crash": 1}
    assert "Declared faults" not in render_text(REPORT)
