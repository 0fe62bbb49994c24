"""The promises of the design, each a function of what happened in a trial."""

from collections.abc import Sequence

from tests.simulation.journal import Broken, Journal
from tests.simulation.promises.ends import broken_ends, broken_records
from tests.simulation.promises.latency import broken_latency
from tests.simulation.promises.leaks import broken_leaks
from tests.simulation.promises.limits import broken_limits
from tests.simulation.promises.objects import broken_objects
from tests.simulation.promises.order import broken_order
from tests.simulation.promises.retries import broken_retries
from tests.simulation.promises.schedule import broken_schedule
from tests.simulation.promises.windows import broken_windows

CHECKS = (
    broken_ends,
    broken_records,
    broken_order,
    broken_retries,
    broken_limits,
    broken_latency,
    broken_schedule,
    broken_objects,
    broken_windows,
    broken_leaks,
)


def broken_promises(journal: Journal) -> Sequence[Broken]:
    """Return what did not hold, the first in time first."""
    broken = [each for check in CHECKS for each in check(journal)]
    return sorted(broken, key=lambda each: each.moment or journal.ended)
