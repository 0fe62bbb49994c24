"""Tables, their streams, time to live and tags on the endpoint."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.feed import Feed
from engine.mapping.source import StartingPosition
from engine.store.database import Store
from tests.fakes.running_tables import RunningTables, running_tables
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.tables import DATABASE

NEW_AND_OLD = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
THINGS: dict[str, Any] = {
    "TableName": "things",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
ARN = Account().table("things")


@pytest.fixture
async def there(tmp_path: Path, clock: Clock, store: Store, feed: Feed) -> AsyncIterator[RunningTables]:
    connection = sqlite3.connect(tmp_path / "mine.db")
    connection.execute("CREATE TABLE mine (id TEXT PRIMARY KEY, until INTEGER)")
    connection.close()
    settings = {"mine": TableSettings(database=tmp_path / "mine.db")}
    async with running_tables(tmp_path, clock, store, feed, settings) as there:
        yield there


async def refused(there: RunningTables, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        await there.call(operation, **parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


async def described(there: RunningTables, table: str = "things") -> dict[str, Any]:
    answer: dict[str, Any] = (await there.call("describe_table", TableName=table))["Table"]
    return answer


async def put(there: RunningTables, *ids: str, **attributes: Any) -> None:
    for each in ids:
        await there.call("put_item", TableName="things", Item={"id": {"S": each}, **attributes})


async def records(there: RunningTables, kind: str = "TRIM_HORIZON", **more: Any) -> list[dict[str, Any]]:
    arn = (await described(there))["LatestStreamArn"]
    shards = (await there.call("describe_stream", StreamArn=arn))["StreamDescription"]["Shards"]
    iterator = await there.call(
        "get_shard_iterator",
        StreamArn=arn,
        ShardId=shards[0]["ShardId"],
        ShardIteratorType=kind,
        **more,
    )
    found: list[dict[str, Any]] = (await there.call("get_records", ShardIterator=iterator["ShardIterator"]))[
        "Records"
    ]
    return found


async def test_a_table_is_made_described_and_removed(there: RunningTables) -> None:
    made = await there.call("create_table", **THINGS, Tags=[{"Key": "team", "Value": "a"}])
    assert made["TableDescription"]["TableStatus"] == "CREATING"
    for waiter in ("table_exists", "table_not_exists"):
        await there.run(lambda waiter=waiter: there.client.get_waiter(waiter).wait(TableName="things"))
        if waiter == "table_exists":
            await put(there, "a", "b")
            table = await described(there)
            assert (table["TableStatus"], table["ItemCount"], table["TableArn"]) == ("ACTIVE", 2, ARN)
            assert table["KeySchema"] == THINGS["KeySchema"]
            assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
            assert (await there.call("list_tables"))["TableNames"] == ["mine", "things"]
            tags = (await there.call("list_tags_of_resource", ResourceArn=ARN))["Tags"]
            assert tags == [{"Key": "team", "Value": "a"}]
            deleted = await there.call("delete_table", TableName="things")
            assert deleted["TableDescription"]["TableStatus"] == "DELETING"
    assert (await refused(there, "describe_table", TableName="things"))[1] == (
        "Requested resource not found: Table: things not found"
    )
    await there.call("create_table", **THINGS)
    assert (await described(there))["ItemCount"] == 0


async def test_a_configured_table_belongs_to_the_file(there: RunningTables) -> None:
    table = await described(there, "mine")
    assert table["AttributeDefinitions"] == [{"AttributeName": "id", "AttributeType": "S"}]
    assert table["StreamSpecification"] == NEW_AND_OLD
    code, text = await refused(there, "delete_table", TableName="mine")
    assert (code, text) == (
        "ValidationException",
        "Table mine is declared by headrace.toml: it can only be deleted there",
    )
    again = {**THINGS, "TableName": "mine"}
    assert await refused(there, "create_table", **again) == (
        "ResourceInUseException",
        "Table already exists: mine",
    )


INVALID = "One or more parameter values were invalid: "


async def test_tables_that_cannot_be_made(there: RunningTables) -> None:
    index = {
        "IndexName": "by_kind",
        "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    cases: dict[str, tuple[dict[str, Any], str]] = {
        "a name too short": (
            {"TableName": "ab"},
            "TableName must be at least 3 characters long and at most 255 characters long",
        ),
        "an attribute that is not defined": (
            {"KeySchema": [{"AttributeName": "x", "KeyType": "HASH"}]},
            (
                f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [x], "
                "AttributeDefinitions: [id]"
            ),
        ),
        "a sort key first": (
            {"KeySchema": [{"AttributeName": "id", "KeyType": "RANGE"}]},
            "Invalid KeySchema: The first KeySchemaElement is not a HASH key type",
        ),
        "capacity without a need for it": (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            (
                f"{INVALID}Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when "
                "BillingMode is PAY_PER_REQUEST"
            ),
        ),
        "an index on nothing": (
            {"GlobalSecondaryIndexes": [index]},
            (
                f"{INVALID}Some index key attributes are not defined in AttributeDefinitions. Keys: [kind], "
                "AttributeDefinitions: [id]"
            ),
        ),
        "a stream without a view": (
            {"StreamSpecification": {"StreamEnabled": True}},
            f"{INVALID}StreamViewType is required when StreamEnabled is true",
        ),
        "another billing mode": (
            {"BillingMode": "FREE"},
            (
                "1 validation error detected: Value 'FREE' at 'billingMode' failed to satisfy constraint: "
                "Member must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]"
            ),
        ),
        "what is not simulated": (
            {"ResourcePolicy": "{}"},
            "ResourcePolicy is not simulated by Headrace.",
        ),
    }
    answers = {
        sentence: await refused(there, "create_table", **{**THINGS, **changed})
        for sentence, (changed, _) in cases.items()
    }
    assert answers == {sentence: ("ValidationException", text) for sentence, (_, text) in cases.items()}


async def test_an_index_made_later_finds_what_was_there(there: RunningTables) -> None:
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    await put(there, "a", kind={"S": "x"}, rest={"N": "1"})
    await put(there, "b", kind={"N": "5"})
    await there.call(
        "update_table",
        TableName="things",
        AttributeDefinitions=[
            *THINGS["AttributeDefinitions"],
            {"AttributeName": "kind", "AttributeType": "S"},
        ],
        GlobalSecondaryIndexUpdates=[
            {
                "Create": {
                    "IndexName": "by_kind",
                    "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            }
        ],
    )
    found = await there.call(
        "query",
        TableName="things",
        IndexName="by_kind",
        KeyConditionExpression="kind = :x",
        ExpressionAttributeValues={":x": {"S": "x"}},
    )
    assert found["Items"] == [{"id": {"S": "a"}, "kind": {"S": "x"}, "rest": {"N": "1"}}]
    assert (await there.call("scan", TableName="things"))["Items"][1]["kind"] == {"N": "5"}
    assert [record["eventName"] for record in await records(there)] == ["INSERT", "INSERT"]
    await put(there, "a", kind={"S": "y"})
    last = (await records(there))[-1]["dynamodb"]
    assert (last["OldImage"]["kind"], last["NewImage"]["kind"]) == ({"S": "x"}, {"S": "y"})
    removal: Any = [{"Delete": {"IndexName": "by_kind"}}]
    await there.call("update_table", TableName="things", GlobalSecondaryIndexUpdates=removal)
    table = await described(there)
    assert "GlobalSecondaryIndexes" not in table
    assert table["AttributeDefinitions"] == THINGS["AttributeDefinitions"]


async def test_every_write_is_in_the_stream(there: RunningTables) -> None:
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    await put(there, "a", n={"N": "1"})
    await put(there, "a", n={"N": "1"})
    await there.call(
        "update_item",
        TableName="things",
        Key={"id": {"S": "a"}},
        UpdateExpression="SET n = n + n, s = :s",
        ExpressionAttributeValues={":s": {"SS": ["x"]}},
    )
    await there.call("delete_item", TableName="things", Key={"id": {"S": "a"}})
    batch = [{"PutRequest": {"Item": {"id": {"S": each}}}} for each in "bc"]
    await there.call("batch_write_item", RequestItems={"things": batch})
    await there.call(
        "transact_write_items",
        TransactItems=[{"Delete": {"TableName": "things", "Key": {"id": {"S": "b"}}}}],
    )
    found = await records(there)
    assert [(each["eventName"], each["dynamodb"]["Keys"]["id"]["S"]) for each in found] == [
        ("INSERT", "a"),
        ("MODIFY", "a"),
        ("REMOVE", "a"),
        ("INSERT", "b"),
        ("INSERT", "c"),
        ("REMOVE", "b"),
    ]
    changed = found[1]["dynamodb"]
    assert changed["OldImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
    assert changed["NewImage"] == {"id": {"S": "a"}, "n": {"N": "2"}, "s": {"SS": ["x"]}}
    assert changed["SizeBytes"] == 3 + 6 + 8
    third = found[2]["dynamodb"]["SequenceNumber"]
    assert len(await records(there, "AFTER_SEQUENCE_NUMBER", SequenceNumber=third)) == 3
    assert len(await records(there, "AT_SEQUENCE_NUMBER", SequenceNumber=third)) == 4
    assert await records(there, "LATEST") == []


async def test_a_write_wakes_who_reads_the_stream(there: RunningTables) -> None:
    heard: list[str] = []
    there.tables.listen(heard.append)
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    table = there.tables["things"]
    assert heard == [table.arn]
    (shard,) = await table.shards()
    start = await table.start(shard.shard_id, StartingPosition("LATEST"))
    woken = asyncio.Event()
    table.listen(woken.set)
    await put(there, "a")
    async with asyncio.timeout(1):
        await woken.wait()
    page = await table.read(shard.shard_id, start, 10)
    assert [record.record["eventName"] for record in page.records] == ["INSERT"]


async def test_a_stream_goes_and_comes_again_as_another(there: RunningTables) -> None:
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    first = (await described(there))["LatestStreamArn"]
    on = await refused(there, "update_table", TableName="things", StreamSpecification=NEW_AND_OLD)
    assert on[1] == "Table already has an enabled stream: TableName: things"
    await put(there, "a")
    await there.call("update_table", TableName="things", StreamSpecification={"StreamEnabled": False})
    assert "LatestStreamArn" not in await described(there)
    assert await refused(there, "describe_stream", StreamArn=first) == (
        "ResourceNotFoundException",
        f"Requested resource not found: Stream: {first} not found",
    )
    await asyncio.sleep(1)
    await there.call("update_table", TableName="things", StreamSpecification=NEW_AND_OLD)
    assert (await described(there))["LatestStreamArn"] > first
    assert await records(there) == []
    listed = await there.call("list_streams", TableName="things")
    assert [stream["TableName"] for stream in listed["Streams"]] == ["things"]


async def test_an_iterator_expires(there: RunningTables) -> None:
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    arn = (await described(there))["LatestStreamArn"]
    shard = (await there.call("describe_stream", StreamArn=arn))["StreamDescription"]["Shards"][0]
    iterator = (
        await there.call(
            "get_shard_iterator", StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="LATEST"
        )
    )["ShardIterator"]
    await put(there, "a")
    answer = await there.call("get_records", ShardIterator=iterator)
    assert len(answer["Records"]) == 1
    assert (await there.call("get_records", ShardIterator=answer["NextShardIterator"]))["Records"] == []
    await asyncio.sleep(timedelta(minutes=16).total_seconds())
    assert (await refused(there, "get_records", ShardIterator=iterator))[0] == "ExpiredIteratorException"
    assert (await refused(there, "get_records", ShardIterator="nonsense"))[0] == "ValidationException"


@pytest.mark.parametrize("table", ["things", "mine"])
async def test_items_expire(there: RunningTables, clock: Clock, table: str) -> None:
    await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
    later = to_millis(clock.now()) // 1000 + 90
    for name, until in {"soon": later, "late": later + 3600, "never": 5}.items():
        item = {"id": {"S": name}, "until": {"N": str(until)}}
        await there.call("put_item", TableName=table, Item=item)
    expiry = {"Enabled": True, "AttributeName": "until"}
    await there.call("update_time_to_live", TableName=table, TimeToLiveSpecification=expiry)
    await asyncio.sleep(60)
    assert (await there.call("scan", TableName=table))["Count"] == 3
    await asyncio.sleep(100)
    assert {item["id"]["S"] for item in (await there.call("scan", TableName=table))["Items"]} == {
        "late",
        "never",
    }
    stream = there.tables[table]
    (shard,) = await stream.shards()
    last = (await stream.read(shard.shard_id, 0, 100)).records[-1].record
    assert (last["eventName"], last["dynamodb"]["Keys"]) == ("REMOVE", {"id": {"S": "soon"}})
    assert last["userIdentity"] == {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    if table == "things":
        shown = (await records(there))[-1]
        assert shown["userIdentity"] == {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}
    assert await there.call("describe_time_to_live", TableName=table) == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "until"}
    }
    again = await refused(there, "update_time_to_live", TableName=table, TimeToLiveSpecification=expiry)
    assert again == ("ValidationException", "TimeToLive is already enabled")
    off = {"Enabled": False, "AttributeName": "until"}
    await there.call("update_time_to_live", TableName=table, TimeToLiveSpecification=off)
    await asyncio.sleep(7200)
    assert (await there.call("scan", TableName=table))["Count"] == 2


async def test_tags_are_kept_of_every_table(there: RunningTables) -> None:
    arn = Account().table("mine")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    await there.call("tag_resource", ResourceArn=arn, Tags=tags)
    await there.call("untag_resource", ResourceArn=arn, TagKeys=["a"])
    assert (await there.call("list_tags_of_resource", ResourceArn=arn))["Tags"] == tags[1:]


async def test_tables_are_there_after_a_restart(
    tmp_path: Path, clock: Clock, store: Store, feed: Feed
) -> None:
    expiry = {"Enabled": True, "AttributeName": "until"}
    async with running_tables(tmp_path, clock, store, feed) as there:
        await there.call("create_table", **THINGS, StreamSpecification=NEW_AND_OLD)
        await there.call("update_time_to_live", TableName="things", TimeToLiveSpecification=expiry)
        await put(there, "a", until={"N": str(to_millis(clock.now()) // 1000 + 600)})
        before = await described(there)
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("INSERT INTO things (id) VALUES ('by hand')")
    connection.commit()
    connection.close()
    async with running_tables(tmp_path, clock, store, feed) as there:
        after = await described(there)
        assert {**after, "ItemCount": 1, "TableSizeBytes": 0} == {**before, "TableSizeBytes": 0}
        assert [each["dynamodb"]["Keys"]["id"]["S"] for each in await records(there)] == ["a", "by hand"]
        await asyncio.sleep(700)
        assert (await there.call("scan", TableName="things"))["Items"] == [{"id": {"S": "by hand"}}]


async def test_a_removed_database_is_an_empty_one(there: RunningTables, tmp_path: Path) -> None:
    await there.call("create_table", **THINGS)
    await put(there, "a")
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"{DATABASE}{suffix}").unlink(missing_ok=True)
    assert (await there.call("scan", TableName="things"))["Count"] == 0
    await put(there, "b")
    assert (await there.call("scan", TableName="things"))["Count"] == 1
