"""What goes wrong on purpose: declared in the configuration or by a script, drawn from a seed.

Who could meet a fault asks here; without any declared there is nobody to ask, and nothing is drawn. Each kind
draws from a generator of its own, so that the draws of one do not depend on how often others were asked.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Literal, TypeVar

from engine.clock import running_clock
from engine.errors import StoreBusy, StoreError, StoreFull
from engine.feed import FaultInjected, FaultKind, Feed, SimulatorCrashed

if TYPE_CHECKING:
    from engine.fault_settings import FaultSettings

T = TypeVar("T")

Spoiling = Literal["error", "timeout", "crash"]
CrashSide = Literal["before", "after"]
DRAWS = (
    "invocation",
    "throttle",
    "slow_start",
    "duplicate",
    "redelivery",
    "reorder",
    "smaller_batch",
    "wake_up",
    "store",
    "simulator_crash",
)


class Faults:
    """The faults of one simulation, or of one run. They outlive a simulator that crashes."""

    def __init__(self, settings: "FaultSettings", seed: int, feed: Feed) -> None:
        """`feed` is told of every fault that strikes."""
        self.settings = settings
        self.commits = 0  # of the store, since the beginning
        self._feed = feed
        self._chances = {name: Random(f"{seed} {name}") for name in DRAWS}  # noqa: S311 - no secrets
        self._on_crash: list[Callable[[], None]] = []

    def change(self, settings: "FaultSettings") -> None:
        """Let these be the faults from now on, instead of those until now."""
        self.settings = settings

    def tell(self, kind: FaultKind, place: str, detail: str) -> None:
        """Publish that a fault has struck."""
        self._feed.publish(FaultInjected(running_clock().now(), kind, place, detail))

    def throttles(self, function: str, request_id: str) -> bool:
        """Say whether an invocation finds no concurrency left."""
        return self._concerns(function) and self._strikes("throttle", f"functions.{function}", request_id)

    def spoils(self, function: str) -> Spoiling | None:
        """Return what an invocation meets. Whoever lets that happen tells of it."""
        settings = self.settings
        rates = (settings.error_rate, settings.timeout_rate, settings.crash_rate)
        if not any(rates) or not self._concerns(function):
            return None
        kinds: tuple[Spoiling, ...] = ("error", "timeout", "crash")
        return self._one_of("invocation", kinds, rates)

    def slow_start(self, function: str) -> timedelta:
        """Return by how much the start of an environment takes longer."""
        settings, place = self.settings, f"functions.{function}"
        if not settings.slow_start_rate or not self._concerns(function):
            return timedelta(0)
        longer = settings.slow_start
        return longer if self._strikes("slow_start", place, _seconds(longer)) else timedelta(0)

    def duplicates(self, place: str, detail: str) -> bool:
        """Say whether something is delivered twice."""
        return self._strikes("duplicate", place, detail)

    def duplicated(self, count: int) -> frozenset[int]:
        """Draw which of the first `count` messages of a receive stay visible, unless they may not."""
        rate, chance = self.settings.duplicate_rate, self._chances["duplicate"]
        return frozenset(index for index in range(count) if chance.random() < rate) if rate else frozenset()

    def redelivers(self, place: str, detail: str) -> bool:
        """Say whether it gets lost that something was processed, so that it is delivered again."""
        return self._strikes("redelivery", place, detail)

    def order_seed(self) -> int | None:
        """Draw whether messages come in another order; return a seed for it, None for the order they have."""
        rate, chance = self.settings.reorder_rate, self._chances["reorder"]
        return chance.getrandbits(32) if rate and chance.random() < rate else None

    def reordered(self, place: str, items: Sequence[T]) -> Sequence[T]:
        """Return items in the order in which they are taken."""
        seed = self.order_seed() if len(items) > 1 else None
        if seed is None:
            return items
        self.tell("reorder", place, f"{len(items)} at once")
        return shuffled(items, seed)

    def cut(self, place: str, count: int) -> int:
        """Return how many of `count` records a batch gets, at least one."""
        if count < 2 or not self.settings.smaller_batch_rate:
            return count
        fewer = self._chances["smaller_batch"].randrange(1, count)
        return fewer if self._strikes("smaller_batch", place, f"{fewer} of {count}") else count

    def wake_up(self, place: str, wake: Callable[[], None]) -> None:
        """Call `wake` now, later, or never."""
        settings = self.settings
        kinds: tuple[FaultKind, ...] = ("late_wake_up", "lost_wake_up")
        rates = (settings.late_wake_up_rate, settings.lost_wake_up_rate)
        kind = self._one_of("wake_up", kinds, rates) if any(rates) else None
        if kind is None:
            wake()
            return
        late = kind == "late_wake_up"
        self.tell(kind, place, _seconds(settings.late_wake_up) if late else "")
        if late:
            asyncio.get_running_loop().call_later(settings.late_wake_up.total_seconds(), wake)

    def store_error(self, path: Path | None, requests: int) -> StoreError | None:
        """Return what a commit of the store fails with."""
        settings = self.settings
        rates = (settings.store_busy_rate, settings.store_full_rate)
        kinds: tuple[FaultKind, ...] = ("store_busy", "store_full")
        kind = self._one_of("store", kinds, rates) if any(rates) else None
        if kind is None:
            return None
        self.tell(kind, "store", f"{requests} request{'s'[: requests != 1]}")
        return StoreBusy(path) if kind == "store_busy" else StoreFull(path)

    def next_commit(self) -> CrashSide | None:
        """Count a commit of the store; return whether the simulator crashes just before or just after it."""
        self.commits += 1
        settings = self.settings
        if self.commits in settings.simulator_crash_before_commits:
            return "before"
        if self.commits in settings.simulator_crash_after_commits:
            return "after"
        if not settings.simulator_crash_rate:
            return None
        half = settings.simulator_crash_rate / 2
        sides: tuple[CrashSide, ...] = ("before", "after")
        return self._one_of("simulator_crash", sides, (half, half))

    def on_crash(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` at the moment of the next crash, once; return what forgets it."""
        self._on_crash.append(callback)

        def forget() -> None:
            with suppress(ValueError):
                self._on_crash.remove(callback)

        return forget

    def crash(self, reason: str) -> None:
        """Let the simulator crash: from now on nothing of it has an effect.

        Whoever calls this has to end without doing anything else.
        """
        self._feed.publish(SimulatorCrashed(running_clock().now(), reason))
        callbacks, self._on_crash = self._on_crash, []
        for callback in callbacks:
            callback()

    def _concerns(self, function: str) -> bool:
        functions = self.settings.functions
        return functions is None or function in functions

    def _strikes(
        self,
        kind: Literal["throttle", "slow_start", "duplicate", "redelivery", "smaller_batch"],
        place: str,
        detail: str,
    ) -> bool:
        rate: float = getattr(self.settings, f"{kind}_rate")
        struck = rate > 0 and self._chances[kind].random() < rate
        if struck:
            self.tell(kind, place, detail)
        return struck

    def _one_of(self, draw: str, kinds: Sequence[T], rates: Sequence[float]) -> T | None:
        """Draw once for several kinds of which only one can strike."""
        drawn = self._chances[draw].random()
        for kind, rate in zip(kinds, rates, strict=True):
            drawn -= rate
            if drawn < 0:
                return kind
        return None


def shuffled(items: Sequence[T], seed: int) -> list[T]:
    """Return items in an order that follows from the seed, and is another one where there are several."""
    mixed = list(items)
    Random(seed).shuffle(mixed)  # noqa: S311 - the same again is what it is for
    return mixed if mixed != list(items) else mixed[1:] + mixed[:1]


def _seconds(duration: timedelta) -> str:
    return f"{duration.total_seconds():g} s"
