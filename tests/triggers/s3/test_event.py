"""The record, as recorded and as an independent model reads it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import S3Model

from engine.arn import Account
from triggers.s3.event import EventVersion, ObjectChange, build_event, sequencer_text

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
PUT = ObjectChange("ObjectCreated:Put", "a b", 9, "437b930db84b8079c2dd804a71936b5f", 0x1B2)
DELETE = ObjectChange("ObjectRemoved:Delete", "a b", None, "", 0x1B3)


def record(change: ObjectChange, version: EventVersion = "2.6") -> dict[str, Any]:
    """The one record of an event."""
    event = build_event(
        change,
        bucket="inbox",
        configuration_id="rule",
        request_id="C3D13FE58DE4C810",
        moment=MOMENT,
        account=Account(),
        version=version,
    )
    records: list[dict[str, Any]] = json.loads(event)["Records"]
    assert len(records) == 1
    return records[0]


def test_members_come_in_the_recorded_order() -> None:
    assert list(record(PUT)) == [
        "eventVersion",
        "eventSource",
        "awsRegion",
        "eventTime",
        "eventName",
        "userIdentity",
        "requestParameters",
        "responseElements",
        "s3",
    ]
    assert list(record(PUT)["s3"]) == ["s3SchemaVersion", "configurationId", "bucket", "object"]
    assert list(record(PUT)["s3"]["object"]) == ["key", "size", "eTag", "sequencer"]


def test_a_put_has_size_and_etag() -> None:
    assert record(PUT)["s3"]["object"] == {
        "key": "a+b",
        "size": 9,
        "eTag": "437b930db84b8079c2dd804a71936b5f",
        "sequencer": "0000000000000001B2",
    }
    assert record(PUT)["eventTime"] == "2026-01-02T03:04:05.678Z"
    assert record(PUT)["s3"]["bucket"]["arn"] == "arn:aws:s3:::inbox"


def test_a_removal_has_neither_size_nor_etag() -> None:
    assert record(DELETE)["s3"]["object"] == {"key": "a+b", "sequencer": "0000000000000001B3"}


def test_the_version_is_a_setting() -> None:
    assert (record(PUT)["eventVersion"], record(PUT, "legacy")["eventVersion"]) == ("2.6", "2.1")


def test_sequencers_sort_as_text() -> None:
    assert sequencer_text(255) < sequencer_text(256) < sequencer_text(10**18)


@pytest.mark.parametrize("change", [PUT, DELETE], ids=["put", "delete"])
def test_an_independent_model_reads_it(change: ObjectChange) -> None:
    model = S3Model.model_validate({"Records": [record(change)]})
    assert model.Records[0].eventName == change.name


def test_the_members_are_those_of_a_recorded_event(shared: Path) -> None:
    recorded = json.loads((shared / "samples/recorded/s3-sqs.json").read_text())
    content = recorded["TestS3NotificationsToSQS::test_key_encoding"]["content"]
    sample = content["receive_messages"]["messages"][0]
    assert shape(record(PUT, "legacy")) == shape(sample)


def shape(value: Any) -> Any:
    """The names of all members, whatever their values."""
    return {name: shape(value[name]) for name in sorted(value)} if isinstance(value, dict) else None
