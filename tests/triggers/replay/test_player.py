import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import Clock, running_clock
from engine.errors import ResourceNotFound
from tests.fakes.recordings import recorded_line
from triggers.replay.plan import make_plan
from triggers.replay.player import UNPACED_CONCURRENCY, Answer, Played, Player, Tally


class Functions:
    """Answers every invocation after `seconds`; notes when each arrived and how many ran at once."""

    def __init__(self, seconds: float = 0, answer: Callable[[str], Answer] = lambda _: Answer()) -> None:
        self.calls: list[tuple[float, str, bytes]] = []
        self.most_at_once = 0
        self._running = 0
        self._seconds = seconds
        self._answer = answer
        self._started = running_clock().now()

    async def __call__(self, function: str, payload: bytes) -> Answer:
        at = (running_clock().now() - self._started) / timedelta(seconds=1)
        self.calls.append((round(at, 6), function, payload))
        self._running += 1
        self.most_at_once = max(self.most_at_once, self._running)
        await asyncio.sleep(self._seconds)
        self._running -= 1
        return self._answer(function)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "r.jsonl"
    path.write_bytes(
        recorded_line(10.0, function="a")
        + recorded_line(10.25, function="b")
        + recorded_line(70.0, function="a")
    )
    return path


@pytest.mark.parametrize(
    ("speed", "moments"),
    [
        pytest.param(1.0, [0, 0.25, 60], id="own pace, without the silence before the first"),
        pytest.param(10.0, [0, 0.025, 6], id="ten times as fast"),
        pytest.param(0.5, [0, 0.5, 120], id="half as fast"),
        pytest.param(None, [0, 0, 0], id="no pace"),
    ],
)
async def test_a_recording_keeps_its_pace(
    clock: Clock, recording: Path, speed: float | None, moments: list[float]
) -> None:
    functions = Functions(seconds=30)
    tally = await Player(functions, clock, speed=speed).play(make_plan([recording]))
    assert [at for at, _, _ in functions.calls] == moments
    assert [function for _, function, _ in functions.calls] == ["a", "b", "a"]
    assert [json.loads(payload) for _, _, payload in functions.calls] == [
        {"at": 10.0},
        {"at": 10.25},
        {"at": 70.0},
    ]
    assert (tally.sent, tally.succeeded, tally.failed) == (3, 3, 0)


async def test_one_function_may_get_every_event(clock: Clock, recording: Path) -> None:
    functions = Functions()
    await Player(functions, clock, function="c").play(make_plan([recording]))
    assert {function for _, function, _ in functions.calls} == {"c"}


async def test_plain_events_follow_each_other(clock: Clock, tmp_path: Path) -> None:
    for name in ("1", "2", "3"):
        (tmp_path / f"{name}.json").write_text(name)
    functions = Functions(seconds=5)
    await Player(functions, clock, plain_function="f").play(make_plan([tmp_path]))
    assert functions.calls == [(0, "f", b"1"), (5, "f", b"2"), (10, "f", b"3")]


