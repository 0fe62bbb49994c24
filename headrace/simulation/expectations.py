"""Expectations of a script: what is, held against what has to be."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from engine.invocation.event_table import waiting_by_function
from headrace.simulation.actions import BUSY_SECONDS, ActionFailed
from headrace.simulation.figures import Figures
from headrace.simulation.script_check import name_in
from headrace.simulation.script_models import Bounds, Expect
from headrace.simulator import Simulator
from headrace.sources import database_path

LISTED_AT_ONCE = 1000
SHOWN = 60  # characters of a content that is another

Values = Mapping[str, float]


async def disappointments(expect: Expect, simulator: Simulator, figures: Figures) -> list[str]:
    """Return what is not as expected, a line each. Raises ActionFailed when it cannot be found out."""
    return await _CHECKS[expect.subject](expect, simulator, figures)


async def _of_queue(expect: Expect, simulator: Simulator, _: Figures) -> list[str]:
    name = name_in(expect.queue or "", "queues")
    counts = await simulator.channels.queues[name].counts()
    values = {"messages": sum(counts), **counts._asdict()}
    return list(_outside(expect, f"queues.{name}", values))


async def _of_function(expect: Expect, simulator: Simulator, figures: Figures) -> list[str]:
    name = name_in(expect.function or "", "functions")
    count = figures.function(name)
    waiting = await simulator.store.read(waiting_by_function)
    values = {
        "invocations": count.invocations,
        "errors": count.errors,
        "retries": count.retries,
        "throttles": count.throttles,
        "dead_letters": count.dead_letters,
        "waiting": waiting.get(name, 0),
    }
    return list(_outside(expect, f"functions.{name}", values))


async def _of_bucket(expect: Expect, simulator: Simulator, _: Figures) -> list[str]:
    name = name_in(expect.bucket or "", "buckets")
    bucket = simulator.sources.buckets[name]
    if expect.key is None:
        count, start = 0, ""
        while True:
            page = await bucket.list(
                prefix=expect.prefix or "", delimiter="", start_after=start, limit=LISTED_AT_ONCE
            )
            count += len(page.entries)
            if page.next_start is None:
                return list(_outside(expect, f"buckets.{name}", {"objects": count}))
            start = page.next_start
    place = f"buckets.{name}: {expect.key}"
    opened = await bucket.open(expect.key)
    if opened is None:
        return [] if expect.exists is False else [f"{place} does not exist"]
    with opened.file:
        content = await asyncio.to_thread(opened.file.read)
    if expect.exists is False:
        return [f"{place} exists"]
    if expect.content is not None and content != expect.content.encode():
        found = content.decode(errors="replace")
        return [f"{place} holds {_shortened(found)}, expected {_shortened(expect.content)}"]
    return []


async def _of_table(expect: Expect, simulator: Simulator, _: Figures) -> list[str]:
    name = name_in(expect.table or "", "tables")
    path = database_path(simulator.configuration, name)
    found: list[str] = []
    if expect.rows is not None:
        table = (simulator.configuration.file.tables[name].table or name).replace('"', '""')
        rows = await _first_value(path, f'SELECT count(*) FROM "{table}"')  # noqa: S608 - an identifier
        found += _outside(expect, f"tables.{name}", {"rows": rows})
    if expect.sql is not None:
        value = await _first_value(path, expect.sql)
        if value != expect.result:
            found.append(f"tables.{name}: {expect.sql} gives {value!r}, expected {expect.result!r}")
    return found


async def _first_value(path: Path, query: str) -> Any:
    """Return the first value of a query's first row; None when it has none. Raises ActionFailed."""

    def ask() -> Any:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
        ) as connection:
            row = connection.execute(query).fetchone()
            return None if row is None else row[0]

    try:
        return await asyncio.to_thread(ask)
    except sqlite3.Error as error:
        raise ActionFailed(f"{path.name}: {error}") from error


def _outside(expect: Expect, what: str, values: Values) -> Iterator[str]:
    for name, value in values.items():
        bounds: Bounds | None = getattr(expect, name)
        if bounds is not None and not bounds.holds(value):
            yield f"{what}: {value:g} {name.replace('_', ' ')}, expected {bounds}"


def _shortened(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "…")


_CHECKS: Mapping[str, Callable[[Expect, Simulator, Figures], Awaitable[list[str]]]] = {
    "queue": _of_queue,
    "function": _of_function,
    "bucket": _of_bucket,
    "table": _of_table,
}
