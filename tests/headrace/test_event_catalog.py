import base64
import gzip
import hashlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace import fixture_files
from headrace.event_catalog import BadField, UnknownKind, example_text, find_kind, make_event
from headrace.event_kinds import KINDS, Kind
from headrace.event_path import BadPath

NOW = datetime(2031, 7, 8, 9, 10, 11, 123_000, tzinfo=UTC)


def made(name: str, *, fields: dict[str, Any] | None = None, count: int = 1, **options: str) -> Any:
    given = {key.replace("_", "-"): value for key, value in options.items()}
    pairs = list((fields or {}).items())
    return make_event(find_kind(name), now=NOW, options=given, fields=pairs, count=count)


def test_every_example_has_a_kind_and_every_kind_an_example() -> None:
    folder = fixture_files.fixtures()
    files = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")}
    assert files == {kind.file for kind in KINDS}
    assert len(KINDS) == len({kind.name for kind in KINDS}) == len(files)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_frozen_event_is_its_example(kind: Kind) -> None:
    assert make_event(kind) == json.loads(example_text(kind))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_fresh_event_keeps_the_shape_of_its_example_and_none_of_its_times(kind: Kind) -> None:
    fresh = make_event(kind, now=NOW)
    assert shape(fresh) == shape(json.loads(example_text(kind)))
    text = opened(fresh).replace("2026-01-01T00:00:00.000", "")  # the label of a stream, part of its name
    assert (
        re.findall(r"2026-01-0\d|Jan/2026|Jan 2026|\d\d/01/26|2026/01/|Jan 2, 2026|\b17673\d{5,11}\b", text)
        == []
    )


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_option_of_a_kind_can_be_set_and_shows(kind: Kind) -> None:
    before = make_event(kind)
    for option in kind.options:
        samples = ['{"id":{"S":"zebra"}}', "4711", "zebra"]
        value = next(value for value in samples if accepts(kind, option.name, value))
        after = make_event(kind, options={option.name: value})
        assert after != before
        assert shape(after).keys() == shape(before).keys()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.records], ids=lambda kind: kind.name)
def test_batches_have_as_many_records_as_asked_for_each_with_its_own_ids(kind: Kind) -> None:
    one, three = make_event(kind, now=NOW), make_event(kind, now=NOW, count=3)
    assert len(json.dumps(three)) > len(json.dumps(one)) * 1.5
    records = three
    for key in kind.records.split(".", 1) if kind.records else []:
        records = records[key]
    assert len(records) == 3
    if kind.name not in ("activemq", "rabbitmq", "documentdb"):  # their ids are given by the sender
        assert len({json.dumps(record) for record in records}) == 3


def accepts(kind: Kind, option: str, value: str) -> bool:
    try:
        make_event(kind, options={option: value})
    except BadField:
        return False
    return True


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value]
    return type(value)


def opened(value: Any) -> str:
    """Everything that an event says, also what is packed in base64 or zipped."""
    text = json.dumps(value)
    for packed in re.findall(r'"(H4sI[\w+/=]+)"', text):
        text += gzip.decompress(base64.b64decode(packed)).decode()
    return text


def test_a_key_is_encoded_as_s3_does() -> None:
    record = made("s3-put", bucket="photos", key="a b+é.jpg", size="10")["Records"][0]
    assert record["s3"]["bucket"] | {"ownerIdentity": None} == {
        "name": "photos",
        "ownerIdentity": None,
        "arn": "arn:aws:s3:::photos",
    }
    assert (record["s3"]["object"]["key"], record["s3"]["object"]["size"]) == ("a+b%2B%C3%A9.jpg", 10)
    assert record["eventTime"] == "2031-07-08T09:10:11.123Z"


def test_eventbridge_carries_the_key_as_it_is() -> None:
    event = made("eventbridge-s3-created", bucket="photos", key="a b.jpg")
    assert event["detail"]["object"]["key"] == "a b.jpg"
    assert event["resources"] == ["arn:aws:s3:::photos"]
    assert event["time"] == "2031-07-08T09:10:11Z"


def test_the_body_of_a_message_changes_its_md5() -> None:
    record = made("sqs", body="hello", queue="jobs")["Records"][0]
    assert (record["body"], record["md5OfBody"]) == ("hello", hashlib.md5(b"hello").hexdigest())
    assert record["eventSourceARN"] == "arn:aws:sqs:us-east-1:000000000000:jobs"


def test_an_s3_notification_inside_a_message_is_set_through_it() -> None:
    record = made("sqs-s3", key="a b.jpg")["Records"][0]
    assert json.loads(record["body"])["Records"][0]["s3"]["object"]["key"] == "a+b.jpg"
    assert record["md5OfBody"] == hashlib.md5(record["body"].encode()).hexdigest()


def test_the_deduplication_id_follows_the_body() -> None:
    record = made("sqs-fifo", body="hello", group="g")["Records"][0]
    assert record["attributes"]["MessageDeduplicationId"] == hashlib.sha256(b"hello").hexdigest()
    assert record["attributes"]["MessageGroupId"] == "g"


