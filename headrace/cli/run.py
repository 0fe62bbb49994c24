"""`headrace run`: the main job."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path

import click

from engine import clock
from engine.feed import Fact, Feed, FeedReader, SimulatorReady
from headrace.cli.options import config_option
from headrace.config import Configuration, load
from headrace.simulator import Simulator

LAST_LINES_SECONDS = 2.0  # how long a slow terminal may take for the last lines


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print the feed as JSON Lines, for a program to read.")
@click.option("--logs", is_flag=True, help="Show what the functions print, too.")
@click.option(
    "--record",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every event with its result to this file, for `headrace replay`.",
)
def run(config_path: Path, as_json: bool, logs: bool, record: Path | None) -> None:
    """Run sources and functions until Ctrl-C; a second Ctrl-C stops at once."""
    configuration = load(config_path)
    try:
        clock.run(_serve(configuration, as_json, logs, record))
    except asyncio.CancelledError:
        sys.exit(130)  # stopped at once, as asked for


async def _serve(configuration: Configuration, as_json: bool, logs: bool, record: Path | None) -> None:
    feed, stop = Feed(), asyncio.Event()
    write = json_line if as_json else live_line(configuration)
    with printing(feed.read(log_lines=logs), write, stop), stopping_on_signals(stop):
        async with AsyncExitStack() as stack:
            if record is not None:
                from triggers.replay.recorder import Recorder

                stack.enter_context(Recorder(record, feed, clock.running_clock()))
            simulator = await stack.enter_async_context(Simulator(configuration, feed))
            await simulator.run(stop)


def json_line(fact: Fact) -> str:
    """Return the fact as JSON."""
    from headrace.fact_json import fact_json

    return fact_json(fact).decode()


def live_line(configuration: Configuration) -> Callable[[Fact], str | None]:
    """Return what turns a fact into its line for people, or None."""
    from headrace.live_view import LiveView

    view = LiveView()
    about = configuration.file.summary()

    def write(fact: Fact) -> str | None:
        if isinstance(fact, SimulatorReady):
            return f"{click.style('ready', fg='green', bold=True)}  {fact.endpoint}  {about}  (Ctrl-C stops)"
        return view.line(fact)

    return write


@contextmanager
def printing(reader: FeedReader, write: Callable[[Fact], str | None], stop: asyncio.Event) -> Iterator[None]:
    """Print the feed from a thread, so that a slow or stopped terminal holds nothing up.

    Set `stop` when nobody reads any more, as in `headrace run | head`.
    """
    loop = asyncio.get_running_loop()

    def print_all() -> None:
        try:
            while facts := reader.take():
                click.echo("".join(f"{line}\n" for fact in facts if (line := write(fact))), nl=False)
        except (OSError, ValueError):  # closed, or a full disk
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
