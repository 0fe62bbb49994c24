"""When a burst of changes may gather; real folders are watched in tests/end_to_end."""

import sys
from itertools import repeat

import pytest

if sys.platform != "linux":
    pytest.skip("inotify is Linux's", allow_module_level=True)

from engine.inotify import GATHER_SECONDS, Pace, PatientInotify

ONE_FILE = 4  # events: made, written, closed, moved


class Stopwatch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(
    ("readings", "expected"),
    [
        pytest.param([], 0.0, id="nothing has come"),
        pytest.param([(0.0, ONE_FILE)], 0.0, id="one file is read at once"),
        pytest.param(repeat((0.01, ONE_FILE), 500), 0.0, id="and so are a hundred a second"),
        pytest.param([(0.0, 1)] * 15, 0.0, id="few events"),
        pytest.param([(0.0, 1)] * 16, GATHER_SECONDS, id="many events"),
        pytest.param([(0.0, 500)], GATHER_SECONDS, id="many in one reading"),
        pytest.param(repeat((0.001, 1), 50), GATHER_SECONDS, id="uploads that follow closely"),
        pytest.param([(0.0, 16), (0.1, 1)], 0.0, id="a burst that is over"),
        pytest.param([(0.0, 100_000), (0.1, 1)], 0.0, id="a large one is over as soon"),
    ],
)
def test_what_gathers_is_a_burst(readings: list[tuple[float, int]], expected: float) -> None:
    stopwatch = Stopwatch()
    pace = Pace(stopwatch)
    for seconds, events in readings:
        stopwatch.seconds += seconds
        pace.has_read(events)
    assert pace.pause == expected


def test_reading_ends_while_a_burst_gathers() -> None:
    inotify = PatientInotify(lambda: 0.0)  # time stands still, and the burst is never over
    inotify._pace.has_read(1000)
    inotify.start()
    inotify.stop()
    inotify.join(10)
    assert not inotify.is_alive()