def test_a_changed_message_attribute_changes_its_md5() -> None:
    before = made("sqs-attributes")["Records"][0]["md5OfMessageAttributes"]
    path = "Records[0].messageAttributes.priority.stringValue"
    after = made("sqs-attributes", fields={path: "7"})["Records"][0]["md5OfMessageAttributes"]
    assert before != after


def test_the_data_of_a_record_is_base64() -> None:
    records = made("kinesis", data="hello", partition_key="k", stream="s", count=3)["Records"]
    assert {record["kinesis"]["data"] for record in records} == {base64.b64encode(b"hello").decode()}
    numbers = [int(record["kinesis"]["sequenceNumber"]) for record in records]
    assert numbers == sorted(set(numbers))
    assert [record["eventID"] for record in records] == [f"shardId-000000000000:{n}" for n in numbers]
    assert records[0]["kinesis"]["approximateArrivalTimestamp"] == NOW.timestamp()


def test_log_events_are_set_inside_their_zip() -> None:
    data = made("cloudwatch-logs", message="boom", log_group="/aws/lambda/x")["awslogs"]["data"]
    logs = json.loads(gzip.decompress(base64.b64decode(data)))
    assert [event["message"] for event in logs["logEvents"]] == ["boom", "boom"]
    assert logs["logGroup"] == "/aws/lambda/x"
    assert logs["logEvents"][0]["timestamp"] == int(NOW.timestamp() * 1000)


def test_ids_are_fresh_and_repetitions_stay() -> None:
    first, second = made("destination-failure"), made("destination-failure")
    ids = [event["requestContext"]["requestId"] for event in (first, second)]
    assert ids[0] != ids[1]
    assert first["responsePayload"]["requestId"] == ids[0]


def test_a_schedule_keeps_to_the_minute() -> None:
    event = made("schedule", rule="hourly")
    assert event["time"] == "2031-07-08T09:10:00Z"
    assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/hourly"]


def test_a_tumbling_window_begins_on_a_multiple_of_its_length() -> None:
    window = made("kinesis-window")["window"]
    assert window == {"start": "2031-07-08T09:10:00Z", "end": "2031-07-08T09:12:00Z"}


def test_the_body_of_a_request_changes_its_length() -> None:
    assert made("function-url", body="é")["headers"]["content-length"] == "2"


@pytest.mark.parametrize(
    ("path", "value", "where"),
    [
        pytest.param("Records[0].s3.object.size", 10, ["s3", "object", "size"], id="a number"),
        pytest.param("Records[*].awsRegion", "eu-west-1", ["awsRegion"], id="every element"),
        pytest.param("Records[0].extra.deep", True, ["extra", "deep"], id="a new field"),
        pytest.param('Records[0]["a.b"]', None, ["a.b"], id="a key with a dot"),
        pytest.param(
            "Records[0].responseElements.x-amz-id-2", "x", ["responseElements", "x-amz-id-2"], id="hyphens"
        ),
    ],
)
def test_any_field_can_be_set(path: str, value: Any, where: list[str]) -> None:
    found = made("s3-put", fields={path: value})["Records"][0]
    for key in where:
        found = found[key]
    assert found == value


def test_a_field_that_was_set_is_not_brought_up_to_date() -> None:
    record = made("sqs", body="hello", fields={"Records[0].md5OfBody": "wrong"})["Records"][0]
    assert record["md5OfBody"] == "wrong"


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        pytest.param("Records[1].awsRegion", "the list has 1 elements", id="beyond the list"),
        pytest.param("Records.awsRegion", "has no fields", id="a list has no fields"),
        pytest.param("Records[0].awsRegion.x", "is plain text", id="text"),
        pytest.param("Records[0].s3[0]", "is not a list", id="not a list"),
        pytest.param("Records[0].s3.object.size.x", "has no fields", id="a number"),
        pytest.param("Records[", "is not a step", id="unfinished"),
        pytest.param("", "a path looks like", id="empty"),
    ],
)
def test_a_path_that_leads_nowhere_says_where_it_ends(path: str, problem: str) -> None:
    with pytest.raises(BadPath, match=problem):
        made("s3-put", fields={path: 1})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("s3-putt", "did you mean s3-put", id="a slip of the finger"),
        pytest.param("rabbit", "did you mean rabbitmq", id="a part of the name"),
        pytest.param("zzzzzz", "`headrace event` lists them", id="nothing alike"),
    ],
)
def test_an_unknown_kind_is_answered_with_near_ones(name: str, hint: str) -> None:
    with pytest.raises(UnknownKind, match=hint):
        find_kind(name)


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        pytest.param("s3-put", {"size": "big"}, "--size 'big': a whole number is needed", id="not a number"),
        pytest.param("eventbridge", {"detail": "{"}, "--detail '{': it is not JSON", id="not JSON"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(name: str, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(BadField, match=re.escape(problem)):
        made(name, **options)


def test_what_aws_sends_one_at_a_time_is_not_repeated() -> None:
    with pytest.raises(BadField, match="one s3-put at a time"):
        made("s3-put", count=2)
