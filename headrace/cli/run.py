"""`headrace run`: the main job."""

import asyncio
import gc
import math
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.clock import Clock, iso_seconds, running_clock
from engine.errors import ConfigurationError
from engine.feed import Fact, Feed, FeedReader, Notice, SimulatorReady
from headrace.cli.moment import MOMENT
from headrace.cli.options import config_option
from headrace.config import Configuration, load
from headrace.running_time import RunningTime
from headrace.simulator import Simulator

if TYPE_CHECKING:
    from engine.faults import Faults

SEED_BITS = 32
LAST_LINES_SECONDS = 2.0  # how long a slow terminal may take for the last lines


def _number(_: click.Context, __: click.Parameter, speed: float) -> float:
    """Refuse `nan`, which click takes for a number within any range."""
    if math.isnan(speed):
        raise click.BadParameter("nan is no speed.")
    return speed


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the feed as JSON Lines, for a program to read.")
@click.option("--logs", is_flag=True, help="Show what the functions print, too.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every event with its result to this file, for `headrace replay`.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, 1_000_000, min_open=True),
    default=1.0,
    callback=_number,
    help="Let time pass so many times as fast; handlers run as they do, and their timeouts are real.",
)
@click.option(
    "--clock",
    type=click.Choice(["live", "manual"]),
    default="live",
    show_default=True,
    help="manual: time stands still until `headrace clock advance` moves it.",
)
@click.option("--from", "begin", type=MOMENT, help="Where a manual clock begins (default: at the present).")
@click.option(
    "--until-idle", is_flag=True, help="End when all that there is to do is done; what waits is told."
)
@click.option(
    "--seed", type=click.IntRange(min=0), help="What declared faults are drawn from; a new one unless given."
)
def run(
    config_path: Path,
    as_json: bool,
    logs: bool,
    record: Path | None,
    speed: float,
    clock: str,
    begin: datetime | None,
    until_idle: bool,
    seed: int | None,
) -> None:
    """Run sources and functions until Ctrl-C; a second Ctrl-C stops at once."""
    is_manual = clock == "manual"
    if is_manual and speed != 1.0:
        raise click.UsageError(
            "--speed is for a clock that passes by itself: leave it, or --clock manual, out"
        )
    if begin is not None and not is_manual:
        raise click.UsageError("--from is for a clock that begins elsewhere: add --clock manual")
    gc.disable()  # until it is ready: nothing that a start makes is garbage
    try:
        configuration = load(config_path)
        time = RunningTime(speed, is_manual, begin)
        with asyncio.Runner(loop_factory=time.loop_factory(configuration.state)) as runner:
            end = runner.run(_serve(configuration, time, as_json, logs, record, until_idle, seed))
    except asyncio.CancelledError:
        sys.exit(130)  # stopped at once, as asked for
    finally:
        gc.enable()
    if end is not None:
        click.echo(end, err=True)


async def _serve(
    configuration: Configuration,
    time: RunningTime,
    as_json: bool,
    logs: bool,
    record: Path | None,
    until_idle: bool,
    seed: int | None,
) -> str | None:
    """Run until stopped; return what is to be said at the end, if anything."""
    feed, stop, clock = Feed(), asyncio.Event(), running_clock()
    write = json_line if as_json else live_line(configuration, _how_time_passes(time, clock))
    with printing(feed.read(log_lines=logs), write, stop), stopping_on_signals(stop):
        async with AsyncExitStack() as stack:
            if record is not None:
                from triggers.replay.recorder import Recorder

                stack.enter_context(Recorder(record, feed, clock))
            faults = _faults(configuration, feed, seed)
            simulator = await stack.enter_async_context(Simulator(configuration, feed, faults=faults))
            stack.enter_context(time.kept(configuration.state, clock, feed))
            collecting = asyncio.create_task(_collect_from(simulator.ready), name="garbage collection")
            stack.callback(collecting.cancel)
            if not until_idle:
                await simulator.run(stop)
                return None
            return await _run_until_idle(simulator, stop)


async def _collect_from(ready: asyncio.Event) -> None:
    """Collect garbage from now on, and look no more at what is there for good."""
    await ready.wait()
    gc.freeze()
    gc.enable()


