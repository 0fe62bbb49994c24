"""`headrace demo`: everything once, in a temporary folder, ending by itself."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import click

from engine.clock import run
from engine.feed import Fact, Feed, InvocationFinished
from engine.functions.invocation import InvocationResult
from engine.invocation.event import AsyncEvent
from headrace.config import Configuration, load
from headrace.fixture_files import example_configuration, fixtures
from headrace.live_view import LiveView
from headrace.simulator import Simulator

ANY_PORT = ("127.0.0.1", 0)
PATIENCE_SECONDS = 30.0  # for each real step
NIGHT = datetime(2026, 3, 3, 2, 58, tzinfo=UTC)  # two minutes before the nightly schedule of the example
DROPPED = "hello, headrace\n"


class DemoFailed(click.ClickException):
    """A step did not end as it should."""


@click.command()
def demo() -> None:
    """Drop a file, send messages, change a row, replay an event, let a schedule fire, retry a failure."""
    with tempfile.TemporaryDirectory(prefix="headrace-demo-") as name:
        folder = Path(name)
        shutil.copytree(fixtures() / "functions", folder / "functions")
        shutil.copyfile(example_configuration(), folder / "headrace.toml")
        with closing(sqlite3.connect(folder / "shop.db")) as connection, connection:
            connection.execute("CREATE TABLE orders (number INTEGER PRIMARY KEY, item TEXT)")
        configuration = load(folder / "headrace.toml")
        run(_real_time(configuration))
        run(_virtual_time(_for_the_night(configuration)), virtual_from=NIGHT)
    click.echo(
        "\nThat was all of it, in a folder that is gone again. Your own:\n\n"
        "  headrace init    writes headrace.toml and a first function here\n"
        "  headrace run     runs them, until Ctrl-C"
    )


def _for_the_night(configuration: Configuration) -> Configuration:
    """Return the configuration without what people change by hand, and with a state of its own."""
    simulator = configuration.file.simulator.model_copy(update={"state": Path(".headrace-night")})
    file = replace(configuration.file, simulator=simulator, buckets={}, tables={}, event_source_mappings=())
    return replace(configuration, file=file)


async def _real_time(configuration: Configuration) -> None:
    _title("Real time: the example configuration is running")
    feed, stop = Feed(), asyncio.Event()
    async with Simulator(configuration, feed, endpoint=ANY_PORT) as simulator, asyncio.TaskGroup() as group:
        with _shown(feed, LiveView()):
            group.create_task(simulator.run(stop))
            await _within(simulator.ready.wait(), "the simulator is ready")
            await _drop_a_file(configuration, feed)
            await _send_messages(simulator, feed)
            await _change_a_row(configuration, feed)
            await _replay(simulator)
        stop.set()


async def _drop_a_file(configuration: Configuration, feed: Feed) -> None:
    click.echo(f"\n  $ echo {DROPPED.strip()!r} > inbox/hello.txt")
    thumbnail = _finished(feed, "thumbnail")
    chained = _finished(feed, "counter")
    (configuration.folder / "inbox" / "hello.txt").write_text(DROPPED, encoding="utf-8")
    await _within(thumbnail, "thumbnail answers")
    await _within(chained, "thumbnail's on_success destination, counter, answers")
    preview = configuration.folder / "outbox" / "previews" / "hello.txt.txt"
    if not preview.is_file():
        raise DemoFailed(f"thumbnail did not write {preview}")
    click.echo(f"\n  $ cat outbox/previews/hello.txt.txt\n  {preview.read_text(encoding='utf-8').strip()!r}")


async def _send_messages(simulator: Simulator, feed: Feed) -> None:
    from triggers.sqs.message import OutgoingMessage

    click.echo("\n  $ seq 3 | headrace send jobs -")
    counter = _finished(feed, "counter")
    await simulator.channels.queues["jobs"].send([OutgoingMessage(str(number)) for number in (1, 2, 3)])
    await _within(counter, "counter has the messages")


async def _change_a_row(configuration: Configuration, feed: Feed) -> None:
    insert = "INSERT INTO orders VALUES (1, 'a book')"
    click.echo(f'\n  $ sqlite3 shop.db "{insert}"')
    counter = _finished(feed, "counter")
    with closing(sqlite3.connect(configuration.folder / "shop.db")) as connection, connection:
        connection.execute(insert)
    await _within(counter, "counter has the change")


async def _replay(simulator: Simulator) -> None:
    event = fixtures() / "schedule" / "rule.json"
    click.echo("\n  $ headrace replay fixtures/schedule/rule.json --function nightly")
    result = await simulator.invoke("nightly", event.read_bytes())
    if not isinstance(result, InvocationResult) or result.function_error is not None:
        raise DemoFailed(f"nightly did not take the event of {event.name}")
    click.echo(f"  {result.payload.decode()}")


async def _virtual_time(configuration: Configuration) -> None:
    _title("Virtual time: five minutes of a night, without waiting")
    click.echo("  flaky fails twice and then succeeds; nightly is due at 03:00 UTC.\n")
    feed, stop = Feed(), asyncio.Event()
    async with Simulator(configuration, feed, endpoint=ANY_PORT) as simulator, asyncio.TaskGroup() as group:
        with _shown(feed, LiveView(UTC)):
            group.create_task(simulator.run(stop))
            await simulator.ready.wait()
            nightly, flaky = _finished(feed, "nightly"), _finished(feed, "flaky", without_error=True)
            await simulator.events.accept(AsyncEvent("flaky", b'{"fail_times": 2}'))
            await nightly
            await flaky
        stop.set()


def _finished(feed: Feed, function: str, *, without_error: bool = False) -> "asyncio.Future[None]":
    """Return a future that is done when the function has answered next."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take(fact: Fact) -> None:
        if (
            isinstance(fact, InvocationFinished)
            and fact.function == function
            and not future.done()
            and not (without_error and fact.function_error)
        ):
            future.set_result(None)

    untap = feed.tap(take)
    future.add_done_callback(lambda _: untap())
    return future


async def _within(step: Awaitable[object], what: str) -> None:
    try:
        await asyncio.wait_for(step, PATIENCE_SECONDS)
    except TimeoutError:
        raise DemoFailed(f"waited {PATIENCE_SECONDS:g} s in vain until {what}") from None


@contextmanager
def _shown(feed: Feed, view: LiveView) -> Iterator[None]:
    def show(fact: Fact) -> None:
        if (line := view.line(fact)) is not None:
            click.echo(f"  {line}")

    untap = feed.tap(show)
    try:
        yield
    finally:
        untap()


def _title(text: str) -> None:
    click.echo(f"\n{click.style(text, bold=True)}\n")
