"""Topics in a running simulator: declared and made over the API, as destinations, and over `kill -9`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until, write_function

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.notified]
handler = "handler.handler"
code = "functions/notified"

[functions.broken]
handler = "handler.handler"
code = "functions/broken"
maximum_retry_attempts = 0
on_failure = "topics.alerts"
dead_letter = "topics.letters"

[queues.jobs]

[queues.letters]

[topics.alerts]
display_name = "Alerts"

[[topics.alerts.subscriptions]]
endpoint = "functions.notified"

[[topics.alerts.subscriptions]]
endpoint = "queues.jobs"
filter_policy = { kind = ["order"] }
raw_message_delivery = true

[topics.letters]
subscriptions = [{ endpoint = "queues.letters", raw_message_delivery = true }]

[streams.clicks]

[[event_source_mappings]]
source = "streams.clicks"
function = "broken"
starting_position = "TRIM_HORIZON"
maximum_retry_attempts = 0
destination_config = { on_failure = "topics.letters" }
"""
NOTIFIED = """
import json, os

FILE = os.open(os.environ["DELIVERED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def handler(event, context):
    for record in event["Records"]:
        os.write(FILE, (json.dumps(record["Sns"]["Message"]) + "\\n").encode())
"""
BROKEN = """
def handler(event, context):
    raise ValueError("it is broken")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    delivered = f'environment = {{ DELIVERED = "{tmp_path / "delivered"}" }}\n'
    text = CONFIGURATION.replace('"functions/notified"\n', f'"functions/notified"\n{delivered}')
    (tmp_path / "headrace.toml").write_text(text)
    (tmp_path / "delivered").touch()
    write_function(tmp_path, "notified", NOTIFIED)
    write_function(tmp_path, "broken", BROKEN)
    return tmp_path


def client(process: HeadraceProcess, service: str) -> Any:
    make: Any = boto3.client
    return make(
        service,
        endpoint_url=process.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def delivered(folder: Path) -> list[str]:
    return [json.loads(line) for line in (folder / "delivered").read_text().splitlines()]


def bodies(sqs: Any, queue: str, count: int) -> Iterator[str]:
    """Yield the bodies of so many messages, as they come."""
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    while count > 0:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20).get("Messages", []):
            count -= 1
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            yield message["Body"]


def test_topics_of_the_configuration(folder: Path) -> None:
    waiting = headrace(folder, "publish", "alerts", "before the start", "--attribute", "kind=order")
    assert waiting.returncode == 0, waiting.stderr
    with HeadraceProcess(folder) as process:
        sqs, sns = client(process, "sqs"), client(process, "sns")
        assert list(bodies(sqs, "jobs", 1)) == ["before the start"]
        published = headrace(folder, "publish", "topics.alerts", "-", "--json", stdin=b"a\nb\n")
        assert len(json.loads(published.stdout)["message_ids"]) == 2, published.stderr
        wait_until(lambda: len(delivered(folder)) == 3, "the function was notified")
        assert sorted(delivered(folder)) == ["a", "b", "before the start"]

        process.invoke("broken", {"id": 1}, "Event")
        (letter,) = bodies(sqs, "letters", 1)
        assert json.loads(letter) == {"id": 1}
        wait_until(lambda: len(delivered(folder)) == 4, "the failure was told of")
        assert json.loads(delivered(folder)[3])["requestContext"]["condition"] == "RetriesExhausted"

        client(process, "kinesis").put_record(StreamName="clicks", Data=b"{}", PartitionKey="a")
        (given_up,) = bodies(sqs, "letters", 1)
        assert json.loads(given_up)["requestContext"]["condition"] == "RetryAttemptsExhausted"

        arn = next(
            topic["TopicArn"] for topic in sns.list_topics()["Topics"] if "alerts" in topic["TopicArn"]
        )
        assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "Alerts"
        assert b"topic     alerts             2 subscriptions" in headrace(folder, "status").stdout
    refused = headrace(folder, "publish", "alarms", "x")
    assert (refused.returncode, refused.stderr) == (
        1,
        b"headrace: there is no topic 'alarms' (there are: alerts, letters)\n",
    )


def test_a_topic_of_the_api_outlives_a_kill(folder: Path) -> None:
    with HeadraceProcess(folder) as process:
        sqs, sns = client(process, "sqs"), client(process, "sns")
        queue = sqs.create_queue(QueueName="made")["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        topic = sns.create_topic(Name="made")["TopicArn"]
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=attributes["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function_arn("notified"))
        sns.publish(TopicArn=topic, Message="published before")
        process.kill()
    with HeadraceProcess(folder) as process:
        sqs, sns = client(process, "sqs"), client(process, "sns")
        sns.publish(TopicArn=topic, Message="published after")
        assert sorted(bodies(sqs, "made", 2)) == ["published after", "published before"]
        wait_until(lambda: len(set(delivered(folder))) == 2, "the function was notified twice")
        sns.delete_topic(TopicArn=topic)
    assert b"there is no topic 'made'" in headrace(folder, "publish", "made", "x").stderr


def function_arn(name: str) -> str:
    return f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
