"""How quickly event source mappings move what is waiting, and how soon a single message arrives."""

import http.client
import json
import sqlite3
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path

from bench.bare_drain import BODY
from bench.simulator_process import SimulatorProcess
from engine import clock
from headrace.channels import Channels, channels_alone
from headrace.config import load
from triggers.kinesis.limits import RecordEntry
from triggers.sqs.message import OutgoingMessage

PATIENCE_SECONDS = 300.0
WRITTEN_AT_ONCE = 500
START = """
[simulator]
endpoint = "127.0.0.1:0"
max_environments = 5

[functions.noop]
handler = "handler.handler"
code = "functions/noop"

[functions.stamp]
handler = "handler.handler"
code = "functions/stamp"
environment = {{ STAMPS = "{folder}/stamps" }}
"""
QUEUE = (
    START
    + """
[queues.jobs]

[[event_source_mappings]]
source = "queues.jobs"
function = "noop"
"""
)
STREAM = (
    START
    + """
[streams.clicks]

[[event_source_mappings]]
source = "streams.clicks"
function = "noop"
batch_size = 100
starting_position = "TRIM_HORIZON"
"""
)
TABLE = (
    START
    + """
[tables.orders]
database = "shop.db"

[[event_source_mappings]]
source = "tables.orders"
function = "noop"
batch_size = 100
starting_position = "TRIM_HORIZON"
"""
)
ONE_MESSAGE = (
    START
    + """
[queues.jobs]

[[event_source_mappings]]
source = "queues.jobs"
function = "stamp"
"""
)


def drain_queue(waiting: int, measured: int | None = None) -> tuple[float, float]:
    """Return messages a second while all leave that wait, or the first `measured`, and MiB used then."""
    with SimulatorProcess(QUEUE, partial(_fill, partial(_send, waiting))) as simulator:
        return _rate(simulator, measured or waiting), simulator.memory_mib


def drain_stream(count: int = 100_000) -> float:
    """Return records of one shard a second, in batches of 100."""
    with SimulatorProcess(STREAM, partial(_fill, partial(_put, count))) as simulator:
        return _rate(simulator, count)


def drain_table(count: int = 20_000) -> float:
    """Return changes of a table a second, in batches of 100, from a writer that commits each hundred rows."""
    with SimulatorProcess(TABLE, _make_table) as simulator:
        with closing(sqlite3.connect(simulator.folder / "shop.db", isolation_level=None)) as connection:
            for begin in range(0, count, 100):
                connection.execute("BEGIN IMMEDIATE")
                rows = ((number, "widget", number % 7) for number in range(begin, begin + 100))
                connection.executemany("INSERT INTO orders VALUES (?, ?, ?)", rows)
                connection.execute("COMMIT")
        return _rate(simulator, count)


def send_to_start(count: int = 300) -> float:
    """Median milliseconds from the answer to a sent message to the handler's first statement."""
    with SimulatorProcess(ONE_MESSAGE) as simulator:
        connection = http.client.HTTPConnection(simulator.endpoint)
        headers = {
            "X-Amz-Target": "AmazonSQS.SendMessage",
            "Content-Type": "application/x-amz-json-1.0",
        }
        answered: dict[str, int] = {}
        for number in range(count):
            body = f"message-{number}"
            message = {"QueueUrl": f"http://{simulator.endpoint}/000000000000/jobs", "MessageBody": body}
            connection.request("POST", "/", json.dumps(message), headers)
            response = connection.getresponse()
            text = response.read()
            answered[body] = time.time_ns()
            assert response.status == 200, text
            simulator.wait_for_stamps(number + 1)
            time.sleep(0.002)
        connection.close()
        stamps = simulator.stamps()
    return statistics.median(stamps[body] - moment for body, moment in list(answered.items())[10:]) / 1e6


def _fill(work: Callable[[Channels], Awaitable[None]], folder: Path) -> None:
    async def fill() -> None:
        async with channels_alone(load(folder / "headrace.toml", with_code=False)) as channels:
            await work(channels)

    clock.run(fill())


async def _send(count: int, channels: Channels) -> None:
    queue = channels.queues["jobs"]
    for _ in range(0, count, WRITTEN_AT_ONCE):
        await queue.send([OutgoingMessage(BODY)] * WRITTEN_AT_ONCE)


async def _put(count: int, channels: Channels) -> None:
    stream = channels.streams["clicks"]
    data = BODY.encode()
    for _ in range(0, count, WRITTEN_AT_ONCE):
        await stream.put_records([RecordEntry(data, "key")] * WRITTEN_AT_ONCE)


def _make_table(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, item TEXT, quantity INTEGER)")
        connection.commit()


def _rate(simulator: SimulatorProcess, count: int) -> float:
    """Wait until so many records are done; return how many a second, without the first tenth."""
    sizes: dict[str, int] = {}
    done, marks = 0, []
    deadline = time.monotonic() + PATIENCE_SECONDS
    with simulator.feed.open("rb") as feed:
        while done < count:
            line = feed.readline()
            if not line.endswith(b"\n"):
                feed.seek(-len(line), 1)
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{done} of {count} records were done in {PATIENCE_SECONDS:g} s")
                time.sleep(0.05)
                continue
            fact = json.loads(line)
            if fact["fact"] == "BatchClosed":
                sizes[fact["request_id"]] = fact["records"]
            elif fact["fact"] == "InvocationFinished":
                done += sizes.pop(fact["request_id"])
                if done >= count / 10:
                    marks.append((done, datetime.fromisoformat(fact["time"])))
    (first, begin), (last, end) = marks[0], marks[-1]
    return (last - first) / (end - begin).total_seconds()
