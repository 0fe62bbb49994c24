"""Records of a stream, as a function gets them."""

import re
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from aws_lambda_powertools.utilities.parser.models import DynamoDBStreamModel

from engine.mapping.source import StreamRecord
from triggers.dynamodb.capture_sql import INSERT, MODIFY, REMOVE
from triggers.dynamodb.record import RecordBuilder
from triggers.dynamodb.settings import Nulls, StreamViewType
from triggers.dynamodb.shape import LoggedColumn, Shape

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
ARRIVED = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
REFUSED: list[str] = []


def build(
    kind: int,
    columns: list[tuple[str, str, Any, Any]],
    view_type: StreamViewType = "NEW_AND_OLD_IMAGES",
    nulls: Nulls = "omit",
) -> StreamRecord | None:
    """Build the record of a change of (name, declared type, old value, new value); the first is the key."""
    builder = RecordBuilder(ARN, "us-east-1", view_type, nulls, REFUSED.append)
    builder.learn(
        {
            7: Shape(
                7,
                tuple(
                    LoggedColumn(name, declared, slot, slot == 0)
                    for slot, (name, declared, _, _) in enumerate(columns)
                ),
            )
        }
    )
    values = [value for _, _, *pair in columns for value in pair]
    return builder.build((1_000_001, kind, 0, 7, *values), ARRIVED)


def change(kind: int, columns: list[tuple[str, str, Any, Any]], **options: Any) -> dict[str, Any]:
    record = build(kind, columns, **options)
    assert record is not None
    details: dict[str, Any] = record.record["dynamodb"]
    return details


LAMP = [("id", "INTEGER", 1, 1), ("item", "TEXT", "lamp", "sofa"), ("note", "TEXT", None, None)]


def test_a_record_has_the_fields_of_aws_in_their_order() -> None:
    record = build(MODIFY, LAMP)
    assert record is not None
    assert re.fullmatch("[0-9a-f]{32}", record.record["eventID"])
    assert (record.position, record.sequence_number) == (1_000_001, "100000000000000001000001")
    assert (record.key, record.arrived_at) == ('{"id":{"N":"1"}}', ARRIVED)
    expected = {
        "eventID": record.record["eventID"],
        "eventName": "MODIFY",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": {
            "ApproximateCreationDateTime": 1767323045.0,
            "Keys": {"id": {"N": "1"}},
            "NewImage": {"id": {"N": "1"}, "item": {"S": "sofa"}},
            "OldImage": {"id": {"N": "1"}, "item": {"S": "lamp"}},
            "SequenceNumber": "100000000000000001000001",
            "SizeBytes": 4 + 12 + 12,
            "StreamViewType": "NEW_AND_OLD_IMAGES",
        },
        "eventSourceARN": ARN,
    }
    assert orjson.dumps(record.record) == orjson.dumps(expected)


@pytest.mark.parametrize(
    ("kind", "columns", "options", "size"),
    [
        pytest.param(
            INSERT,
            [("my_partition_key", "", None, "hello world"), ("binary_key", "", None, b"123456")],
            {},
            70,
            id="a blob",
        ),
        pytest.param(
            MODIFY,
            [("id", "", "id_value", "id_value"), ("id2", "", None, "id2_new_value")],
            {},
            46,
            id="both images",
        ),
        pytest.param(
            INSERT, [("id", "", None, "id_value_1"), ("numericFilter", "", None, 42)], {}, 39, id="a number"
        ),
        pytest.param(
            INSERT, [("Username", "", None, "Fred")], {"view_type": "KEYS_ONLY"}, 12, id="keys only"
        ),
    ],
)
def test_sizes_are_those_of_recorded_events(
    kind: int, columns: list[tuple[str, str, Any, Any]], options: dict[str, Any], size: int
) -> None:
    assert change(kind, columns, **options)["SizeBytes"] == size


@pytest.mark.parametrize(
    ("view_type", "inserted", "modified", "removed"),
    [
        ("KEYS_ONLY", set(), set(), set()),
        ("NEW_IMAGE", {"NewImage"}, {"NewImage"}, set()),
        ("OLD_IMAGE", set(), {"OldImage"}, {"OldImage"}),
        ("NEW_AND_OLD_IMAGES", {"NewImage"}, {"NewImage", "OldImage"}, {"OldImage"}),
    ],
)
def test_the_view_type_says_which_images_are_there(
    view_type: str, inserted: set[str], modified: set[str], removed: set[str]
) -> None:
    for kind, images in ((INSERT, inserted), (MODIFY, modified), (REMOVE, removed)):
        details = change(kind, LAMP, view_type=view_type)
        assert details.keys() & {"NewImage", "OldImage"} == images
        assert details["Keys"] == {"id": {"N": "1"}}
        assert details["StreamViewType"] == view_type


def test_null_is_a_missing_attribute_unless_asked_for() -> None:
    assert "note" not in change(INSERT, LAMP)["NewImage"]
    assert change(INSERT, LAMP, nulls="null")["NewImage"]["note"] == {"NULL": True}


@pytest.mark.parametrize(
    ("declared", "old", "new"),
    [("JSON", '{"a": 1}', '{ "a" : 1.0 }'), ("DECIMAL", "1.5", "1.50"), ("", 1, 1.0)],
)
def test_the_same_attribute_value_in_other_words_is_no_change(declared: str, old: Any, new: Any) -> None:
    assert build(MODIFY, [("id", "", 1, 1), ("v", declared, old, new)]) is None


def test_a_number_that_dynamodb_does_not_have_is_left_out_and_reported() -> None:
    REFUSED.clear()
    assert change(INSERT, [("id", "", None, 1), ("v", "", None, float("inf"))])["NewImage"] == {
        "id": {"N": "1"}
    }
    assert REFUSED == ["v"]


def test_a_key_is_never_left_out() -> None:
    assert change(INSERT, [("id", "", None, float("inf"))])["Keys"] == {"id": {"S": "inf"}}
    assert change(INSERT, [("id", "", None, None)])["Keys"] == {"id": {"NULL": True}}


@pytest.mark.parametrize("kind", [INSERT, MODIFY, REMOVE])
def test_a_parser_of_such_events_accepts_them(kind: int) -> None:
    columns = [
        *LAMP,
        ("json", "JSON", '{"a": [1, {"b": null}]}', '{"a": [true]}'),
        ("set", "STRING SET", '["a"]', '["b"]'),
        ("blob", "BLOB", b"\x00", b"\x01"),
        ("number", "REAL", 1.5, 2.0),
    ]
    record = build(kind, columns)
    assert record is not None
    event = orjson.loads(orjson.dumps({"Records": [record.record]}))
    parsed = DynamoDBStreamModel.model_validate(event).Records[0]
    assert parsed.eventID == record.record["eventID"]
    assert parsed.dynamodb.Keys is not None
    assert parsed.dynamodb.Keys["id"] == 1
