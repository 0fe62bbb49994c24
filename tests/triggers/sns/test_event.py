"""What subscribers get, beside AWS's own events and Powertools' models of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.envelopes import SnsSqsEnvelope
from aws_lambda_powertools.utilities.parser.models import SnsModel
from pydantic import BaseModel

from engine.arn import Account
from engine.clock import VIRTUAL_START
from triggers.sns.event import function_event, queue_envelope
from triggers.sns.message import MessageAttribute, Notification, OutgoingMessage
from triggers.sns.subscription import make_subscription, subscription_arn
from triggers.sns.topic import Topic

ACCOUNT = Account()
NEWS = Topic("news", ACCOUNT.topic("news"))
ATTRIBUTES = {"Test": MessageAttribute("String", "x"), "TestBinary": MessageAttribute("Binary", b"x")}
MESSAGE = OutgoingMessage('{"name": "x"}', "a subject", ATTRIBUTES)
NOTIFICATION = Notification("d88d4479-6ec0-54fe-b63f-1cf9df4bb16e", VIRTUAL_START, MESSAGE)
SUBSCRIPTION = make_subscription(
    subscription_arn(NEWS, "sqs", ACCOUNT.queue("jobs")), NEWS, "sqs", ACCOUNT.queue("jobs"), {}
)


class Named(BaseModel):
    """The message of these tests."""

    name: str


def shape(value: Any) -> Any:
    """Return the keys of a value in their order, and the types of what they lead to."""
    if isinstance(value, dict):
        return [(key, shape(each)) for key, each in value.items()]
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def test_an_event_is_shaped_as_the_published_one(shared: Path) -> None:
    published = json.loads((shared / "samples/published/pt__snsEvent.json").read_bytes())
    assert shape(json.loads(function_event(NOTIFICATION, NEWS, SUBSCRIPTION))) == shape(published)


def test_an_envelope_is_written_as_the_published_one(shared: Path) -> None:
    event = json.loads((shared / "samples/published/pt__snsSqsEvent.json").read_bytes())
    published = event["Records"][0]["body"]
    plain = Notification(NOTIFICATION.message_id, VIRTUAL_START, OutgoingMessage("hello"))
    ours = queue_envelope(plain, NEWS, SUBSCRIPTION)
    assert shape(json.loads(ours)) == shape(json.loads(published))
    known = json.loads(published)
    assert published == "{\n" + ",\n".join(f'  "{k}" : {json.dumps(v)}' for k, v in known.items()) + "\n}"
    written = json.loads(ours)
    assert ours == "{\n" + ",\n".join(f'  "{k}" : {json.dumps(v)}' for k, v in written.items()) + "\n}"


@pytest.mark.parametrize("subject", ["a subject", None])
def test_powertools_reads_an_event(subject: str | None) -> None:
    notification = Notification("id", VIRTUAL_START, OutgoingMessage("hello", subject, ATTRIBUTES))
    (record,) = SnsModel.model_validate_json(function_event(notification, NEWS, SUBSCRIPTION)).Records
    assert (record.EventSource, record.Sns.Timestamp) == ("aws:sns", VIRTUAL_START)
    assert (record.Sns.Message, record.Sns.Subject) == ("hello", subject)


def test_powertools_reads_an_envelope_in_a_message_of_a_queue(shared: Path) -> None:
    event = json.loads((shared / "samples/published/pt__snsSqsEvent.json").read_bytes())
    event["Records"][0]["body"] = queue_envelope(NOTIFICATION, NEWS, SUBSCRIPTION)
    assert SnsSqsEnvelope().parse(event, Named) == [Named(name="x")]


def test_a_topic_may_sign_by_the_second_version() -> None:
    topic = Topic("news", NEWS.arn, {"SignatureVersion": "2"})
    (record,) = json.loads(function_event(NOTIFICATION, topic, SUBSCRIPTION))["Records"]
    assert record["Sns"]["SignatureVersion"] == "2"
