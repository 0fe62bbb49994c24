"""`headrace put-record`, beside a running simulator and without one."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import KinesisDataStreamModel

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until

CONFIGURATION = """
[streams.clicks]
shards = 2

[streams.idle]

[streams.large]
max_record_size_in_kib = 10_240

[[event_source_mappings]]
source = "streams.clicks"
function = "keep"
starting_position = "TRIM_HORIZON"
"""
UPPER_HALF = str(2**127)
TOO_LARGE = b"a" * (1024 * 1024 + 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("streams")


@pytest.fixture(scope="module")
def delivered(folder: Path) -> DeliveredEvents:
    return DeliveredEvents(folder, CONFIGURATION)


@pytest.fixture(scope="module")
def running(folder: Path, delivered: DeliveredEvents) -> Iterator[HeadraceProcess]:
    """One simulator for all tests of this file that need one."""
    with HeadraceProcess(folder) as process:
        yield process


def put(folder: Path, *arguments: str, stdin: bytes = b"") -> list[dict[str, str]]:
    """Put records; return where each went."""
    done = headrace(folder, "put-record", *arguments, "--json", stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    records: list[dict[str, str]] = json.loads(done.stdout)["records"]
    return records


def of_key(delivered: DeliveredEvents, key: str) -> list[dict[str, Any]]:
    return [record for record in delivered.records_of(":stream/") if record["kinesis"]["partitionKey"] == key]


@pytest.mark.usefixtures("running")
def test_a_record_reaches_the_handler_as_kinesis_events_are(folder: Path, delivered: DeliveredEvents) -> None:
    raw = bytes(range(256))
    (folder / "record.bin").write_bytes(raw)
    (where,) = put(folder, "clicks", "@record.bin", "--partition-key", "alice")
    wait_until(lambda: of_key(delivered, "alice"), "it came")
    event = {"Records": of_key(delivered, "alice")}
    (record,) = KinesisDataStreamModel.model_validate(event).Records
    assert record.kinesis.data == raw
    assert record.kinesis.sequenceNumber == where["sequence_number"]
    assert record.eventID == f"{where['shard_id']}:{where['sequence_number']}"
    assert record.eventName == "aws:kinesis:record"
    assert record.eventSourceARN == "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"


@pytest.mark.usefixtures("running")
def test_lines_of_a_key_arrive_in_order_and_empty_ones_not_at_all(
    folder: Path, delivered: DeliveredEvents
) -> None:
    lines = [f"line {number}" for number in range(700)]
    put(folder, "streams.clicks", "-", "--partition-key", "bob", stdin="\n\n".join(lines).encode())
    wait_until(lambda: len(of_key(delivered, "bob")) >= 700, "all lines came")
    data = [base64.b64decode(record["kinesis"]["data"]).decode() for record in of_key(delivered, "bob")]
    assert data == lines


@pytest.mark.usefixtures("running")
def test_a_hash_key_chooses_the_shard_and_without_keys_records_spread(folder: Path) -> None:
    (lower,) = put(folder, "clicks", "a", "--explicit-hash-key", "0")
    (upper,) = put(folder, "clicks", "a", "--explicit-hash-key", UPPER_HALF)
    assert (lower["shard_id"], upper["shard_id"]) == ("shardId-000000000000", "shardId-000000000001")
    anywhere = put(folder, "clicks", "a", "--count", "40")
    assert {each["shard_id"] for each in anywhere} == {lower["shard_id"], upper["shard_id"]}


@pytest.mark.usefixtures("running")
def test_the_largest_record_is_put_beside_a_simulator_and_a_larger_one_refused(folder: Path) -> None:
    (folder / "largest.bin").write_bytes(bytes(10 * 1024 * 1024 - 1))
    (folder / "larger.bin").write_bytes(bytes(10 * 1024 * 1024))
    (folder / "huge.bin").write_bytes(bytes(20 * 1024 * 1024))
    assert len(put(folder, "large", "@largest.bin", "--partition-key", "k")) == 1
    larger = headrace(folder, "put-record", "large", "@larger.bin", "--partition-key", "k")
    assert larger.returncode == 1
    assert b"Value at 'data' failed to satisfy constraint" in larger.stderr
    huge = headrace(folder, "put-record", "large", "@huge.bin", "--partition-key", "k")
    assert huge.returncode == 1
    assert b"the running simulator" in huge.stderr


def test_without_a_simulator_records_wait_for_the_next_start(tmp_path: Path) -> None:
    delivered = DeliveredEvents(tmp_path, CONFIGURATION)
    (where,) = put(tmp_path, "clicks", "early", "--partition-key", "alice")
    with HeadraceProcess(tmp_path):
        (record,) = delivered.wait_for(":stream/clicks", 1)
    assert record["kinesis"]["sequenceNumber"] == where["sequence_number"]


@pytest.mark.usefixtures("running")
def test_the_record_that_is_refused_is_named_and_those_before_it_counted(folder: Path) -> None:
    lines = b"".join(b"%d\n" % number for number in range(6000))
    done = headrace(folder, "put-record", "idle", "-", stdin=lines + TOO_LARGE + b"\nlast\n")
    assert done.returncode == 1
    assert b"record 6001: 1 validation error detected: Value at 'data' failed" in done.stderr
    assert 5000 <= int(done.stdout.split()[1]) <= 6000


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("arguments", "status", "problem"),
    [
        pytest.param(["click", "a"], 2, "there is no stream 'click' (there are: clicks", id="unknown"),
        pytest.param(["queues.a", "a"], 2, "streams can stand here, not queues", id="another kind"),
        pytest.param(["clicks", "@none"], 2, "none cannot be read: No such file", id="no file"),
        pytest.param(["clicks", "a", "--count", "0"], 2, "0 is not in the range", id="none of it"),
        pytest.param(
            ["clicks", "a", "--partition-key", ""], 1, "'partitionKey' failed to satisfy", id="an empty key"
        ),
        pytest.param(
            ["clicks", "a", "--partition-key", "k" * 257],
            1,
            "less than or equal to 256",
            id="a key that is too long",
        ),
        pytest.param(
            ["clicks", "a", "--explicit-hash-key", "x"], 1, "'explicitHashKey' failed", id="no number"
        ),
        pytest.param(
            ["clicks", "a", "--explicit-hash-key", str(2**128)],
            1,
            "must be in the range: [0, 2^128-1]",
            id="beyond the hash space",
        ),
    ],
)
def test_a_mistake_is_answered_and_nothing_is_put(
    folder: Path, arguments: list[str], status: int, problem: str
) -> None:
    done = headrace(folder, "put-record", *arguments)
    assert done.returncode == status
    assert problem in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
