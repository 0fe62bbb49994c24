"""The state of a tumbling window knows each record of the window, once."""

from collections import defaultdict
from collections.abc import Iterator

from tests.simulation.journal import Broken, Journal

STATE = "the state of a tumbling window knows what was processed in it"


def broken_windows(journal: Journal) -> Iterator[Broken]:
    """Yield windows that end with a state of more records than were processed, or of fewer."""
    given_up = {token for _, tokens in journal.given_up for token in tokens}
    processed: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for run in journal.runs:
        if run.window is None:
            continue
        place = run.window.shard_id, run.window.start
        processed[place] |= run.processed
        known = set(run.window.state)
        missing = processed[place] - known - given_up  # what failed when it was delivered once more
        if run.window.is_final and (missing or known - processed[place]):
            text = (
                f"{run.function}, window {place}: state {sorted(known)}, processed {sorted(processed[place])}"
            )
            yield Broken(STATE, text, run.started)
