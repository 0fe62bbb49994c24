"""A table as a stream, in virtual time: what is read, when listeners are called, what users are told."""

import asyncio
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from engine.clock import VIRTUAL_START, Clock
from engine.feed import Fact, Feed, Notice
from engine.mapping.source import StartingPosition, StreamRecord
from tests.fakes.running_table import running
from triggers.dynamodb.table import Table

ORDERS = "CREATE TABLE orders (id INTEGER PRIMARY KEY, item)"
LATEST, OLDEST = StartingPosition("LATEST"), StartingPosition("TRIM_HORIZON")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.db"


def write(path: Path, *statements: str) -> None:
    """Run statements in one transaction, as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        for statement in ("BEGIN", *statements, "COMMIT"):
            writer.execute(statement)


@pytest.fixture
def notices(feed: Feed) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []

    def keep(fact: Fact) -> None:
        if isinstance(fact, Notice):
            assert fact.place == "tables.orders"
            found.append((fact.level, fact.text))

    feed.tap(keep)
    return found


async def read(table: Table, after: int = 0, limit: int = 1000) -> list[StreamRecord]:
    (shard,) = await table.shards()
    page = await table.read(shard.shard_id, after, limit)
    assert not page.ended
    return list(page.records)


def told(records: list[StreamRecord]) -> list[tuple[str, Any]]:
    """Return (event, new image) of records."""
    return [(record.record["eventName"], record.record["dynamodb"].get("NewImage")) for record in records]


async def test_changes_are_read_in_pages_in_order(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, *(f"INSERT INTO orders VALUES ({number}, 'x')" for number in range(450)))
        records: list[StreamRecord] = []
        sizes = []
        while page := await read(table, records[-1].position if records else 0, 300):
            records += page
            sizes.append(len(page))
    assert sizes == [300, 150]
    assert [record.key for record in records] == [f'{{"id":{{"N":"{number}"}}}}' for number in range(450)]
    numbers = [int(record.sequence_number) for record in records]
    assert numbers == sorted(set(numbers))
    assert all(21 <= len(record.sequence_number) <= 40 for record in records)


async def test_the_stream_keeps_its_name_and_its_shard(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        first = table.arn, await table.shards()
    await asyncio.sleep(60)
    async with running(path, clock, feed) as table:
        assert (table.arn, await table.shards()) == first
    assert table.name == "tables.orders"
    assert table.arn == (
        "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
    )
    (shard,) = first[1]
    assert re.fullmatch(r"shardId-\d{20}-[0-9a-f]{8}", shard.shard_id)
    assert shard.parents == ()


async def test_a_shard_of_another_stream_has_ended(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        page = await table.read("shardId-00000000000000000000-00000000", 0, 10)
    assert (list(page.records), page.ended) == ([], True)


async def test_readers_start_at_the_horizon_now_or_at_a_moment(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        (shard,) = await table.shards()
        for number in range(4):
            write(path, f"INSERT INTO orders VALUES ({number}, 'x')")
            await asyncio.sleep(3600)
        starts = {
            name: await table.start(shard.shard_id, at)
            for name, at in {
                "oldest": OLDEST,
                "latest": LATEST,
                "before": StartingPosition("AT_TIMESTAMP", VIRTUAL_START),
                "between": StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(hours=1.5)),
                "after": StartingPosition("AT_TIMESTAMP", VIRTUAL_START + timedelta(hours=9)),
            }.items()
        }
        write(path, "INSERT INTO orders VALUES (4, 'x')")
        found = {name: [record.key[-4] for record in await read(table, at)] for name, at in starts.items()}
    assert found == {
        "oldest": list("01234"),
        "latest": list("4"),
        "before": list("01234"),
        "between": list("234"),
        "after": list("4"),
    }


async def test_listeners_are_called_after_a_commit_only(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        calls: list[int] = []
        stop = table.listen(lambda: calls.append(1))
        await asyncio.sleep(60)
        assert calls == []
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN")
            writer.execute("INSERT INTO orders VALUES (1, 'x')")
            await asyncio.sleep(60)
            assert calls == []
            writer.execute("COMMIT")
            await asyncio.sleep(60)
            assert calls == [1]
            for statement in ("BEGIN", "DELETE FROM orders", "ROLLBACK", "CREATE TABLE other (a)"):
                writer.execute(statement)
            await asyncio.sleep(60)
            assert calls == [1]
            stop()
            writer.execute("DELETE FROM orders")
            await asyncio.sleep(60)
            assert calls == [1]


async def test_a_database_and_a_table_may_come_later(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    async with running(path, clock, feed) as table:
        (shard,) = await table.shards()
        start = await table.start(shard.shard_id, LATEST)
        await asyncio.sleep(60)
        assert notices == [("warning", f"waiting for the database {path}")]
        write(path, "CREATE TABLE other (a)")
        await asyncio.sleep(60)
        assert notices[1:] == [("warning", f"waiting for the table orders in {path}")]
        write(path, ORDERS, "INSERT INTO orders VALUES (1, 'first')")
        await asyncio.sleep(60)
        write(path, "INSERT INTO orders VALUES (2, 'second')")
        await asyncio.sleep(60)
        assert [shard] == list(await table.shards())
        records = await read(table, start)
    assert told(records) == [
        ("INSERT", {"id": {"N": "1"}, "item": {"S": "first"}}),
        ("INSERT", {"id": {"N": "2"}, "item": {"S": "second"}}),
    ]
    text = f"orders in {path}: a new table: its changes are captured, beginning with the row in it"
    assert notices[2:] == [("info", text)]


async def test_a_table_that_is_ready_locks_its_database_for_nothing_more(
    path: Path, clock: Clock, feed: Feed
) -> None:
    write(path, ORDERS)
    with closing(sqlite3.connect(path)) as other:

        def version() -> int:  # changes when somebody else commits
            return int(other.execute("PRAGMA data_version").fetchone()[0])

        async with running(path, clock, feed):
            at_first = version()
            await clock.idle()
            assert version() == at_first


async def test_what_is_in_a_table_at_first_sight_is_no_change(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS, "INSERT INTO orders VALUES (1, 'there')")
    async with running(path, clock, feed) as table:
        assert await read(table) == []


async def test_changes_while_nothing_was_running_are_read_later(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed):
        pass
    write(path, "INSERT INTO orders VALUES (1, 'meanwhile')")
    async with running(path, clock, feed) as table:
        assert [name for name, _ in told(await read(table))] == ["INSERT"]


async def test_another_file_in_the_place_of_the_database_is_captured(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, 'x')")
        await asyncio.sleep(60)
        (first,) = await read(table)
        other = path.with_name("other.db")
        write(other, ORDERS, "INSERT INTO orders VALUES (7, 'there')")
        other.replace(path)
        await asyncio.sleep(60)
        write(path, "DELETE FROM orders")
        await asyncio.sleep(60)
        (second,) = await read(table, first.position)
        assert second.record["eventName"] == "REMOVE"
        path.unlink()
        await asyncio.sleep(60)
        assert notices[-1] == ("warning", f"waiting for the database {path}")
        assert await read(table) == []
        write(path, ORDERS, "INSERT INTO orders VALUES (8, 'new')")
        await asyncio.sleep(60)
        (third,) = await read(table, second.position)
        assert third.record["eventName"] == "INSERT"


async def test_an_older_copy_of_the_database_goes_on_behind_what_was_read(
    path: Path, clock: Clock, feed: Feed
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed):
        pass
    copy = path.read_bytes()
    write(path, *(f"INSERT INTO orders VALUES ({number}, 'x')" for number in range(9)))
    async with running(path, clock, feed) as table:
        read_up_to = (await read(table))[-1].position
    path.write_bytes(copy)
    async with running(path, clock, feed) as table:
        await asyncio.sleep(60)
        write(path, "INSERT INTO orders VALUES (1, 'after')")
        assert len(await read(table, read_up_to)) == 1


async def test_columns_may_come_and_go(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, 'a')", "ALTER TABLE orders ADD COLUMN note JSON")
        write(path, "INSERT INTO orders VALUES (2, 'b', '[1]')")
        await asyncio.sleep(60)
        write(path, "ALTER TABLE orders DROP COLUMN item", "INSERT INTO orders VALUES (3, '[2]')")
        images = [image for _, image in told(await read(table))]
    assert images == [
        {"id": {"N": "1"}, "item": {"S": "a"}},
        {"id": {"N": "2"}, "item": {"S": "b"}, "note": {"L": [{"N": "1"}]}},
        {"id": {"N": "3"}, "note": {"L": [{"N": "2"}]}},
    ]


async def test_a_file_that_is_no_database_is_told_once_and_tried_again(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    path.write_text("this is not a database, however long it may be\n" * 100)
    async with running(path, clock, feed) as table:
        await asyncio.sleep(60)
        text = f"cannot use the database {path}: file is not a database; trying again"
        assert notices == [("error", text)]
        assert await read(table) == []
        path.unlink()
        write(path, ORDERS)
        await asyncio.sleep(60)
        write(path, "INSERT INTO orders VALUES (1, 'x')")
        assert len(await read(table)) == 1


async def test_a_table_that_cannot_be_captured_is_told_of(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    write(path, ORDERS, "INSERT INTO orders VALUES (1, 'x')")
    async with running(path, clock, feed, key=["item"]) as table:
        await asyncio.sleep(60)
        ((level, text),) = notices
        assert level == "error"
        assert text.startswith("cannot be captured: key: item does not tell the rows of orders apart")
        write(path, "CREATE UNIQUE INDEX i ON orders (item)")
        await asyncio.sleep(60)
        write(path, "UPDATE orders SET item = 'y'")
        assert [record.key for record in await read(table)] == ['{"item":{"S":"x"}}', '{"item":{"S":"y"}}']
        write(path, "DROP INDEX i")
        await asyncio.sleep(60)
        assert notices[-1] == (level, text)
        write(path, "ALTER TABLE orders DROP COLUMN item")


async def test_a_locked_database_is_captured_when_it_is_free(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    write(path, ORDERS)
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        async with running(path, clock, feed) as table:
            text = f"the database {path} is locked by another program: waiting for it"
            assert notices == [("warning", text)]
            writer.execute("COMMIT")
            await asyncio.sleep(60)
            writer.execute("INSERT INTO orders VALUES (1, 'x')")
            assert len(await read(table)) == 1


async def test_listeners_are_called_when_a_read_was_prevented(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, 'x')")
        await asyncio.sleep(60)
        calls: list[int] = []
        table.listen(lambda: calls.append(1))
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("BEGIN EXCLUSIVE")
            assert await read(table) == []
            assert calls == []
            writer.execute("ROLLBACK")
        await asyncio.sleep(60)
        assert calls == [1]
        assert len(await read(table)) == 1


async def test_records_are_kept_for_a_day(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, *(f"INSERT INTO orders VALUES ({number}, 'x')" for number in range(2500)))
        await asyncio.sleep(23 * 3600)
        write(path, "DELETE FROM orders WHERE id = 1")
        records = await read(table, limit=10_000)
        assert len(records) == 2501
        await asyncio.sleep(3 * 3600)
        assert [record.record["eventName"] for record in await read(table)] == ["REMOVE"]
        await asyncio.sleep(25 * 3600)
        assert await read(table) == []
        write(path, "DELETE FROM orders WHERE id = 2")
        (last,) = await read(table)
        assert last.position > records[-1].position
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM headrace_orders_log").fetchone()[0] <= 3


async def test_in_simulated_time_a_change_happens_when_it_is_noticed(
    path: Path, clock: Clock, feed: Feed
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        await asyncio.sleep(600)
        write(path, "INSERT INTO orders VALUES (1, 'x')")
        await read(table)  # before time goes on: the watch is one of real files, and may need a moment
        await asyncio.sleep(600)
        write(path, "INSERT INTO orders VALUES (2, 'x')")
        await read(table)
        await asyncio.sleep(600)
        again = [await read(table), await read(table)]
    assert again[0] == again[1]
    arrived = [(record.arrived_at - VIRTUAL_START).total_seconds() for record in again[0]]
    assert arrived == [pytest.approx(600, abs=2), pytest.approx(1200, abs=2)]
    stamp = again[0][0].record["dynamodb"]["ApproximateCreationDateTime"]
    assert isinstance(stamp, float)
    assert stamp == int(again[0][0].arrived_at.timestamp())


async def test_what_dynamodb_does_not_have_is_told_once(
    path: Path, clock: Clock, feed: Feed, notices: list[tuple[str, str]]
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, 9e999), (2, -9e999)")
        assert told(await read(table)) == [("INSERT", {"id": {"N": "1"}}), ("INSERT", {"id": {"N": "2"}})]
        await read(table)
    assert [text for level, text in notices if level == "warning"] == [
        "orders.item holds a number that DynamoDB does not have, such as infinity: records are without it"
    ]


async def test_text_that_is_not_utf8_is_read_as_well_as_it_can_be(
    path: Path, clock: Clock, feed: Feed
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, CAST(x'61ff62' AS TEXT)), (2, 'ä')")
        images = [image["item"] for _, image in told(await read(table))]
    assert images == [{"S": "a�b"}, {"S": "ä"}]


async def test_a_page_has_about_ten_megabytes_at_most(path: Path, clock: Clock, feed: Feed) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, *(f"INSERT INTO orders VALUES ({number}, zeroblob(100000))" for number in range(500)))
        first = await read(table)
        rest = await read(table, first[-1].position)
    assert 100 <= len(first) <= 210
    assert rest[0].position == first[-1].position + 1


async def test_a_table_that_has_stopped_gives_nothing_and_opens_nothing(
    path: Path, clock: Clock, feed: Feed
) -> None:
    write(path, ORDERS)
    async with running(path, clock, feed) as table:
        write(path, "INSERT INTO orders VALUES (1, 'x')")
        assert len(await read(table)) == 1
    assert await read(table) == []
    assert table._database._connection is None
