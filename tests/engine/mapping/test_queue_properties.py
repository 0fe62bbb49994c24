"""Whatever is sent and however the function behaves: nothing is lost, and order is kept in each group.

The real queue, the real store and the real mapping, in virtual time, against a model that only watches.
"""

import asyncio
from collections import defaultdict
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import VIRTUAL_START, run, running_clock
from engine.functions.invocation import Throttled
from engine.store.database import Store
from tests.fakes.queue_bench import Bench, bench
from tests.fakes.scripted_functions import Answer, raised, returned

MOST_RECEIVES = 3
LONG_ENOUGH = 600.0  # seconds, for every message to be done or in the dead-letter queue

Behaviour = Literal["returns", "raises", "is throttled", "reports"]
behaviours = st.lists(
    st.tuples(
        st.sampled_from(["returns", "raises", "is throttled", "reports"]),
        st.integers(0, 2**10 - 1),  # which of the messages a report names
    ),
    max_size=25,
)
sendings = st.lists(
    st.tuples(st.floats(0, 20), st.integers(1, 15), st.sampled_from("abc")), min_size=1, max_size=6
)
Script = list[tuple[Behaviour, int]]
Sendings = list[tuple[float, int, str]]


@dataclass
class Model:
    """What should hold of what the function sees."""

    reports_failures: bool
    in_order: bool
    sent: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # bodies by group
    done: set[str] = field(default_factory=set)
    receives: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    dead: set[str] = field(default_factory=set)

    def deliver(self, records: list[dict[str, Any]], behaviour: Behaviour, named: int) -> Answer:
        """Check a batch, and answer it. The function sees nothing of one that is throttled."""
        if behaviour == "is throttled":
            return Throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        bodies = [record["body"] for record in records]
        assert self.done.isdisjoint(bodies), "delivered after it was deleted"
        assert len(set(bodies)) == len(bodies)
        for record in records:
            count = int(record["attributes"]["ApproximateReceiveCount"])
            assert self.receives[record["body"]] < count <= MOST_RECEIVES
            self.receives[record["body"]] = count
        if self.in_order:
            self._check_order(bodies)
        match behaviour:
            case "returns":
                self.done.update(bodies)
                return returned(None)
            case "raises":
                return raised("Error", "as drawn")
            case "reports":
                failed = {body for number, body in enumerate(bodies) if named >> number & 1}
                self.done.update(set(bodies) - failed if self.reports_failures else bodies)
                ids = [record["messageId"] for record in records if record["body"] in failed]
                return returned({"batchItemFailures": [{"itemIdentifier": each} for each in ids]})

    def _check_order(self, bodies: list[str]) -> None:
        for group in {body[0] for body in bodies}:
            here = [body for body in bodies if body[0] == group]
            assert here == [body for body in self.sent[group] if body in here], "out of order"
            before = self.sent[group][: self.sent[group].index(here[-1])]
            waiting = [body for body in before if body not in here and body not in self.done]
            assert all(self.receives[body] <= MOST_RECEIVES for body in waiting)
            self.dead.update(waiting)  # only the dead-letter queue excuses a message that is overtaken


async def drain(made: Bench, model: Model, script: Script, to_send: Sendings, params: dict[str, Any]) -> None:
    attempts = iter(script)

    def answer(records: list[dict[str, Any]]) -> Answer:
        behaviour, named = next(attempts, ("returns", 0))
        return model.deliver(records, behaviour, named)

    made.script(answer)
    made.functions.seconds = 0.5
    if model.reports_failures:
        params["FunctionResponseTypes"] = ["ReportBatchItemFailures"]
    async with made.running(**params):
        for pause, count, group in to_send:
            await asyncio.sleep(pause)
            bodies = [f"{group}{len(model.sent[group]) + number}" for number in range(count)]
            model.sent[group] += bodies
            await made.send(*bodies, group=group if model.in_order else None)
        await asyncio.sleep(LONG_ENOUGH)
    everything = {body for bodies in model.sent.values() for body in bodies}
    dead = {message.body for message in await made.dead_letters.peek(1000)}
    assert await made.queue.count() == 0
    assert model.done | dead == everything, "lost"
    assert not model.done & dead
    assert model.dead <= dead, "overtaken by a message of its group"
    assert made.functions.running == 0


def in_virtual_time(test: Coroutine[Any, Any, None]) -> None:
    run(test, virtual_from=VIRTUAL_START)


@settings(max_examples=60, deadline=None)
@given(behaviours, sendings, st.integers(1, 10), st.integers(0, 3), st.booleans())
def test_a_standard_queue_loses_nothing(
    script: Script, to_send: Sendings, batch_size: int, window: int, reports: bool
) -> None:
    async def test() -> None:
        clock = running_clock()
        async with Store(None, clock) as store:
            made = bench(clock, store, max_receive_count=MOST_RECEIVES)
            params = {"BatchSize": batch_size, "MaximumBatchingWindowInSeconds": window}
            await drain(made, Model(reports, in_order=False), script, to_send, params)

    in_virtual_time(test())


@settings(max_examples=60, deadline=None)
@given(behaviours, sendings, st.integers(1, 10), st.booleans())
def test_a_fifo_queue_loses_nothing_and_keeps_the_order_of_its_groups(
    script: Script, to_send: Sendings, batch_size: int, reports: bool
) -> None:
    async def test() -> None:
        clock = running_clock()
        async with Store(None, clock) as store:
            made = bench(
                clock,
                store,
                name="jobs.fifo",
                max_receive_count=MOST_RECEIVES,
                visibility_timeout=timedelta(seconds=10),
            )
            params = {"BatchSize": batch_size}
            await drain(made, Model(reports, in_order=True), script, to_send, params)

    in_virtual_time(test())
