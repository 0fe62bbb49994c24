"""`headrace replay --through source`: mappings filter and batch recorded events as if they were new."""

import base64
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.parser.models import (
    DynamoDBStreamModel,
    KinesisDataStreamModel,
    SqsModel,
)
from pydantic import BaseModel

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until

CONFIGURATION = """
[queues.orders]

[queues.other]

[queues."orders.fifo"]

[streams.orders]

[tables.orders]
database = "shop.db"

[[event_source_mappings]]
source = "queues.orders"
function = "keep"
batch_size = 4
filter_criteria = { filters = [{ pattern = '{"body": {"item": ["lamp"]}}' }] }

[[event_source_mappings]]
source = "queues.other"
function = "keep"

[[event_source_mappings]]
source = "queues.orders.fifo"
function = "keep"

[[event_source_mappings]]
source = "streams.orders"
function = "keep"
starting_position = "TRIM_HORIZON"
batch_size = 4
filter_criteria = { filters = [{ pattern = '{"data": {"item": ["lamp"]}}' }] }

[[event_source_mappings]]
source = "tables.orders"
function = "keep"
starting_position = "TRIM_HORIZON"
batch_size = 4
filter_criteria = { filters = [{ pattern = '{"dynamodb": {"NewImage": {"item": {"S": ["lamp"]}}}}' }] }
"""
LAMP, CHAIR = '{"item": "lamp"}', '{"item": "chair"}'
AT_ONCE = ("--through", "source", "--json")
MODELS: dict[str, type[BaseModel]] = {
    ":sqs:": SqsModel,
    ":kinesis:": KinesisDataStreamModel,
    ":dynamodb:": DynamoDBStreamModel,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a database that has the table `orders`."""
    folder = tmp_path_factory.mktemp("replay")
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        connection.execute("CREATE TABLE orders (id TEXT PRIMARY KEY, item TEXT, quantity INTEGER)")
    return folder


@pytest.fixture(scope="module")
def delivered(folder: Path) -> DeliveredEvents:
    return DeliveredEvents(folder, CONFIGURATION)


@pytest.fixture(scope="module")
def running(folder: Path, delivered: DeliveredEvents) -> Iterator[HeadraceProcess]:
    """One simulator for all tests of this file, which records what it does."""
    with HeadraceProcess(folder, "--record", "session.jsonl") as process:
        yield process


def example(folder: Path, kind: str, *options: str) -> Path:
    """Write an example event to a file of its own."""
    done = headrace(folder, "event", kind, *options)
    assert done.returncode == 0, done.stderr.decode()
    path = folder / f"event{len(list(folder.glob('event*.json')))}.json"
    path.write_bytes(done.stdout)
    return path


def replay(folder: Path, *arguments: str) -> tuple[int, int, str]:
    """Replay; return how many events succeeded and failed, and what was on stderr."""
    done = headrace(folder, "replay", *arguments, *AT_ONCE)
    summary = json.loads(done.stdout)
    assert done.returncode == (1 if summary["failed"] else 0)
    return summary["succeeded"], summary["failed"], done.stderr.decode()


def wait_for_batches(delivered: DeliveredEvents, source: str, sizes: list[int]) -> None:
    """Wait for events of these sizes, and judge them with the models of Powertools."""
    wait_until(
        lambda: sum(len(event["Records"]) for event in delivered.of(source)) >= sum(sizes),
        f"the records of {source} came",
    )
    assert [len(event["Records"]) for event in delivered.of(source)] == sizes
    (model,) = [model for service, model in MODELS.items() if service in source]
    for event in delivered.of(source):
        model.model_validate(event)


def test_messages_go_through_the_filter_and_the_batch_size_of_their_queue(
    folder: Path, delivered: DeliveredEvents, running: HeadraceProcess
) -> None:
    lamps = example(folder, "sqs", "--queue", "orders", "--body", LAMP, "--count", "6")
    chairs = example(folder, "sqs", "--queue", "orders", "--body", CHAIR, "--count", "3")
    assert replay(folder, str(chairs), str(lamps)) == (2, 0, "")
    source = ":sqs:us-east-1:000000000000:orders"
    wait_until(lambda: len(delivered.records_of(source)) >= 6, "the lamps came")
    assert {record["body"] for record in delivered.records_of(source)} == {LAMP}
    assert max(len(event["Records"]) for event in delivered.of(source)) <= 4
    for event in delivered.of(source):
        SqsModel.model_validate(event)
    filtered = running.wait_for("RecordsFiltered", source="queues.orders")
    assert sum(fact["records"] for fact in filtered) == 3
    ids = {record["messageId"] for record in delivered.records_of(source)}
    assert ids.isdisjoint(record["messageId"] for record in json.loads(lamps.read_text())["Records"])


@pytest.mark.usefixtures("running")
def test_a_message_keeps_its_attributes_on_the_way_to_another_queue(
    folder: Path, delivered: DeliveredEvents
) -> None:
    event = example(folder, "sqs-attributes")
    assert replay(folder, str(event), "--source", "queues.other") == (1, 0, "")
    (record,) = delivered.wait_for(":other", 1)
    (original,) = json.loads(event.read_text())["Records"]
    for field in ("body", "messageAttributes", "md5OfBody", "md5OfMessageAttributes"):
        assert record[field] == original[field]


@pytest.mark.usefixtures("running")
def test_a_message_of_a_fifo_queue_keeps_its_group(folder: Path, delivered: DeliveredEvents) -> None:
    event = example(folder, "sqs-fifo")
    assert replay(folder, str(event), "--source", "queues.orders.fifo") == (1, 0, "")
    (record,) = delivered.wait_for(":orders.fifo", 1)
    (original,) = json.loads(event.read_text())["Records"]
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        assert record["attributes"][name] == original["attributes"][name]


def test_records_of_a_stream_go_through_its_filter_and_batch_size(
    folder: Path, delivered: DeliveredEvents, running: HeadraceProcess
) -> None:
    lamps = example(folder, "kinesis", "--data", LAMP, "--count", "6")
    chairs = example(folder, "kinesis", "--data", CHAIR, "--count", "3")
    assert replay(folder, str(chairs), str(lamps), "--source", "streams.orders") == (2, 0, "")
    source = ":kinesis:us-east-1:000000000000:stream/orders"
    wait_for_batches(delivered, source, [4, 2])
    data = {base64.b64decode(record["kinesis"]["data"]).decode() for record in delivered.records_of(source)}
    assert data == {LAMP}
    assert sum(fact["records"] for fact in running.of("RecordsFiltered", source="streams.orders")) == 3


@pytest.mark.usefixtures("running")
def test_changes_of_a_table_are_made_again_and_filtered(folder: Path, delivered: DeliveredEvents) -> None:
    inserts = example(folder, "dynamodb-insert", "--count", "6")
    event = json.loads(inserts.read_text())
    for number, record in enumerate(event["Records"]):
        record["dynamodb"]["Keys"]["id"] = record["dynamodb"]["NewImage"]["id"] = {"S": f"order {number}"}
    event["Records"][0]["dynamodb"]["NewImage"]["item"] = {"S": "chair"}
    inserts.write_text(json.dumps(event))
    assert replay(folder, str(inserts)) == (1, 0, "")
    source = ":dynamodb:us-east-1:000000000000:table/orders"
    wait_for_batches(delivered, source, [4, 1])
    assert [record["dynamodb"]["Keys"]["id"]["S"] for record in delivered.records_of(source)] == [
        f"order {number}" for number in range(1, 6)
    ]
    modify, remove = example(folder, "dynamodb-modify"), example(folder, "dynamodb-remove")
    assert replay(folder, str(modify), str(remove)) == (2, 0, "")
    with closing(sqlite3.connect(folder / "shop.db")) as connection:
        rows = dict(connection.execute("SELECT id, item FROM orders"))
    assert rows == {"order 0": "chair"} | {f"order {number}": "lamp" for number in range(1, 6)}


def test_a_recording_of_mapped_events_goes_to_a_function_or_through_the_sources(
    folder: Path, delivered: DeliveredEvents, running: HeadraceProcess
) -> None:
    sent = headrace(folder, "send", "other", "recorded")
    assert sent.returncode == 0
    running.wait_for("BatchClosed", source="queues.other")
    wait_until(lambda: recorded(folder), "it is in the recording")
    (line,) = recorded(folder)
    (folder / "one.jsonl").write_text(json.dumps(line) + "\n")
    to_function = headrace(folder, "replay", "one.jsonl", "--json")
    assert json.loads(to_function.stdout)["succeeded"] == 1
    wait_until(lambda: len(messages(delivered, "recorded")) == 2, "the function got the event again")
    assert messages(delivered, "recorded")[1] == messages(delivered, "recorded")[0]
    assert replay(folder, "one.jsonl", "one.jsonl") == (2, 0, "")  # each record goes back once
    wait_until(lambda: len(messages(delivered, "recorded")) == 3, "it went through its queue")
    assert messages(delivered, "recorded")[2] != messages(delivered, "recorded")[0]
    assert json.loads(headrace(folder, "queue", "ls", "--json").stdout)["other"]["visible"] == 0


def recorded(folder: Path) -> list[dict[str, object]]:
    """Return what the recording has of the message `recorded`."""
    lines = [json.loads(line) for line in (folder / "session.jsonl").read_bytes().splitlines()]
    return [line for line in lines if line["event"]["Records"][0].get("body") == "recorded"]


def messages(delivered: DeliveredEvents, body: str) -> list[str]:
    """Return the ids of the messages with a body, as often as they came."""
    return [record["messageId"] for record in delivered.records_of(":other") if record["body"] == body]


def test_without_a_simulator_records_wait_in_their_sources(tmp_path: Path) -> None:
    delivered = DeliveredEvents(tmp_path, CONFIGURATION)
    event = example(tmp_path, "sqs", "--queue", "other", "--body", "early")
    assert replay(tmp_path, str(event)) == (1, 0, "")
    with HeadraceProcess(tmp_path):
        (record,) = delivered.wait_for(":other", 1)
    assert record["body"] == "early"


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("kind", "options", "problem"),
    [
        pytest.param("sqs", ["--queue", "none"], "there is no queues.none (there are: ", id="no such queue"),
        pytest.param("s3-put", [], "put the object into the bucket's folder instead", id="S3"),
        pytest.param("eventbridge", [], "it has no Records", id="no records"),
        pytest.param(
            "sqs",
            ["--queue", "orders", "--set", "Records[0].body=5"],
            "Records[0].body has to be text",
            id="a malformed record",
        ),
        pytest.param(
            "dynamodb-insert",
            ["--set", 'Records[0].dynamodb.NewImage.colour={"S": "red"}'],
            "shop.db: no such column: colour",
            id="a column that is not there",
        ),
        pytest.param(
            "dynamodb-remove",
            ["--set", 'Records[0].dynamodb.Keys={"none": {"S": "none"}}'],
            "shop.db: no such column: orders.none",
            id="a key that is not there, which must not delete every row",
        ),
        pytest.param(
            "dynamodb-insert",
            ["--set", "Records[0].dynamodb.NewImage.quantity=2"],
            "NewImage.quantity is no attribute value: 2",
            id="a value without its type",
        ),
    ],
)
def test_an_event_that_cannot_go_back_fails_with_the_reason(
    folder: Path, kind: str, options: list[str], problem: str
) -> None:
    succeeded, failed, errors = replay(folder, str(example(folder, kind, *options)))
    assert (succeeded, failed) == (0, 1)
    assert problem in errors
    assert "Traceback" not in errors


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param(["--through", "source", "--source", "jobs"], "'jobs' needs its kind", id="no kind"),
        pytest.param(
            ["--through", "source", "--source", "queues.jobs"], "there is no queues.jobs", id="no such source"
        ),
        pytest.param(
            ["--through", "source", "--function", "keep"], "mappings say who is invoked", id="a function"
        ),
        pytest.param(["--source", "queues.orders"], "--source goes with --through source", id="alone"),
    ],
)
def test_options_that_do_not_fit_are_refused(folder: Path, options: list[str], problem: str) -> None:
    (folder / "any.json").write_text("{}")
    done = headrace(folder, "replay", "any.json", *options)
    assert done.returncode == 2
    assert problem in done.stderr.decode()