async def _run_until_idle(simulator: Simulator, stop: asyncio.Event) -> str | None:
    """Run until nothing is left to do but to wait; return what waits, None when stopped before."""
    from headrace.barrier import Barrier
    from headrace.waiting import what_waits, words_for

    async def stop_when_idle() -> str:
        with Barrier(simulator) as barrier:
            await barrier.wait()
        words = words_for(await what_waits(simulator), simulator.clock.now())
        stop.set()
        return words

    async with asyncio.TaskGroup() as group:
        stopping = group.create_task(stop_when_idle(), name="until idle")
        await simulator.run(stop)
        stopping.cancel()
    return None if stopping.cancelled() else stopping.result()


def _faults(configuration: Configuration, feed: Feed, seed: int | None) -> "Faults | None":
    """Return the declared faults, having told of them. Raises ConfigurationError for crashes."""
    declared = configuration.file.faults
    if declared is None and seed is not None:
        raise click.UsageError(f"--seed is for declared faults: there is no [faults] in {configuration.path}")
    if declared is None:
        return None
    import random

    from engine.faults import Faults

    if declared.crash_options:
        raise ConfigurationError(
            [
                f"faults.{name}: the simulator crashes in `headrace simulate` only"
                for name in declared.crash_options
            ]
        )
    if seed is None:
        seed = random.SystemRandom().getrandbits(SEED_BITS)
    text = f"declared, and drawn with `--seed {seed}`: {declared.summary()}"
    feed.publish(Notice(running_clock().now(), "warning", "faults", text))
    return Faults(declared, seed, feed)


def _how_time_passes(time: RunningTime, clock: Clock) -> str:
    if time.manual:
        return f"  it is {iso_seconds(clock.now())} until `headrace clock advance`"
    return "" if time.speed == 1.0 else f"  it is {iso_seconds(clock.now())}, {time.speed:g} times as fast"


def json_line(fact: Fact) -> str:
    """Return the fact as JSON."""
    from headrace.fact_json import fact_json

    return fact_json(fact).decode()


def live_line(configuration: Configuration, about_time: str = "") -> Callable[[Fact], str | None]:
    """Return what turns a fact into its line for people, or None; `about_time` is told when it is ready."""
    from headrace.live_view import LiveView

    view = LiveView()
    about = configuration.file.summary() + about_time

    def write(fact: Fact) -> str | None:
        line = view.line(fact)
        if isinstance(fact, SimulatorReady):
            return f"{click.style('ready', fg='green', bold=True)}  {fact.endpoint}  {about}  (Ctrl-C stops)"
        return line

    return write


@contextmanager
def printing(reader: FeedReader, write: Callable[[Fact], str | None], stop: asyncio.Event) -> Iterator[None]:
    """Print the feed from a thread, so that a slow or stopped terminal holds nothing up.

    Set `stop` when nobody reads any more, as in `headrace run | head`. What a full disk does not take is
    lost.
    """
    loop = asyncio.get_running_loop()

    def print_all() -> None:
        troubles = set[str | None]()
        try:
            while facts := reader.take():
                try:
                    click.echo("".join(f"{line}\n" for fact in facts if (line := write(fact))), nl=False)
                except BrokenPipeError:
                    raise
                except OSError as error:
                    if error.strerror not in troubles:
                        troubles.add(error.strerror)
                        click.echo(f"{error.strerror}: this goes on, but is not all printed.", err=True)
        except (OSError, ValueError):  # closed
            reader.close()
            with suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(stop.set)

    thread = threading.Thread(target=print_all, name="live view", daemon=True)
    thread.start()
    try:
        yield
    finally:
        reader.close()
        thread.join(LAST_LINES_SECONDS)


@contextmanager
def stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Set `stop` at the first SIGINT or SIGTERM; at the second, cancel the task that entered this."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def on_signal() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
            return
        stop.set()
        with suppress(OSError):  # nobody reads standard error any more
            click.echo("Stopping: running invocations may finish; Ctrl-C again stops at once.", err=True)

    if sys.platform == "win32":
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(on_signal))
        yield
        return
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
