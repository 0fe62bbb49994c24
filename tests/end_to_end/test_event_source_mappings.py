"""Mappings of a running simulator: their place is kept, and what commands say of them is what they do."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until

FILTERED = """
[queues.jobs]

[streams.clicks]

[[event_source_mappings]]
source = "queues.jobs"
function = "keep"
filter_criteria = { filters = [{ pattern = '{"body": {"size": [{"numeric": [">", 2]}]}}' }] }

[[event_source_mappings]]
source = "streams.clicks"
function = "keep"
starting_position = "TRIM_HORIZON"
filter_criteria = { filters = [
    { pattern = '{"data": {"page": [{"prefix": "/shop"}]}}' }, { pattern = '{"partitionKey": ["root"]}' },
] }
"""
ONE_SHARD = """
[queues.jobs]

[streams.clicks]

[[event_source_mappings]]
source = "queues.jobs"
function = "keep"
enabled = {enabled}

[[event_source_mappings]]
source = "streams.clicks"
function = "keep"
starting_position = "TRIM_HORIZON"
batch_size = {batch_size}
enabled = {enabled}
"""
BODIES = ['{"size": 3}', '{"size": 2}', '{"size": "3"}', "3", "text", '{"size": 1e9}', "{}"]
CLICKS = ['{"page": "/shop/1"}', '{"page": "/"}', "/shop", '{"page": "/shop"}']


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mappings")


@pytest.fixture(scope="module")
def delivered(folder: Path) -> DeliveredEvents:
    return DeliveredEvents(folder, FILTERED)


@pytest.fixture(scope="module")
def running(folder: Path, delivered: DeliveredEvents) -> Iterator[HeadraceProcess]:
    """One simulator with filters for the tests that need no other."""
    with HeadraceProcess(folder) as process:
        yield process


def ok(folder: Path, *arguments: str, stdin: bytes = b"") -> Any:
    done = headrace(folder, *arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def texts(records: list[dict[str, Any]]) -> list[str]:
    """Return the bodies or the decoded data of records."""
    return [
        base64.b64decode(record["kinesis"]["data"]).decode() if "kinesis" in record else record["body"]
        for record in records
    ]


def kept(told: dict[str, Any], items: list[str]) -> list[str]:
    """Return the items that a command says are kept."""
    return [items[record["record"]] for record in told["records"] if record["kept"]]


def test_explain_and_filter_say_what_the_mapping_of_a_queue_does(
    folder: Path, delivered: DeliveredEvents, running: HeadraceProcess
) -> None:
    records = [{"messageId": str(number), "body": body} for number, body in enumerate(BODIES)]
    (folder / "messages.json").write_text(json.dumps({"Records": records}))
    pattern = '{"body": {"size": [{"numeric": [">", 2]}]}}'
    explained = ok(folder, "explain", "messages.json", "--mapping", "queues.jobs")
    filtered = ok(folder, "filter", pattern, "messages.json", "--source", "sqs")
    ok(folder, "send", "jobs", "-", stdin="\n".join(BODIES).encode())
    arrived = delivered.wait_for(":jobs", len(kept(explained, BODIES)))
    wait_until(lambda: filtered_by(running, "queues.jobs") == explained["dropped"], "the rest is filtered")
    assert explained == filtered
    assert sorted(texts(arrived)) == sorted(kept(explained, BODIES)) == ['{"size": 1e9}', '{"size": 3}']
    assert sorted(texts(delivered.records_of(":jobs"))) == sorted(texts(arrived))


def test_explain_says_what_the_mapping_of_a_stream_does(
    folder: Path, delivered: DeliveredEvents, running: HeadraceProcess
) -> None:
    ok(folder, "put-record", "clicks", "-", "--partition-key", "alice", stdin="\n".join(CLICKS).encode())
    ok(folder, "put-record", "clicks", "anything", "--partition-key", "root")
    keys = ["alice"] * len(CLICKS) + ["root"]
    records = [
        {"kinesis": {"partitionKey": key, "data": base64.b64encode(text.encode()).decode()}}
        for key, text in zip(keys, [*CLICKS, "anything"], strict=True)
    ]
    (folder / "clicks.json").write_text(json.dumps({"Records": records}))
    explained = ok(folder, "explain", "clicks.json", "--mapping", "clicks")
    arrived = texts(delivered.wait_for(":stream/clicks", len(kept(explained, keys))))
    wait_until(lambda: filtered_by(running, "streams.clicks") == explained["dropped"], "the rest is filtered")
    assert arrived == kept(explained, [*CLICKS, "anything"])
    assert arrived == [CLICKS[0], CLICKS[3], "anything"]


def filtered_by(running: HeadraceProcess, source: str) -> int:
    return sum(fact["records"] for fact in running.of("RecordsFiltered", source=source))


@pytest.mark.usefixtures("running")
def test_status_shows_each_mapping_with_its_state(folder: Path) -> None:
    mappings = ok(folder, "status")["event_source_mappings"]
    assert {each["EventSourceArn"].rpartition(":")[2]: each["State"] for each in mappings} == {
        "jobs": "Enabled",
        "stream/clicks": "Enabled",
    }
    shown = headrace(folder, "status").stdout.decode()
    assert "mapping   queues.jobs → keep: Enabled" in shown
    assert "mapping   streams.clicks → keep: Enabled" in shown


def put_numbers(folder: Path, first: int, last: int) -> None:
    lines = "".join(f"{number}\n" for number in range(first, last))
    ok(folder, "put-record", "clicks", "-", "--partition-key", "alice", stdin=lines.encode())


def test_another_batch_size_after_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    delivered = DeliveredEvents(tmp_path, ONE_SHARD.format(batch_size=3, enabled="true"))
    put_numbers(tmp_path, 0, 9)
    with HeadraceProcess(tmp_path):
        delivered.wait_for(":stream/clicks", 9)
        before = ok(tmp_path, "status")["event_source_mappings"]
    delivered.configure(ONE_SHARD.format(batch_size=5, enabled="true"))
    put_numbers(tmp_path, 9, 19)
    with HeadraceProcess(tmp_path):
        delivered.wait_for(":stream/clicks", 19)
        after = ok(tmp_path, "status")["event_source_mappings"]
    assert [len(event["Records"]) for event in delivered.of(":stream/clicks")] == [3, 3, 3, 5, 5]
    assert texts(delivered.records_of(":stream/clicks")) == [str(number) for number in range(19)]
    assert [each["UUID"] for each in after] == [each["UUID"] for each in before]


def test_a_disabled_mapping_reads_nothing_and_keeps_its_place(tmp_path: Path) -> None:
    delivered = DeliveredEvents(tmp_path, ONE_SHARD.format(batch_size=10, enabled="true"))
    put_numbers(tmp_path, 0, 4)
    with HeadraceProcess(tmp_path):
        delivered.wait_for(":stream/clicks", 4)
    delivered.configure(ONE_SHARD.format(batch_size=10, enabled="false"))
    with HeadraceProcess(tmp_path) as running:
        put_numbers(tmp_path, 4, 8)
        ok(tmp_path, "send", "jobs", "waits")
        states = {each["State"] for each in ok(tmp_path, "status")["event_source_mappings"]}
        assert states == {"Disabled"}
        assert ok(tmp_path, "queue", "ls")["jobs"] == {"visible": 1, "in_flight": 0, "delayed": 0}
        assert running.of("BatchClosed") == []
    assert len(delivered.records_of(":stream/clicks")) == 4
    delivered.configure(ONE_SHARD.format(batch_size=10, enabled="true"))
    with HeadraceProcess(tmp_path):
        delivered.wait_for(":stream/clicks", 8)
        delivered.wait_for(":jobs", 1)
    assert texts(delivered.records_of(":stream/clicks")) == [str(number) for number in range(8)]
