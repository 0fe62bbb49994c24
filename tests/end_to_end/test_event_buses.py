"""Buses in a real simulator: a bucket's events, invocation records, and a kill in the middle."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError

from tests.end_to_end.headrace_process import HeadraceProcess, wait_until, write_function

TOML = """
[simulator]
endpoint = "127.0.0.1:0"
[functions.echo]
handler = "handler.handler"
code = "functions/echo"
on_success = "event_buses.default"
[queues.seen]
[buckets.photos]
folder = "photos"
event_bridge = true
[event_buses.default]
[[event_buses.default.rules]]
name = "photos"
pattern = { source = ["aws.s3"], detail-type = ["Object Created"] }
targets = ["functions.echo"]
[[event_buses.default.rules]]
name = "results"
pattern = { source = ["lambda"] }
targets = [{ target = "queues.seen", input_path = "$.detail.responsePayload" }]
"""
HANDLER = """
def handler(event, context):
    return event["detail"]["object"]["key"]
"""


def client(service: str, url: str) -> Any:
    make: Callable[..., Any] = boto3.client
    return make(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


def take(url: str, seen: list[Any], count: int) -> bool:
    """Receive and delete what is in the queue; say whether so many have been seen."""
    seen += messages(url)
    return len(seen) >= count


def messages(url: str) -> list[Any]:
    """Receive and delete what is in the queue."""
    sqs = client("sqs", url)
    queue = sqs.get_queue_url(QueueName="seen")["QueueUrl"]
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    sqs.close()
    return [json.loads(message["Body"]) for message in found]


def test_a_file_goes_through_two_rules_and_a_function(tmp_path: Path) -> None:
    write_function(tmp_path, "echo", HANDLER)
    (tmp_path / "headrace.toml").write_text(TOML)
    with HeadraceProcess(tmp_path) as running:
        (tmp_path / "photos" / "a b.jpg").write_bytes(b"1234")
        seen: list[Any] = []
        wait_until(lambda: take(running.url, seen, 1), "the record has come")
        s3 = client("s3", running.url)
        assert seen == ["a b.jpg"]
        assert s3.get_bucket_notification_configuration(Bucket="photos")["EventBridgeConfiguration"] == {}
        s3.close()


def test_what_was_put_is_delivered_after_a_kill(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text('[simulator]\nendpoint = "127.0.0.1:0"\n[queues.seen]\n')
    accepted: list[str] = []
    with HeadraceProcess(tmp_path) as running:
        events = client("events", running.url)
        events.put_rule(Name="r", EventPattern='{"source":["x"]}')
        arn = "arn:aws:sqs:us-east-1:000000000000:seen"
        events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": arn}])
        try:
            for number in range(30):
                if number == 20:
                    running.kill()
                answer = events.put_events(Entries=[{"Source": "x", "DetailType": "d", "Detail": "{}"}])
                accepted += [entry["EventId"] for entry in answer["Entries"]]
        except BotoCoreError:
            pass
        events.close()
    assert len(accepted) == 20
    with HeadraceProcess(tmp_path) as running:
        seen: list[Any] = []
        wait_until(lambda: take(running.url, seen, 20), "all have come")
        assert sorted(event["id"] for event in seen) == sorted(accepted)
        events = client("events", running.url)
        assert [rule["Name"] for rule in events.list_rules()["Rules"]] == ["r"]
        events.close()
