"""Items on the endpoint: boto3 and a plain client."""

import json
import sqlite3
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from boto3.dynamodb.conditions import Attr, Key
from boto3.dynamodb.types import Binary
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from tests.fakes.running_tables import RunningTables, running_tables
from triggers.dynamodb.items.value_check import INVALID
from triggers.dynamodb.settings import TableSettings
from triggers.dynamodb.tables import DATABASE

USERS = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'nobody', height REAL, tags "STRING SET", prefs JSON,
    active BOOLEAN, initial TEXT GENERATED ALWAYS AS (substr(name, 1, 1)) VIRTUAL, city TEXT
);
CREATE INDEX by_city ON users (city);
"""
ORDERS = {
    "TableName": "orders",
    "KeySchema": [
        {"AttributeName": "customer", "KeyType": "HASH"},
        {"AttributeName": "number", "KeyType": "RANGE"},
    ],
    "AttributeDefinitions": [
        {"AttributeName": "customer", "AttributeType": "S"},
        {"AttributeName": "number", "AttributeType": "N"},
        {"AttributeName": "state", "AttributeType": "S"},
        {"AttributeName": "total", "AttributeType": "N"},
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by_state",
            "KeySchema": [
                {"AttributeName": "state", "KeyType": "HASH"},
                {"AttributeName": "total", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }
    ],
    "LocalSecondaryIndexes": [
        {
            "IndexName": "by_total",
            "KeySchema": [
                {"AttributeName": "customer", "KeyType": "HASH"},
                {"AttributeName": "total", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["note"]},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
EVERYTHING: dict[str, Any] = {
    "customer": "ann",
    "number": Decimal(1),
    "text": "x\x00é",
    "empty": "",
    "digits": Decimal("1234567890.1234567890123456789012345678"),
    "small": Decimal("1E-130"),
    "bytes": Binary(b"\x00\xff"),
    "yes": True,
    "nothing": None,
    "list": [Decimal(1), "a", [Binary(b"b")]],
    "map": {"deep": {"er": {"x", "y"}}},
    "numbers": {Decimal(1), Decimal("2.5")},
    "binaries": {Binary(b"a"), Binary(b"b")},
    "dynamodb_json": "not the column",
}


@pytest.fixture
async def there(tmp_path: Path, clock: Clock, store: Store, feed: Feed) -> AsyncIterator[RunningTables]:
    connection = sqlite3.connect(tmp_path / "users.db")
    connection.executescript(USERS)
    connection.close()
    settings = TableSettings.model_validate(
        {
            "database": tmp_path / "users.db",
            "global_secondary_indexes": {"by_city": {"key": ["city", "height"]}},
        }
    )
    async with running_tables(tmp_path, clock, store, feed, {"users": settings}) as there:
        await there.call("create_table", **ORDERS)
        yield there


async def refused(there: RunningTables, operation: str, **parameters: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        await there.call(operation, **parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def key(customer: str, number: object) -> dict[str, Any]:
    return {"customer": {"S": customer}, "number": {"N": str(number)}}


def order(customer: str, number: object, **attributes: Any) -> dict[str, Any]:
    return {**key(customer, number), **attributes}


async def put(there: RunningTables, *items: dict[str, Any]) -> None:
    for item in items:
        await there.call("put_item", TableName="orders", Item=item)


async def test_what_is_put_comes_back_as_it_was(there: RunningTables) -> None:
    table = there.resource.Table("orders")
    await there.run(lambda: table.put_item(Item=EVERYTHING))
    answer = await there.run(lambda: table.get_item(Key={"customer": "ann", "number": 1}))
    assert answer["Item"] == EVERYTHING
    missing = await there.call("get_item", TableName="orders", Key=key("ann", 2))
    assert "Item" not in missing


async def test_a_number_is_the_same_key_however_it_is_written(there: RunningTables) -> None:
    await put(there, order("ann", "1.50", note={"S": "first"}), order("ann", "15e-1", note={"S": "second"}))
    answer = await there.call("query", **all_of("ann"))
    assert [item["note"]["S"] for item in answer["Items"]] == ["second"]
    assert answer["Items"][0]["number"] == {"N": "1.5"}


def all_of(customer: str, **more: Any) -> dict[str, Any]:
    return {
        "TableName": "orders",
        "KeyConditionExpression": "customer = :c",
        "ExpressionAttributeValues": {":c": {"S": customer}},
        **more,
    }


@pytest.mark.parametrize(
    ("returned", "expected"),
    [
        ("NONE", None),
        ("ALL_OLD", {"count": {"N": "1"}, "m": {"M": {"a": {"S": "x"}, "b": {"S": "y"}}}}),
        ("UPDATED_OLD", {"count": {"N": "1"}, "m": {"M": {"a": {"S": "x"}}}}),
        ("ALL_NEW", {"count": {"N": "2"}, "m": {"M": {"a": {"S": "z"}, "b": {"S": "y"}}}}),
        ("UPDATED_NEW", {"count": {"N": "2"}, "m": {"M": {"a": {"S": "z"}}}}),
    ],
)
async def test_an_update_returns_what_was_asked_for(
    there: RunningTables, returned: str, expected: dict[str, Any] | None
) -> None:
    before = {"count": {"N": "1"}, "m": {"M": {"a": {"S": "x"}, "b": {"S": "y"}}}}
    await put(there, order("ann", 1, **before))
    answer = await there.call(
        "update_item",
        TableName="orders",
        Key=key("ann", 1),
        UpdateExpression="SET #c = #c + :one, m.a = :z",
        ExpressionAttributeNames={"#c": "count"},
        ExpressionAttributeValues={":one": {"N": "1"}, ":z": {"S": "z"}},
        ReturnValues=returned,
    )
    if expected is not None and returned.startswith("ALL"):
        expected = order("ann", 1, **expected)
    assert answer.get("Attributes") == expected


async def test_an_update_makes_what_is_not_there(there: RunningTables) -> None:
    await there.call("update_item", TableName="orders", Key=key("new", 1))
    answer = await there.call("get_item", TableName="orders", Key=key("new", 1))
    assert answer["Item"] == key("new", 1)


async def test_conditions_guard_every_write(there: RunningTables) -> None:
    await put(there, order("ann", 1, note={"S": "there"}))
    guard = {"ConditionExpression": "attribute_not_exists(customer)"}
    failed = ("ConditionalCheckFailedException", "The conditional request failed")
    item = order("ann", 1)
    assert await refused(there, "put_item", TableName="orders", Item=item, **guard) == failed
    assert await refused(there, "delete_item", TableName="orders", Key=key("ann", 1), **guard) == failed
    assert await refused(there, "update_item", TableName="orders", Key=key("ann", 1), **guard) == failed
    with pytest.raises(ClientError) as caught:
        await there.call(
            "put_item", TableName="orders", Item=item, ReturnValuesOnConditionCheckFailure="ALL_OLD", **guard
        )
    assert caught.value.response["Item"] == order("ann", 1, note={"S": "there"})  # type: ignore[typeddict-item]
    deleted = await there.call(
        "delete_item",
        TableName="orders",
        Key=key("ann", 1),
        ConditionExpression="note = :n",
        ExpressionAttributeValues={":n": {"S": "there"}},
        ReturnValues="ALL_OLD",
    )
    assert deleted["Attributes"] == order("ann", 1, note={"S": "there"})


async def test_a_query_goes_on_where_a_page_ended(there: RunningTables) -> None:
    await put(there, *(order("ann", n, note={"S": str(n)}) for n in range(7)), order("bob", 1))
    found: list[str] = []
    start: dict[str, Any] = {}
    while True:
        page = await there.call("query", **all_of("ann", Limit=3, ScanIndexForward=False, **start))
        found += [item["number"]["N"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    counted = await there.call(
        "query",
        **all_of("ann", Select="COUNT", FilterExpression="note > :n")
        | {"ExpressionAttributeValues": {":c": {"S": "ann"}, ":n": {"S": "4"}}},
    )
    assert counted == {"Count": 2, "ScannedCount": 7}


async def test_indexes_are_sparse_sorted_and_show_what_they_hold(there: RunningTables) -> None:
    await put(
        there,
        order("ann", 1, state={"S": "open"}, total={"N": "20"}, note={"S": "a"}, more={"S": "x"}),
        order("ann", 2, state={"S": "open"}, total={"N": "3.5"}),
        order("bob", 3, state={"S": "open"}),
        order("bob", 4, state={"S": "done"}, total={"N": "1"}),
    )
    table = there.resource.Table("orders")
    query = {"IndexName": "by_state", "KeyConditionExpression": Key("state").eq("open")}
    found = await there.run(lambda: table.query(**query))
    assert [item["total"] for item in found["Items"]] == [Decimal("3.5"), 20]
    assert set(found["Items"][1]) == {"customer", "number", "state", "total"}
    scanned = await there.run(lambda: table.scan(IndexName="by_state"))
    assert scanned["Count"] == 3
    local = {
        "IndexName": "by_total",
        "KeyConditionExpression": Key("customer").eq("ann") & Key("total").gt(10),
    }
    held = await there.run(lambda: table.query(**local))
    assert held["Items"][0]["note"] == "a"
    assert "more" not in held["Items"][0]
    whole = await there.run(lambda: table.query(Select="ALL_ATTRIBUTES", **local))
    assert whole["Items"][0]["more"] == "x"


async def test_a_scan_is_filtered_and_divided(there: RunningTables) -> None:
    await put(there, *(order(f"c{n}", n, even={"BOOL": n % 2 == 0}) for n in range(20)))
    table = there.resource.Table("orders")
    even = await there.run(lambda: table.scan(FilterExpression=Attr("even").eq(True)))
    assert (even["Count"], even["ScannedCount"]) == (10, 20)
    counts = [
        (await there.call("scan", TableName="orders", Segment=n, TotalSegments=3))["Count"] for n in range(3)
    ]
    assert sum(counts) == 20
    assert all(counts)


async def test_batches(there: RunningTables) -> None:
    table = there.resource.Table("orders")

    def write() -> None:
        with table.batch_writer() as batch:
            for number in range(60):
                batch.put_item(Item={"customer": "ann", "number": number})
            batch.delete_item(Key={"customer": "ann", "number": 0})

    await there.run(write)
    keys = [key("ann", number) for number in (3, 4, 0)]
    number_alone = {"ProjectionExpression": "#n", "ExpressionAttributeNames": {"#n": "number"}}
    answer = await there.call(
        "batch_get_item",
        RequestItems={"orders": {"Keys": keys, **number_alone}},
        ReturnConsumedCapacity="TOTAL",
    )
    assert answer["Responses"] == {"orders": [{"number": {"N": "3"}}, {"number": {"N": "4"}}]}
    assert answer["ConsumedCapacity"] == [{"TableName": "orders", "CapacityUnits": 1.5}]
    twice = {
        "orders": [{"DeleteRequest": {"Key": key("ann", 1)}}, {"PutRequest": {"Item": order("ann", "1.0")}}]
    }
    assert await refused(there, "batch_write_item", RequestItems=twice) == (
        "ValidationException",
        "Provided list of item keys contains duplicates",
    )
    assert (await there.call("scan", TableName="orders", Select="COUNT"))["Count"] == 59


async def test_a_transaction_is_done_whole_or_not_at_all(there: RunningTables) -> None:
    user = {"id": {"N": "1"}, "name": {"S": "Ann"}}
    actions = [
        {"Put": {"TableName": "orders", "Item": order("ann", 1)}},
        {"Put": {"TableName": "users", "Item": user}},
        {
            "ConditionCheck": {
                "TableName": "orders",
                "Key": key("ann", 2),
                "ConditionExpression": "attribute_exists(customer)",
            }
        },
    ]
    with pytest.raises(ClientError) as caught:
        await there.call("transact_write_items", TransactItems=actions)
    response: Any = caught.value.response
    assert response["Error"]["Message"] == (
        "Transaction cancelled, please refer cancellation reasons for specific reasons "
        "[None, None, ConditionalCheckFailed]"
    )
    assert response["CancellationReasons"][2]["Message"] == "The conditional request failed"
    gets = [
        {"Get": {"TableName": "orders", "Key": key("ann", 1)}},
        {"Get": {"TableName": "users", "Key": {"id": {"N": "1"}}}},
    ]
    assert (await there.call("transact_get_items", TransactItems=gets))["Responses"] == [{}, {}]
    await put(there, order("ann", 2))
    await there.call("transact_write_items", TransactItems=actions)
    found = await there.call("transact_get_items", TransactItems=gets)
    assert found["Responses"][0]["Item"] == order("ann", 1)
    assert found["Responses"][1]["Item"]["name"] == {"S": "Ann"}


async def test_a_transaction_of_a_token_is_done_once(there: RunningTables) -> None:
    update = {
        "Update": {
            "TableName": "orders",
            "Key": key("ann", 1),
            "UpdateExpression": "ADD times :one",
            "ExpressionAttributeValues": {":one": {"N": "1"}},
        }
    }
    for _ in range(2):
        await there.call("transact_write_items", TransactItems=[update], ClientRequestToken="once")
    found = await there.call("get_item", TableName="orders", Key=key("ann", 1))
    assert found["Item"]["times"] == {"N": "1"}
    other = [{"Delete": {"TableName": "orders", "Key": key("ann", 1)}}]
    code, _ = await refused(there, "transact_write_items", TransactItems=other, ClientRequestToken="once")
    assert code == "IdempotentParameterMismatchException"


async def test_a_row_is_an_item_and_an_item_is_a_row(there: RunningTables, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "users.db")
    connection.execute(
        "INSERT INTO users VALUES (1, 'Ann', 1.75, '[\"a\"]', '{\"theme\": {\"dark\": true}}', 1, 'Bonn')"
    )
    connection.commit()
    table = there.resource.Table("users")
    answer = await there.run(lambda: table.get_item(Key={"id": 1}))
    ann = {
        "id": 1,
        "name": "Ann",
        "height": Decimal("1.75"),
        "tags": {"a"},
        "prefs": {"theme": {"dark": True}},
        "active": True,
        "initial": "A",
        "city": "Bonn",
    }
    assert answer["Item"] == ann
    bob = {"id": 2, "name": "Bob", "height": Decimal(2), "prefs": ["x", Decimal("0.1")], "city": "Bonn"}
    await there.run(lambda: table.put_item(Item=bob))
    rows = connection.execute("SELECT * FROM users WHERE id = 2").fetchall()
    assert rows == [(2, "Bob", 2.0, None, '["x", 0.1]', None, "B", "Bonn")]
    await there.run(
        lambda: table.update_item(
            Key={"id": 1},
            UpdateExpression="SET prefs.theme.dark = :no REMOVE city",
            ExpressionAttributeValues={":no": False},
        )
    )
    assert connection.execute("SELECT prefs, city FROM users WHERE id = 1").fetchall() == [
        ('{"theme": {"dark": false}}', None)
    ]
    query = {"IndexName": "by_city", "KeyConditionExpression": Key("city").eq("Bonn")}
    assert [item["id"] for item in (await there.run(lambda: table.query(**query)))["Items"]] == [2]
    connection.close()


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        pytest.param(
            {"id": {"N": "1"}, "colour": {"S": "red"}},
            "The table users has no column colour: add one, or a column dynamodb_json for all attributes "
            "that have none",
            id="an attribute without a column",
        ),
        pytest.param(
            {"id": {"N": "1"}, "name": {"N": "5"}},
            "The column name of users, which is declared TEXT, cannot hold this value of type N as it is",
            id="a number in a text column",
        ),
        pytest.param(
            {"id": {"N": "1.5"}},
            "SQLite refuses the item: datatype mismatch",
            id="a key that is no integer",
        ),
        pytest.param(
            {"id": {"N": "1"}, "initial": {"S": "A"}},
            "The column initial of users is generated: leave it out",
            id="a generated column",
        ),
    ],
)
async def test_what_a_table_of_the_users_own_cannot_hold(
    there: RunningTables, item: dict[str, Any], problem: str
) -> None:
    assert await refused(there, "put_item", TableName="users", Item=item) == ("ValidationException", problem)


async def test_a_column_for_all_other_attributes(there: RunningTables, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "users.db")
    connection.execute("ALTER TABLE users ADD COLUMN dynamodb_json")
    item = {"id": {"N": "1"}, "name": {"N": "5"}, "colour": {"S": "red"}}
    await there.call("put_item", TableName="users", Item=item)
    rows = connection.execute("SELECT name, dynamodb_json FROM users").fetchall()
    assert rows == [("nobody", '{"name":{"N":"5"},"colour":{"S":"red"}}')]
    connection.execute("UPDATE users SET name = NULL WHERE 0")
    found = (await there.call("get_item", TableName="users", Key={"id": {"N": "1"}}))["Item"]
    assert found["colour"] == {"S": "red"}
    connection.close()


async def test_a_column_added_to_a_made_table_holds_its_attribute(
    there: RunningTables, tmp_path: Path
) -> None:
    await put(there, order("ann", 1, colour={"S": "red"}))
    connection = sqlite3.connect(tmp_path / DATABASE)
    connection.execute("ALTER TABLE orders ADD COLUMN colour TEXT")
    await put(there, order("ann", 2, colour={"S": "blue"}), order("ann", 3, colour={"N": "5"}))
    rows = connection.execute("SELECT number, colour, dynamodb_json FROM orders ORDER BY number").fetchall()
    assert rows == [(1, None, '{"colour":{"S":"red"}}'), (2, "blue", None), (3, None, '{"colour":{"N":"5"}}')]
    connection.execute(
        """INSERT INTO orders VALUES ('ann', 4, NULL, NULL, '{"colour": {"S": "old"}}', 'green')"""
    )
    connection.execute("INSERT INTO orders (customer, number, dynamodb_json) VALUES ('ann', 5, 'no JSON')")
    connection.commit()
    connection.close()
    found = (await there.call("query", **all_of("ann")))["Items"]
    assert [item.get("colour") for item in found] == [
        {"S": "red"},
        {"S": "blue"},
        {"N": "5"},
        {"S": "green"},
        None,
    ]
    assert found[4]["dynamodb_json"] == {"S": "no JSON"}


NO_MATCH = "The provided key element does not match the schema"


REFUSED: list[tuple[str, dict[str, Any], str, str, str]] = [
    (
        "get_item",
        {"TableName": "nowhere", "Key": key("a", 1)},
        "ResourceNotFoundException",
        "Requested resource not found",
        "no such table",
    ),
    ("get_item", {"Key": {"customer": {"S": "a"}}}, "", NO_MATCH, "half a key"),
    ("get_item", {"Key": key("a", 1) | {"x": {"S": ""}}}, "", NO_MATCH, "more than a key"),
    (
        "get_item",
        {"Key": {"customer": {"N": "1"}, "number": {"N": "1"}}},
        "",
        NO_MATCH,
        "a key's type",
    ),
    (
        "get_item",
        {"Key": key("", 1)},
        "",
        (
            "One or more parameter values are not valid. The AttributeValue for a key attribute cannot "
            "contain an empty string value. Key: customer"
        ),
        "an empty key",
    ),
    (
        "get_item",
        {"Key": key("x" * 2049, 1)},
        "",
        f"{INVALID}Size of hashkey has exceeded the maximum size limit of2048 bytes",
        "a key too long",
    ),
    (
        "put_item",
        {"Item": {"customer": {"S": "a"}}},
        "",
        f"{INVALID}Missing the key number in the item",
        "an item without its key",
    ),
    (
        "put_item",
        {"Item": {"customer": {"S": "a"}, "number": {"S": "1"}}},
        "",
        f"{INVALID}Type mismatch for key number expected: N actual: S",
        "a key of the wrong type",
    ),
    (
        "put_item",
        {"Item": order("a", 1, state={"N": "1"})},
        "",
        f"{INVALID}Type mismatch for Index Key state Expected: S Actual: N IndexName: by_state",
        "an index key of the wrong type",
    ),
    (
        "put_item",
        {"Item": order("a", 1, x={"S": "x" * 409_600})},
        "",
        "Item size has exceeded the maximum allowed size",
        "an item too large",
    ),
    (
        "put_item",
        {"Item": order("a", 1), "ReturnValues": "ALL_NEW"},
        "",
        "ReturnValues can only be ALL_OLD or NONE",
        "new values of a put",
    ),
    (
        "put_item",
        {"Item": order("a", 1), "Expected": {"x": {"Exists": False}}},
        "",
        "Expected is not simulated by Headrace: use ConditionExpression.",
        "a legacy parameter",
    ),
    (
        "update_item",
        {
            "Key": key("a", 1),
            "UpdateExpression": "SET customer = :x",
            "ExpressionAttributeValues": {":x": {"S": "b"}},
        },
        "",
        f"{INVALID}Cannot update attribute customer. This attribute is part of the key",
        "a key that changes",
    ),
    (
        "query",
        {"KeyConditionExpression": "note = :c", "ExpressionAttributeValues": {":c": {"S": "a"}}},
        "",
        "Query condition missed key schema element: customer",
        "a query without the partition key",
    ),
    (
        "query",
        {"KeyConditionExpression": "customer > :c", "ExpressionAttributeValues": {":c": {"S": "a"}}},
        "",
        "Query key condition not supported",
        "a range of partition keys",
    ),
    (
        "query",
        {
            "KeyConditionExpression": "customer = :c OR customer = :c",
            "ExpressionAttributeValues": {":c": {"S": "a"}},
        },
        "",
        "Invalid operator used in KeyConditionExpression: OR",
        "one key or another",
    ),
    (
        "query",
        {"KeyConditionExpression": "customer = :c", "ExpressionAttributeValues": {":c": {"N": "1"}}},
        "",
        f"{INVALID}Condition parameter type does not match schema type",
        "a key of another type",
    ),
    (
        "query",
        {**all_of("a"), "FilterExpression": "attribute_exists(customer)"},
        "",
        "Filter Expression can only contain non-primary key attributes: Primary key attribute: customer",
        "a filter of keys",
    ),
    (
        "query",
        {**all_of("a"), "IndexName": "nowhere"},
        "",
        "The table does not have the specified index: nowhere",
        "no such index",
    ),
    (
        "scan",
        {"IndexName": "by_state", "ConsistentRead": True},
        "",
        "Consistent reads are not supported on global secondary indexes",
        "consistent reads of an index",
    ),
    (
        "scan",
        {"Segment": 2, "TotalSegments": 2},
        "",
        (
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: 2 "
            "is not less than TotalSegments: 2"
        ),
        "a segment beyond the last",
    ),
    (
        "scan",
        {"ExclusiveStartKey": {"customer": {"S": "a"}}},
        "",
        "The provided starting key is invalid",
        "half a starting key",
    ),
]


async def test_requests_that_are_refused(there: RunningTables) -> None:
    answers, expected = {}, {}
    for operation, parameters, code, problem, sentence in REFUSED:
        answers[sentence] = await refused(there, operation, **{"TableName": "orders", **parameters})
        expected[sentence] = code or "ValidationException", problem
    assert answers == expected


BROKEN = [
    ("GetItem", b"", "ValidationException"),
    ("GetItem", b"[]", "SerializationException"),
    ("GetItem", b"{", "SerializationException"),
    ("GetItem", b'{"TableName": 5, "Key": {}}', "SerializationException"),
    ("GetItem", b'{"TableName": "orders", "Key": []}', "SerializationException"),
    (
        "GetItem",
        b'{"TableName": "orders", "Key": {"customer": "a", "number": 1}}',
        "SerializationException",
    ),
    ("PutItem", b'{"TableName": "orders", "Item": {"a": {"M": 5}}}', "SerializationException"),
    ("PutItem", b'{"TableName": "orders", "Item": {"a": {"SS": "x"}}}', "SerializationException"),
    ("Query", b'{"TableName": "orders", "Limit": "x"}', "SerializationException"),
    ("Query", b'{"TableName": "orders", "Select": "x"}', "ValidationException"),
    ("BatchGetItem", b'{"RequestItems": {"orders": 5}}', "SerializationException"),
    ("BatchWriteItem", b'{"RequestItems": {"orders": [5]}}', "SerializationException"),
    ("BatchWriteItem", b'{"RequestItems": {"orders": [{}]}}', "ValidationException"),
    ("BatchWriteItem", b'{"RequestItems": {}}', "ValidationException"),
    ("TransactWriteItems", b'{"TransactItems": [5]}', "SerializationException"),
    ("TransactWriteItems", b'{"TransactItems": [{"Put": 5}]}', "SerializationException"),
    ("TransactWriteItems", b'{"TransactItems": []}', "ValidationException"),
    ("CreateTable", b'{"TableName": "t"}', "ValidationException"),
    ("CreateTable", b'{"TableName": []}', "SerializationException"),
    ("ExecuteStatement", b"{}", "NotImplementedException"),
]


async def test_broken_requests_are_answered(there: RunningTables) -> None:
    answers, expected = [], []
    for operation, body, code in BROKEN:
        reply = await there.post(operation, body)
        answer = json.loads(reply.body)
        assert answer["message"]
        answers.append((operation, body, reply.status, answer["__type"].rpartition("#")[2]))
        expected.append((operation, body, 501 if code == "NotImplementedException" else 400, code))
    assert answers == expected