async def test_without_a_pace_a_bounded_number_runs_at_once(clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_bytes(b"".join(recorded_line(float(second)) for second in range(100)))
    functions = Functions(seconds=1)
    tally = await Player(functions, clock, speed=None).play(make_plan([path]))
    assert functions.most_at_once == UNPACED_CONCURRENCY
    assert tally.sent == 100


async def test_failures_are_counted_and_reported_and_the_rest_goes_on(clock: Clock, recording: Path) -> None:
    played: list[Played] = []
    functions = Functions(answer=lambda name: Answer("Boom: no" if name == "b" else None))
    tally = await Player(functions, clock, on_played=played.append).play(make_plan([recording]))
    assert (tally.succeeded, tally.failed) == (2, 1)
    assert [(p.function, p.error) for p in played] == [("a", None), ("b", "Boom: no"), ("a", None)]
    assert played[1].place == f"{recording} at 10.250 s"


async def test_a_function_that_does_not_exist_is_a_failure_of_its_events(
    clock: Clock, recording: Path
) -> None:
    async def invoke(function: str, payload: bytes) -> Answer:
        if function == "b":
            raise ResourceNotFound("Function", function)
        return Answer()

    played: list[Played] = []
    tally = await Player(invoke, clock, on_played=played.append).play(make_plan([recording]))
    assert (tally.succeeded, tally.failed) == (2, 1)
    assert played[1].error == "Function not found: b"


async def test_a_throttled_event_is_sent_again_until_it_runs(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("{}")
    left = [3]

    def answer(_: str) -> Answer:
        left[0] -= 1
        return Answer("throttled", throttled=True) if left[0] >= 0 else Answer()

    functions = Functions(answer=answer)
    tally = await Player(functions, clock, plain_function="f").play(make_plan([tmp_path]))
    assert (tally.succeeded, tally.failed) == (1, 0)
    assert [at for at, _, _ in functions.calls] == [0, 0.1, 0.3, 0.7]


async def test_an_event_that_stays_throttled_fails_after_a_minute(clock: Clock, tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("{}")
    functions = Functions(answer=lambda _: Answer("throttled: off", throttled=True))
    tally = await Player(functions, clock, plain_function="f").play(make_plan([tmp_path]))
    assert (tally.sent, tally.failed) == (1, 1)
    assert 50 < functions.calls[-1][0] <= 60


@pytest.mark.parametrize(("count", "seconds"), [(40, 0.5), (16, 30.0), (3, 300.0)])
async def test_events_of_a_function_that_takes_one_at_a_time_follow_closely(
    clock: Clock, tmp_path: Path, count: int, seconds: float
) -> None:
    for number in range(count):
        (tmp_path / f"{number}.json").write_text("{}")
    is_free = True

    async def invoke(function: str, payload: bytes) -> Answer:
        nonlocal is_free
        if not is_free:
            await asyncio.sleep(0.001)
            return Answer("throttled", throttled=True)
        is_free = False
        await asyncio.sleep(seconds)
        is_free = True
        return Answer()

    began = clock.now()
    tally = await Player(invoke, clock, plain_function="f", speed=None).play(make_plan([tmp_path]))
    assert (tally.succeeded, tally.failed) == (count, 0)
    assert (clock.now() - began).total_seconds() == pytest.approx(count * seconds, rel=0.02)


@pytest.mark.parametrize("speed", [1.0, None])
async def test_once_a_function_takes_nothing_its_events_fail_at_once(
    clock: Clock, tmp_path: Path, speed: float | None
) -> None:
    for number in range(20):
        (tmp_path / f"{number}.json").write_text("{}")
    functions = Functions(answer=lambda _: Answer("throttled: off", throttled=True))
    began = clock.now()
    tally = await Player(functions, clock, plain_function="f", speed=speed).play(make_plan([tmp_path]))
    assert (tally.sent, tally.failed) == (20, 20)
    assert (clock.now() - began).total_seconds() <= 60


async def test_a_file_that_went_away_meanwhile_is_skipped(
    clock: Clock, tmp_path: Path, recording: Path
) -> None:
    (tmp_path / "e.json").write_text("{}")
    plan = make_plan([tmp_path])
    recording.unlink()
    (tmp_path / "e.json").write_text("{")
    tally = await Player(Functions(), clock, plain_function="f").play(plan)
    assert tally.sent == 0
    assert len(tally.skipped) == 2


async def test_a_recording_is_never_held_in_memory(clock: Clock, tmp_path: Path) -> None:
    import tracemalloc

    path = tmp_path / "r.jsonl"
    entry = {"offset": 0.0, "function": "f", "attempt": 1, "event": {"text": "x" * 100_000}}
    path.write_bytes((json.dumps(entry).encode() + b"\n") * 400)
    tracemalloc.start()
    try:
        tally = await Player(_forgetful, clock, speed=None).play(make_plan([path]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert tally.sent == 400
    assert peak < 10_000_000 < path.stat().st_size


async def _forgetful(function: str, payload: bytes) -> Answer:
    return Answer()


@pytest.mark.parametrize(
    ("count", "p50", "p99"),
    [
        pytest.param(0, None, None, id="nothing was sent"),
        pytest.param(1, 1, 1, id="one event is all percentiles"),
        pytest.param(100, 50, 99, id="a hundred"),
        pytest.param(101, 51, 100, id="a hundred and one"),
    ],
)
def test_percentiles_are_of_the_nearest_rank(count: int, p50: float | None, p99: float | None) -> None:
    tally = Tally()
    for milliseconds in range(count, 0, -1):
        tally.add(Played("place", "f", None, milliseconds))
    assert (tally.percentile(50), tally.percentile(99)) == (p50, p99)
