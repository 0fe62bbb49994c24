"""One simulator for all that a worker asks, and what must hold when it has been asked everything."""

from collections.abc import Iterator

import pytest

from tests.fuzz.consistency import difference, faults, inventory
from tests.fuzz.fuzzed_simulator import Fuzzed


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """A simulator with something of everything in it.

    At the end its databases are sound, and when it is started again it has all that it had.
    """
    folder = tmp_path_factory.mktemp("fuzzed")
    with Fuzzed(folder) as simulator:
        yield simulator
        there_is = inventory(simulator)
    assert list(faults(folder, there_is)) == []
    with Fuzzed(folder) as again:
        missing, more = difference(there_is, inventory(again))
        assert missing == {}
        assert more.keys() <= {"mappings"}  # those of the configuration come back
        again.check()
