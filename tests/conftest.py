"""Every async test runs on the virtual-time loop; those in tests/end_to_end run on the real one.

Random examples are new ones in every run, except where HYPOTHESIS_PROFILE=ci asks for the same ones.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from engine.clock import Clock, SimulatorLoop, VirtualTimeLoop, running_clock
from engine.feed import Feed
from engine.store.database import Store

# How long an example takes says more about the machine than about the code.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("local"), derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "local"))

SHARED = Path(__file__).parent.parent.parent / "shared"


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose the loop by the folder a test is in."""
    if "end_to_end" in item.path.parts:
        return {"real": SimulatorLoop}
    return {"virtual": VirtualTimeLoop}


@pytest.fixture
async def clock() -> Clock:
    """The clock of the test's loop; virtual time begins at 2026-01-01T00:00:00Z."""
    return running_clock()


@pytest.fixture
async def store(clock: Clock) -> AsyncIterator[Store]:
    """A real store, in memory."""
    async with Store(None, clock) as store:
        yield store


@pytest.fixture
def feed() -> Feed:
    """A feed of its own."""
    return Feed()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The conformance cases and recorded events beside the checkout; the test is skipped without them."""
    if not SHARED.is_dir():
        pytest.skip("the shared conformance cases are not beside this checkout")
    return SHARED
