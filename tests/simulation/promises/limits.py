"""Batches stay within their size and 6 MB, and no more runs at once than may."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from tests.simulation.journal import Broken, Journal, Run
from tests.simulation.scenario import ENVIRONMENTS

BATCHES = "batches stay within their limits"
CONCURRENCY = "no more runs at once than may"
PAYLOAD_BYTES = 6 * 1024 * 1024


def broken_limits(journal: Journal) -> Iterator[Broken]:
    """Yield batches that are too large, and moments at which too much ran."""
    sizes = {mapping["function"]: mapping["batch_size"] for mapping in journal.scenario.mappings}
    for run in journal.runs:
        if len(run.items) > sizes.get(run.function, 1) or run.size > PAYLOAD_BYTES:
            text = f"{run.function} got {len(run.items)} records, {run.size} bytes"
            yield Broken(BATCHES, text, run.started, run.items[0].token)
    yield from _too_many(journal.runs, ENVIRONMENTS, "all functions")
    for name, settings in journal.scenario.tables["functions"].items():
        mapping = next((each for each in journal.scenario.mappings if each["function"] == name), {})
        most = mapping.get("scaling_config", {}).get("maximum_concurrency", ENVIRONMENTS)
        runs = [run for run in journal.runs if run.function == name]
        yield from _too_many(runs, min(most, settings.get("reserved_concurrency", ENVIRONMENTS)), name)


def _too_many(runs: Sequence[Run], most: int, name: str) -> Iterator[Broken]:
    lasting = [run for run in runs if run.started < run.ended]
    edges = [(run.ended, 0) for run in lasting] + [(run.started, 1) for run in lasting]  # ends come first
    running = 0
    moments: list[datetime] = []
    for moment, begins in sorted(edges):
        running += 1 if begins else -1
        if running > most:
            moments.append(moment)
    if moments:
        yield Broken(CONCURRENCY, f"{name}: more than {most} at once", moments[0])
