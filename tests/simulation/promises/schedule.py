"""Schedules fire at exactly their moments."""

from collections.abc import Iterator
from datetime import timedelta

from engine.clock import iso_seconds
from tests.simulation.journal import Broken, Journal
from tests.simulation.records import tick

FIRES = "a schedule fires at its moments, and at no others"
AT_THE_END = timedelta(seconds=1)  # what fires at the last moment may not have run


def broken_schedule(journal: Journal) -> Iterator[Broken]:
    """Yield runs that are missing, and those that should not be."""
    for settings in journal.scenario.tables["schedules"].values():
        minutes = int(settings["expression"].split("/")[1].split()[0])
        function = settings["function"]
        expected: dict[str, int] = {}
        moment = journal.began + timedelta(minutes=minutes)
        while moment <= journal.ended:
            expected[tick(iso_seconds(moment))] = 0
            moment += timedelta(minutes=minutes)
        for run in journal.runs:
            if run.function == function and run.attempt == 1:
                token = run.items[0].token
                if token not in expected:
                    yield Broken(FIRES, f"{token} was not due", run.started, token)
                expected[token] = expected.get(token, 0) + 1
        for token, count in expected.items():
            is_last = token == tick(iso_seconds(moment - timedelta(minutes=minutes)))
            if not count and not is_last:
                yield Broken(FIRES, f"{token} did not run", None, token)
            if count > 1 and not journal.may_repeat:
                yield Broken(FIRES, f"{token} ran {count} times", None, token)
