"""What subscribers get: the event of a function, the envelope in a queue.

Source: Lambda developer guide, "Using Lambda with Amazon SNS"; Amazon SNS developer guide, "Amazon SNS
message and JSON formats". The order of keys is AWS's in each.
"""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from engine.clock import iso_millis
from triggers.sns.message import MessageAttribute, Notification
from triggers.sns.subscription import Subscription
from triggers.sns.topic import Topic

CERTIFICATE = "SimpleNotificationService-e0d30cef5c6139275b58b525001b413c.pem"
SIGNATURE_BYTES = 256


def function_event(notification: Notification, topic: Topic, subscription: Subscription) -> bytes:
    """Return the event that a subscribed function is invoked with: one record."""
    message = notification.message
    host = _host(topic)
    sns: dict[str, Any] = {
        "SignatureVersion": topic.signature_version,
        "Timestamp": iso_millis(notification.published_at),
        "Signature": _signature(notification),
        "SigningCertUrl": f"{host}/{CERTIFICATE}",
        "MessageId": notification.message_id,
        "Message": message.body_for("lambda"),
        "MessageAttributes": _shown(message.attributes),
        "Type": "Notification",
        "UnsubscribeUrl": _unsubscribe_url(host, subscription),
        "TopicArn": topic.arn,
        "Subject": message.subject,
    }
    record = {
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription.arn,
        "EventSource": "aws:sns",
        "Sns": sns,
    }
    return orjson.dumps({"Records": [record]})


def queue_envelope(notification: Notification, topic: Topic, subscription: Subscription) -> str:
    """Return the body of a message in a subscribed queue, spaced as AWS does. FIFO topics do not sign it."""
    message = notification.message
    host = _host(topic)
    members: dict[str, Any] = {"Type": "Notification", "MessageId": notification.message_id}
    if notification.sequence_number is not None:
        members["SequenceNumber"] = notification.sequence_number
    members["TopicArn"] = topic.arn
    if message.subject is not None:
        members["Subject"] = message.subject
    members["Message"] = message.body_for("sqs")
    members["Timestamp"] = iso_millis(notification.published_at)
    if not topic.is_fifo:
        members["SignatureVersion"] = topic.signature_version
        members["Signature"] = _signature(notification)
        members["SigningCertURL"] = f"{host}/{CERTIFICATE}"
    members["UnsubscribeURL"] = _unsubscribe_url(host, subscription)
    lines = [f"  {_json(name)} : {_json(value)}" for name, value in members.items()]
    if message.attributes:
        shown = _shown(message.attributes).items()
        inner = ",\n".join(f"    {_json(name)} : {_json(value)}" for name, value in shown)
        lines.append(f'  "MessageAttributes" : {{\n{inner}\n  }}')
    return "{\n" + ",\n".join(lines) + "\n}"


def _shown(attributes: Mapping[str, MessageAttribute]) -> dict[str, dict[str, str]]:
    return {
        name: {
            "Type": attribute.data_type,
            "Value": base64.b64encode(attribute.value).decode()
            if isinstance(attribute.value, bytes)
            else attribute.value,
        }
        for name, attribute in attributes.items()
    }


def _host(topic: Topic) -> str:
    return f"https://sns.{topic.arn.split(':')[3]}.amazonaws.com"


def _unsubscribe_url(host: str, subscription: Subscription) -> str:
    return f"{host}/?Action=Unsubscribe&SubscriptionArn={subscription.arn}"


def _signature(notification: Notification) -> str:
    """Return text that looks like a signature; there is no key that it could be checked with."""
    digest = hashlib.shake_256(notification.message_id.encode()).digest(SIGNATURE_BYTES)
    return base64.b64encode(digest).decode()


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
