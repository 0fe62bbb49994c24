"""After the end nothing is held: no lease, no environment, no task, no file handle."""

from collections.abc import Iterator

from tests.simulation.journal import Broken, Journal

LEAKS = "nothing is held after the end"
ENDS = "what there is to do comes to an end"


def broken_leaks(journal: Journal) -> Iterator[Broken]:
    """Yield what is held, and say when there was no end."""
    for thing in journal.left.things:
        yield Broken(LEAKS, f"there still is: {thing}")
    if journal.left.leased_events:
        yield Broken(LEAKS, f"{journal.left.leased_events} queued events are in hand")
    for left in journal.left.messages:
        if left.is_leased:
            yield Broken(LEAKS, f"a message of {left.queue} is in hand: {left.tokens}")
    if journal.ended >= journal.latest_end:
        yield Broken(ENDS, f"the simulation was not idle at {journal.ended}")
