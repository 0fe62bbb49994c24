"""`headrace send` and `headrace queue`, beside a running simulator and without one."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import SqsModel

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import (
    HEADRACE,
    PATIENCE_SECONDS,
    HeadraceProcess,
    headrace,
    wait_until,
)

CONFIGURATION = """
[queues.jobs]

[queues.risky]
visibility_timeout = 1
redrive_policy = { dead_letter_target_arn = "queues.failures", max_receive_count = 2 }

[queues.failures]

[queues.idle]

[queues."orders.fifo"]
content_based_deduplication = true

[queues."strict.fifo"]

[[event_source_mappings]]
source = "queues.jobs"
function = "keep"

[[event_source_mappings]]
source = "queues.risky"
function = "keep"
function_response_types = ["ReportBatchItemFailures"]

[[event_source_mappings]]
source = "queues.orders.fifo"
function = "keep"
"""
TOO_LARGE = b"a" * (1024 * 1024 + 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("queues")


@pytest.fixture(scope="module")
def delivered(folder: Path) -> DeliveredEvents:
    return DeliveredEvents(folder, CONFIGURATION, timeout=1)


@pytest.fixture(scope="module")
def running(folder: Path, delivered: DeliveredEvents) -> Iterator[HeadraceProcess]:
    """One simulator for all tests of this file that need one."""
    with HeadraceProcess(folder) as process:
        yield process


@pytest.fixture
def alone(tmp_path: Path) -> DeliveredEvents:
    """The same configuration in a folder where no simulator runs."""
    return DeliveredEvents(tmp_path, CONFIGURATION, timeout=1)


def ok(folder: Path, *arguments: str, stdin: bytes = b"") -> str:
    """Return what a command that has to succeed printed."""
    done = headrace(folder, *arguments, stdin=stdin)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def peek(folder: Path, queue: str) -> list[dict[str, Any]]:
    lines = ok(folder, "queue", "peek", queue, "--json", "--limit", "100").splitlines()
    return [json.loads(line) for line in lines]


def counts(folder: Path) -> Any:
    return json.loads(ok(folder, "queue", "ls", "--json"))


@pytest.mark.usefixtures("running")
def test_a_message_reaches_the_handler_with_its_attributes(folder: Path, delivered: DeliveredEvents) -> None:
    sent = json.loads(
        ok(
            folder,
            *("send", "queues.jobs", "resize ü.jpg", "--json"),
            *("--attribute", "size:Number=3"),
            *("--attribute", "name=a=b"),
            *("--attribute", f"raw:Binary={base64.b64encode(bytes([0, 255])).decode()}"),
        )
    )
    wait_until(lambda: "resize ü.jpg" in [each["body"] for each in delivered.records_of(":jobs")], "it came")
    (event,) = [event for event in delivered.of(":jobs") if event["Records"][0]["body"] == "resize ü.jpg"]
    (record,) = SqsModel.model_validate(event).Records
    assert [record.messageId] == sent["message_ids"]
    attributes = record.messageAttributes
    assert attributes["size"].stringValue == "3"
    assert attributes["name"].stringValue == "a=b"
    assert attributes["raw"].binaryValue == "AP8="
    assert [attributes[name].dataType for name in ("size", "name", "raw")] == ["Number", "String", "Binary"]
    assert record.md5OfMessageAttributes is not None


@pytest.mark.usefixtures("running")
def test_each_line_is_a_message_and_empty_ones_are_none(folder: Path, delivered: DeliveredEvents) -> None:
    shown = ok(folder, "send", "jobs", "-", stdin=b"line 1\r\n\n  \nline 2\nline 3")
    assert shown == "sent 3 messages to jobs\n"
    wait_until(lambda: lines_of(delivered) == ["line 1", "line 2", "line 3"], "all lines came")


def lines_of(delivered: DeliveredEvents) -> list[str]:
    return sorted(each["body"] for each in delivered.records_of(":jobs") if each["body"].startswith("line"))


@pytest.mark.usefixtures("running")
def test_a_group_of_a_fifo_queue_keeps_its_order(folder: Path, delivered: DeliveredEvents) -> None:
    lines = [f"order {number}" for number in range(30)]
    ok(folder, "send", "orders.fifo", "-", "--group", "alice", stdin="\n".join(lines).encode())
    records = delivered.wait_for(":orders.fifo", 30)
    assert [record["body"] for record in records] == lines
    assert {record["attributes"]["MessageGroupId"] for record in records} == {"alice"}


@pytest.mark.usefixtures("running")
def test_a_message_that_the_function_reports_ends_in_the_dead_letter_queue(
    folder: Path, delivered: DeliveredEvents
) -> None:
    ok(folder, "send", "risky", "-", stdin=b"good\nbad\n")
    wait_until(lambda: counts(folder)["failures"]["visible"] == 1, "it is a dead letter")
    (message,) = peek(folder, "failures")
    assert (message["body"], message["receive_count"]) == ("bad", 2)
    bodies = [record["body"] for record in delivered.records_of(":risky")]
    assert sorted(bodies) == ["bad", "bad", "good"]
    assert counts(folder)["risky"] == {"visible": 0, "in_flight": 0, "delayed": 0}
    assert (
        ok(folder, "queue", "redrive", "failures")
        == "moved 1 message from failures to where they came from\n"
    )
    wait_until(lambda: counts(folder)["failures"]["visible"] == 1, "it has failed twice again")
    assert [message["body"] for message in peek(folder, "failures")] == ["bad"]
    assert ok(folder, "queue", "purge", "failures") == "deleted 1 message from failures\n"
    assert peek(folder, "failures") == []


@pytest.mark.usefixtures("running")
def test_many_lines_are_sent_in_order_and_quickly(folder: Path) -> None:
    lines = "".join(f"{number}\n" for number in range(100_000))
    assert ok(folder, "send", "idle", "-", stdin=lines.encode()) == "sent 100000 messages to idle\n"
    assert [message["body"] for message in peek(folder, "idle")] == [str(number) for number in range(100)]
    assert counts(folder)["idle"]["visible"] == 100_000
    ok(folder, "queue", "purge", "idle")
    assert counts(folder)["idle"]["visible"] == 0


@pytest.mark.usefixtures("running")
def test_several_commands_at_once_send_everything(folder: Path) -> None:
    before = counts(folder)["strict.fifo"]["visible"]
    send_at_once(folder)
    assert counts(folder)["strict.fifo"]["visible"] == before + 4


def test_several_commands_at_once_send_everything_without_a_simulator(
    tmp_path: Path,
    alone: DeliveredEvents,
) -> None:
    send_at_once(tmp_path)
    assert counts(tmp_path)["strict.fifo"]["visible"] == 4


def send_at_once(folder: Path) -> None:
    options = ("--group", "g", "--deduplication-id")
    commands = [
        subprocess.Popen(
            [HEADRACE, "send", "strict.fifo", "hello", *options, f"{folder.name}-{number}"],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for command in commands:
        _, errors = command.communicate(timeout=PATIENCE_SECONDS)
        assert command.returncode == 0, errors.decode()


def test_without_a_simulator_messages_wait_for_the_next_start(tmp_path: Path, alone: DeliveredEvents) -> None:
    ok(tmp_path, "send", "jobs", "early", "--attribute", "size:Number=3")
    assert [message["body"] for message in peek(tmp_path, "jobs")] == ["early"]
    assert peek(tmp_path, "jobs")[0]["attributes"] == {"size": {"DataType": "Number", "StringValue": "3"}}
    with HeadraceProcess(tmp_path):
        (record,) = alone.wait_for(":jobs", 1)
    assert (record["body"], record["messageAttributes"]["size"]["stringValue"]) == ("early", "3")


def test_lines_are_sent_as_they_arrive_and_ctrl_c_tells_how_many(
    tmp_path: Path,
    alone: DeliveredEvents,
) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen(
        [HEADRACE, "send", "idle", "-"],
        cwd=tmp_path,
        stdin=reading,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as sending:
        os.close(reading)
        os.write(writing, b"first\nsecond\nunfini")
        wait_until(lambda: counts(tmp_path)["idle"]["visible"] == 2, "two whole lines are sent")
        sending.send_signal(signal.SIGINT)
        shown, errors = sending.communicate(timeout=PATIENCE_SECONDS)
        os.close(writing)
    assert sending.returncode == 1
    assert shown == b"sent 2 messages to idle\n"
    assert b"Traceback" not in errors


def test_the_message_that_is_refused_is_named_and_those_before_it_counted(
    tmp_path: Path,
    alone: DeliveredEvents,
) -> None:
    lines = b"".join(b"%d\n" % number for number in range(6000))
    done = headrace(tmp_path, "send", "idle", "-", stdin=lines + TOO_LARGE + b"\nlast\n")
    assert done.returncode == 1
    assert b"message 6001: One or more parameters are invalid. Reason: Message must be shorter" in done.stderr
    told = int(done.stdout.split()[1])
    assert told == counts(tmp_path)["idle"]["visible"]
    assert 5000 <= told <= 6000


GROUP = ("--group", "g")


@pytest.mark.usefixtures("running")
@pytest.mark.parametrize(
    ("arguments", "stdin", "status", "problem"),
    [
        pytest.param(["idel", "a"], b"", 2, "there is no queue 'idel' (there are: jobs", id="unknown queue"),
        pytest.param(
            ["streams.clicks", "a"], b"", 2, "queues can stand here, not streams", id="another kind"
        ),
        pytest.param(["idle", "@none"], b"", 2, "none cannot be read: No such file", id="no file"),
        pytest.param(["idle", "@."], b"", 2, ". cannot be read: Is a directory", id="a folder"),
        pytest.param(["idle", "-"], b"a\n\xff\n", 2, "this is not (message 2, byte 0)", id="no UTF-8"),
        pytest.param(["idle", ""], b"", 1, "A message has one character at least.", id="an empty body"),
        pytest.param(["idle", "a\x01"], b"", 1, "Invalid characters found.", id="a control character"),
        pytest.param(
            ["strict.fifo", "a"],
            b"",
            1,
            "must contain the parameter MessageGroupId.\nA FIFO queue needs --group.",
            id="a FIFO queue without a group",
        ),
        pytest.param(
            ["strict.fifo", "a", *GROUP], b"", 1, "\nGive --deduplication-id", id="nothing to compare by"
        ),
        pytest.param(
            ["orders.fifo", "a", *GROUP, "--delay", "5"],
            b"",
            1,
            "DelaySeconds is invalid.",
            id="a delay in a FIFO queue",
        ),
        pytest.param(
            ["idle", "a", "--deduplication-id", "1"],
            b"",
            1,
            "--deduplication-id is for FIFO queues.",
            id="deduplication in a standard queue",
        ),
        pytest.param(["idle", "a", "--attribute", "a:Number=x"], b"", 1, "'a' to a number", id="no number"),
        pytest.param(
            ["idle", "a", "--attribute", "a:Binary=x"], b"", 2, "is given in base64", id="no base64"
        ),
        pytest.param(
            ["idle", "a", "--attribute", "a:Text=x"], b"", 2, "is not NAME=VALUE", id="no such type"
        ),
        pytest.param(
            ["idle", "a", "--attribute", "a=1", "--attribute", "a=2"], b"", 2, "a is given twice", id="twice"
        ),
        pytest.param(["idle", "a", "--config", "none.toml"], b"", 2, "headrace init", id="no configuration"),
    ],
)
def test_a_mistake_is_answered_and_nothing_is_sent(
    folder: Path, arguments: list[str], stdin: bytes, status: int, problem: str
) -> None:
    done = headrace(folder, "send", *arguments, stdin=stdin)
    assert done.returncode == status
    assert problem in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert done.stdout == b""
