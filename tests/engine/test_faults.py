"""Declared faults strike at their rates, and the same ones from the same seed."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from engine.clock import Clock
from engine.errors import StoreBusy, StoreFull
from engine.fault_settings import FaultSettings
from engine.faults import Faults
from engine.feed import Fact, FaultInjected, Feed, SimulatorCrashed

TIMES = 2000


@pytest.fixture
def facts(feed: Feed) -> list[Fact]:
    told: list[Fact] = []
    feed.tap(told.append)
    return told


def declared(feed: Feed, seed: int = 1, **settings: Any) -> Faults:
    return Faults(FaultSettings(**settings), seed, feed)


def struck(faults: Faults, kind: str) -> bool:
    """Say whether a fault of this kind strikes once."""
    match kind:
        case "error" | "timeout" | "crash":
            return faults.spoils("work") == kind
        case "throttle":
            return faults.throttles("work", "id")
        case "slow_start":
            return faults.slow_start("work") == timedelta(seconds=3)
        case "duplicate":
            return faults.duplicates("queues.jobs", "id")
        case "redelivery":
            return faults.redelivers("queues.jobs", "id")
        case "reorder":
            return faults.reordered("queues.jobs", (1, 2, 3)) != (1, 2, 3)
        case "smaller_batch":
            return faults.cut("queues.jobs", 10) < 10
        case "late_wake_up" | "lost_wake_up":
            woken: list[None] = []
            faults.wake_up("queues.jobs", lambda: woken.append(None))
            return not woken
        case "store_busy":
            return isinstance(faults.store_error(None, 1), StoreBusy)
        case "store_full":
            return isinstance(faults.store_error(None, 1), StoreFull)
    raise AssertionError(kind)


KINDS = [
    "error",
    "timeout",
    "crash",
    "throttle",
    "slow_start",
    "duplicate",
    "redelivery",
    "reorder",
    "smaller_batch",
    "late_wake_up",
    "lost_wake_up",
    "store_busy",
    "store_full",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_strikes_at_about_its_rate(kind: str, feed: Feed) -> None:
    faults = declared(feed, 1, **{f"{kind}_rate": 0.2})
    assert 0.15 < sum(struck(faults, kind) for _ in range(TIMES)) / TIMES < 0.25


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_that_is_not_declared_never_strikes(kind: str, feed: Feed, facts: list[Fact]) -> None:
    faults = declared(feed)
    assert not any(struck(faults, kind) for _ in range(TIMES))
    assert facts == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_fault_whose_rate_is_one_always_strikes(kind: str, feed: Feed) -> None:
    faults = declared(feed, **{f"{kind}_rate": 1})
    assert all(struck(faults, kind) for _ in range(TIMES))


@pytest.mark.parametrize("kind", KINDS[3:])
async def test_a_fault_that_strikes_is_told(kind: str, feed: Feed, facts: list[Fact]) -> None:
    faults = declared(feed, **{f"{kind}_rate": 1})
    assert struck(faults, kind)
    (fact,) = facts
    assert isinstance(fact, FaultInjected)
    assert fact.kind == kind


@pytest.mark.parametrize("kind", ["error", "timeout", "crash", "throttle", "slow_start"])
async def test_the_faults_of_functions_can_be_limited_to_some(kind: str, feed: Feed) -> None:
    assert struck(declared(feed, functions=("other", "work"), **{f"{kind}_rate": 1}), kind)
    assert not struck(declared(feed, functions=("other",), **{f"{kind}_rate": 1}), kind)


async def test_the_same_seed_draws_the_same(feed: Feed) -> None:
    settings = {"error_rate": 0.3, "timeout_rate": 0.3, "crash_rate": 0.3}

    def drawn(seed: int) -> list[str | None]:
        faults = declared(feed, seed, **settings)
        return [faults.spoils("work") for _ in range(100)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)
    assert set(drawn(1)) == {"error", "timeout", "crash", None}


async def test_the_draws_of_one_kind_do_not_depend_on_those_of_another(feed: Feed) -> None:
    alone = declared(feed, throttle_rate=0.5)
    beside = declared(feed, throttle_rate=0.5, duplicate_rate=0.5, store_busy_rate=0.5)
    for _ in range(100):
        beside.duplicates("queues.jobs", "id")
        beside.store_error(None, 1)
        assert alone.throttles("work", "id") == beside.throttles("work", "id")


async def test_a_late_wake_up_comes_after_its_time(feed: Feed, clock: Clock) -> None:
    faults, woken = declared(feed, late_wake_up_rate=1, late_wake_up="90s"), asyncio.Event()
    began = clock.now()
    faults.wake_up("queues.jobs", woken.set)
    await woken.wait()
    assert clock.now() == began + timedelta(seconds=90)


async def test_a_batch_keeps_at_least_one_record(feed: Feed) -> None:
    faults = declared(feed, smaller_batch_rate=1)
    counts = {faults.cut("queues.jobs", 4) for _ in range(100)}
    assert counts == {1, 2, 3}
    assert faults.cut("queues.jobs", 1) == 1


async def test_another_order_has_the_same_items(feed: Feed) -> None:
    faults = declared(feed, reorder_rate=1)
    for _ in range(100):
        assert sorted(faults.reordered("functions.work", (1, 2))) == [1, 2]
    assert faults.reordered("functions.work", (1,)) == (1,)


async def test_the_simulator_crashes_at_the_commits_that_are_named(feed: Feed) -> None:
    faults = declared(feed, simulator_crash_before_commits=(2,), simulator_crash_after_commits=(4,))
    assert [faults.next_commit() for _ in range(5)] == [None, "before", None, "after", None]


async def test_the_simulator_crashes_at_about_the_rate_of_commits(feed: Feed) -> None:
    faults = declared(feed, simulator_crash_rate=0.1)
    sides = [faults.next_commit() for _ in range(TIMES)]
    assert 0.03 < sides.count("before") / TIMES < 0.07
    assert 0.03 < sides.count("after") / TIMES < 0.07


async def test_a_crash_is_told_once_to_all_that_it_concerns(feed: Feed, facts: list[Fact]) -> None:
    faults, concerned = declared(feed), list[str]()
    faults.on_crash(lambda: concerned.append("store"))
    faults.on_crash(lambda: concerned.append("forgotten"))()
    faults.crash("as the script says")
    faults.crash("and again")
    assert concerned == ["store"]
    assert [fact.reason for fact in facts if isinstance(fact, SimulatorCrashed)] == [
        "as the script says",
        "and again",
    ]


async def test_other_faults_hold_from_a_change_on(feed: Feed) -> None:
    faults = declared(feed, error_rate=1)
    faults.change(FaultSettings(timeout_rate=1))
    assert faults.spoils("work") == "timeout"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        pytest.param({"error_rate": 1.5}, "less than or equal to 1", id="a rate above one"),
        pytest.param({"eror_rate": 0.1}, "Extra inputs", id="a fault that there is not"),
        pytest.param({"simulator_crash_rate": 0.5}, "less than or equal to 0.1", id="a crash at every turn"),
        pytest.param(
            {"error_rate": 0.6, "crash_rate": 0.5}, "meets one fault", id="more faults than invocations"
        ),
        pytest.param(
            {"late_wake_up_rate": 0.6, "lost_wake_up_rate": 0.5}, "late or lost", id="more than all wake-ups"
        ),
        pytest.param(
            {"store_busy_rate": 0.6, "store_full_rate": 0.5}, "busy or full", id="more than all commits"
        ),
        pytest.param({"slow_start": 3}, '"5s"', id="a duration without a unit"),
        pytest.param({"simulator_crash_after_commits": (0,)}, "greater than or equal to 1", id="commit zero"),
    ],
)
def test_faults_that_cannot_be_are_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        FaultSettings(**settings)


def test_what_is_declared_is_told_in_a_line() -> None:
    assert (
        FaultSettings(error_rate=0.1, lost_wake_up_rate=1).summary() == "error_rate 0.1, lost_wake_up_rate 1"
    )
    assert FaultSettings().summary() == "none"
    assert FaultSettings(simulator_crash_after_commits=(3,)).crash_options == (
        "simulator_crash_after_commits",
    )
