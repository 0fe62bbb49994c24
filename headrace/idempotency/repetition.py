"""The ways in which AWS may deliver an event again, and what each does to the user's state.

Each way is a simulation of its own, on fresh copies, with nothing but the function. No time passes while an
event is delivered, unless the handler sleeps, so that what it derives from the time is the same again.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson

from engine.clock import running_clock
from engine.feed import Feed
from engine.functions.invocation import Throttled
from engine.functions.simulated_duration import Fixed
from engine.random_uuid import seed_names
from engine.value import dataclass
from headrace.config import Configuration
from headrace.idempotency.users_state import State, difference, users_state
from headrace.simulator import Simulator

SEED = 1
BETWEEN_EVENTS = timedelta(days=1)  # so that each begins at the same moment, whatever the ones before did


@dataclass(frozen=True, slots=True)
class Event:
    """An event to deliver. `place` says where it comes from."""

    place: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Change:
    """The first event that changed something when it was delivered in another way than once.

    `lines` show what, in the manner of diff.
    """

    number: int  # from 1
    event: Event
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """An event for which the function failed."""

    number: int
    event: Event
    error: str


class Delivery:
    """Delivers events to one function of a simulator, at a moment of its own each."""

    def __init__(self, simulator: Simulator, function: str, on_delivered: Callable[[], None]) -> None:
        self._simulator = simulator
        self._function = function
        self._on_delivered = on_delivered
        self._began = simulator.clock.now()

    async def begin(self, number: int) -> None:
        """Let it be the moment of an event."""
        await self._simulator.clock.sleep_until(self._began + number * BETWEEN_EVENTS)
        self._on_delivered()

    async def deliver(self, payload: bytes) -> str | None:
        """Invoke the function; return its error, None when there was none."""
        result = await self._simulator.invoke(self._function, payload)
        await self._simulator.clock.idle()
        if isinstance(result, Throttled):
            return result.reason
        if result.function_error is None:
            return None
        return ": ".join(part for part in (result.error_type, result.error_message) if part)

    def forget_environment(self) -> None:
        """Let the next delivery go to a new environment, as after a crash."""
        self._simulator.functions.retire(self._function)

    async def state(self) -> State:
        """Return the user's state."""
        return await users_state(self._simulator)


async def once(delivery: Delivery, events: Sequence[Event]) -> tuple[list[State], list[Failure]]:
    """Deliver each event once; return the state after each, and the failures."""
    states, failures = [], []
    for number, event in enumerate(events, start=1):
        await delivery.begin(number)
        if (error := await delivery.deliver(event.payload)) is not None:
            failures.append(Failure(number, event, error))
        states.append(await delivery.state())
    return states, failures


async def again(delivery: Delivery, events: Sequence[Event], *, after_a_crash: bool) -> Change | None:
    """Deliver each event twice, the second time perhaps to a new environment; return the first change."""
    for number, event in enumerate(events, start=1):
        await delivery.begin(number)
        await delivery.deliver(event.payload)
        before = await delivery.state()
        if after_a_crash:
            delivery.forget_environment()
        await delivery.deliver(event.payload)
        if lines := difference(before, await delivery.state()):
            return Change(number, event, tuple(lines))
    return None


async def recut(
    delivery: Delivery,
    events: Sequence[Event],
    expected: Sequence[State],
    cut: Callable[[bytes], list[bytes]],
) -> Change | None:
    """Deliver each event's records in other batches; return the first event with another state after it."""
    for number, (event, state) in enumerate(zip(events, expected, strict=True), start=1):
        await delivery.begin(number)
        for payload in cut(event.payload):
            await delivery.deliver(payload)
        if lines := difference(state, await delivery.state()):
            return Change(number, event, tuple(lines))
    return None


def one_by_one(payload: bytes) -> list[bytes]:
    """Return an event with each record of the event by itself; the event when it has no records."""
    event, records = _records(payload)
    return [orjson.dumps(event | {"Records": [record]}) for record in records] or [payload]


def half_then_all(payload: bytes) -> list[bytes]:
    """Return the first half of an event's records, then all of them, as when a batch was cut and failed."""
    event, records = _records(payload)
    if len(records) < 2:
        return [payload]
    return [orjson.dumps(event | {"Records": records[: len(records) // 2]}), payload]


def _records(payload: bytes) -> tuple[dict[str, Any], list[Any]]:
    event = orjson.loads(payload)
    records = event.get("Records") if isinstance(event, dict) else None
    return (event, records) if isinstance(records, list) else ({}, [])


@asynccontextmanager
async def delivering(
    configuration: Configuration, function: str, on_delivered: Callable[[], None]
) -> AsyncIterator[Delivery]:
    """Yield what delivers to a function in a sandbox of its own. For a loop that runs inline."""
    seed_names(SEED)
    definitions = dict(configuration.functions)
    definitions[function] = replace(
        definitions[function], simulated_duration=Fixed(0.0), simulated_init_duration=Fixed(0.0)
    )
    simulator = Simulator(
        replace(configuration, functions=definitions),
        Feed(),
        sources=False,
        endpoint=("127.0.0.1", 0),
        chance=random.Random(SEED),  # noqa: S311 - the same each time is what it is for
        simulated=True,
    )
    async with simulator, asyncio.TaskGroup() as group:
        serving = group.create_task(simulator.serve(), name="endpoint")
        yield Delivery(simulator, function, on_delivered)
        await running_clock().idle()
        serving.cancel()


Way = Callable[[Delivery], Awaitable[Change | None]]
