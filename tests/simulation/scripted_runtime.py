"""Handlers that answer in this process, in the place of the runtime processes of execution environments.

All around them is real: environments, the pool, simulated durations, logs. What a handler remembers outlives
the simulator, as a user's database would.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from engine.clock import Clock
from engine.functions.guard import Guard
from engine.functions.runtime import Signal
from engine.functions.runtime_api import Answered, Failed, Ready
from tests.simulation.records import Delivered, Tokens
from tests.simulation.scenario import Scenario

FAILURE = orjson.dumps({"errorMessage": "not this time", "errorType": "ValueError", "stackTrace": []})


class Handlers:
    """All functions of a scenario: each item fails as often as it is to, and then is done."""

    def __init__(self, scenario: Scenario) -> None:
        self._items = scenario.items
        self._tokens = Tokens(scenario.items)
        self._failed: Counter[str] = Counter()
        self._mappings = {mapping["function"]: mapping for mapping in scenario.mappings}

    def answer(self, function: str, payload: bytes) -> Signal:
        """Return what the handler comes to with an event."""
        delivered = self._tokens.of_event(payload)
        mapping = self._mappings.get(function, {})
        failing = [index for index, each in enumerate(delivered) if self._fails(each.token)]
        response: dict[str, Any] = {}
        if "tumbling_window_in_seconds" in mapping:
            done = [each.token for each in delivered[: failing[0] if failing else None]]
            response["state"] = {"tokens": [*orjson.loads(payload)["state"].get("tokens", ()), *done]}
        if not failing:
            return Answered(orjson.dumps(response))
        if "function_response_types" not in mapping:
            return Failed(FAILURE, "ValueError", in_init=False)
        named = self._named(mapping["source"], delivered, failing)
        response["batchItemFailures"] = [{"itemIdentifier": each.identifier} for each in named]
        return Answered(orjson.dumps(response))

    def _fails(self, token: str) -> bool:
        item = self._items.get(token)
        fails = 0 if item is None else item.fails
        if self._failed[token] >= fails:
            return False
        self._failed[token] += 1
        return True

    def _named(
        self, source: str, delivered: Sequence[Delivered], failing: Sequence[int]
    ) -> Sequence[Delivered]:
        if source.endswith(".fifo"):  # what follows must not overtake it
            return delivered[failing[0] :]
        return [delivered[index] for index in failing]


class ScriptedRuntime:
    """Does what `Runtime` does, without a process."""

    address = "127.0.0.1:0"
    pid: int | None = None
    awaited = False

    def __init__(
        self, answer: Callable[[str, bytes], Signal], clock: Clock, guard: Guard, log: Callable[..., None]
    ) -> None:
        self._answer = answer
        self._function: str | None = None
        self._next: Signal | None = None

    async def open(self) -> None:
        """There is nothing to open."""

    def is_running(self) -> bool:
        """Say whether it can take an event."""
        return self._function is not None

    def start(
        self, command: Sequence[str], folder: Path, variables: Mapping[str, str], spare: None = None
    ) -> None:
        """Be ready at once."""
        self._function = variables["AWS_LAMBDA_FUNCTION_NAME"]
        self._next = Ready()

    def offer(self, request_id: str, head: bytes, payload: bytes) -> None:
        """Answer an event at once."""
        assert self._function is not None, "it was started"
        self._next = self._answer(self._function, payload)

    async def next_signal(self, deadline: float) -> Signal:
        """Return what has come."""
        await asyncio.sleep(0)
        assert self._next is not None, "only what was started or offered something is waited for"
        signal, self._next = self._next, None
        return signal

    def drain(self) -> None:
        """Nothing is written."""

    def signal(self, signal: Signal) -> None:
        """Nobody waits for long."""

    def kill(self) -> None:
        """End it."""
        self._function = self._next = None

    async def stop(self, grace_seconds: float) -> None:
        """End it."""
        self.kill()
