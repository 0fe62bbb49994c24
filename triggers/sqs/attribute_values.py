"""Attributes of queues as the API writes them: all values are text.

Source: Amazon SQS API reference, GetQueueAttributes and SetQueueAttributes; texts as recorded on AWS.
"""

from collections.abc import Mapping
from typing import Any

import orjson
from pydantic import ValidationError

from engine.arn import Account
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidAttributeName, InvalidAttributeValue, UnsupportedOperation
from triggers.sqs.settings import QueueSettings, is_fifo_name

NUMBERS = {  # attribute -> option
    "VisibilityTimeout": "visibility_timeout",
    "DelaySeconds": "delay_seconds",
    "MessageRetentionPeriod": "message_retention_period",
    "MaximumMessageSize": "maximum_message_size",
    "ReceiveMessageWaitTimeSeconds": "receive_message_wait_time_seconds",
}
FIFO_TEXTS = {"DeduplicationScope": "deduplication_scope", "FifoThroughputLimit": "fifo_throughput_limit"}
POLICIES = {
    "RedrivePolicy": (
        "redrive_policy",
        {"deadLetterTargetArn": "dead_letter_target_arn", "maxReceiveCount": "max_receive_count"},
    ),
    "RedriveAllowPolicy": (
        "redrive_allow_policy",
        {"redrivePermission": "redrive_permission", "sourceQueueArns": "source_queue_arns"},
    ),
}
NOT_SIMULATED = ("Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")


def values(queue: QueueAttributes, account: Account) -> dict[str, str]:
    """Return what GetQueueAttributes says of a queue, without times and counts."""
    found = {
        "QueueArn": queue.arn,
        "VisibilityTimeout": _seconds(queue.visibility_timeout.total_seconds()),
        "DelaySeconds": _seconds(queue.delay.total_seconds()),
        "MessageRetentionPeriod": _seconds(queue.message_retention_period.total_seconds()),
        "MaximumMessageSize": str(queue.maximum_message_size),
        "ReceiveMessageWaitTimeSeconds": _seconds(queue.receive_message_wait_time.total_seconds()),
    }
    if queue.is_fifo:
        found["FifoQueue"] = "true"
        found["ContentBasedDeduplication"] = str(queue.content_based_deduplication).lower()
        found["DeduplicationScope"] = queue.deduplication_scope
        found["FifoThroughputLimit"] = queue.fifo_throughput_limit
    redrive, allow = queue.redrive_policy, queue.redrive_allow_policy
    if redrive is not None:
        found["RedrivePolicy"] = _json(
            {
                "deadLetterTargetArn": redrive.dead_letter_target_arn,
                "maxReceiveCount": redrive.max_receive_count,
            }
        )
    if allow is not None:
        shown: dict[str, Any] = {"redrivePermission": allow.permission}
        if allow.sources:
            shown["sourceQueueArns"] = [account.queue(source) for source in allow.sources]
        found["RedriveAllowPolicy"] = _json(shown)
    return found


def changed(queue: QueueAttributes, changes: Mapping[str, str], account: Account) -> QueueAttributes:
    """Return the attributes of a queue with some of them changed. An empty policy is none.

    Raises InvalidAttributeName or InvalidAttributeValue for what SQS refuses, UnsupportedOperation for what
    is not simulated.
    """
    for name in changes:
        _check_name(name, is_fifo_name(queue.name))
    after = {**values(queue, account), **changes}
    options = {option: _value(name, after[name]) for name, option in NUMBERS.items()}
    options |= {option: after[name] for name, option in FIFO_TEXTS.items() if name in after}
    if "ContentBasedDeduplication" in after:
        options["content_based_deduplication"] = _value(
            "ContentBasedDeduplication", after["ContentBasedDeduplication"]
        )
    options |= {
        option: _policy(name, after[name], members)
        for name, (option, members) in POLICIES.items()
        if after.get(name)
    }
    try:
        settings = QueueSettings.model_validate(options)
    except ValidationError as error:
        raise InvalidAttributeValue(_attribute_of(error)) from None
    return QueueAttributes.configured(queue.name, settings, account)


def _check_name(name: str, is_fifo: bool) -> None:
    if name in NOT_SIMULATED:
        raise UnsupportedOperation(f"{name} is not simulated by Headrace.")
    if name == "FifoQueue" and is_fifo:
        raise InvalidAttributeValue("FifoQueue", "Modifying queue type is not supported.")
    if name in FIFO_TEXTS and not is_fifo:
        raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
    if name == "ContentBasedDeduplication" and is_fifo:
        return
    if name not in NUMBERS and name not in FIFO_TEXTS and name not in POLICIES:
        raise InvalidAttributeName(f"Unknown Attribute {name}.")


def _value(name: str, text: str) -> Any:
    """Return the number or the truth that a text says."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise InvalidAttributeValue(name) from None


def _policy(name: str, text: str, members: Mapping[str, str]) -> dict[str, Any]:
    """Return a policy as options. Its count may be written as text."""
    parsed = _value(name, text)
    if not isinstance(parsed, dict) or not parsed.keys() <= members.keys():
        raise InvalidAttributeValue(name)
    count = parsed.get("maxReceiveCount")
    if isinstance(count, str) and count.isdecimal():
        parsed["maxReceiveCount"] = int(count)
    return {members[key]: value for key, value in parsed.items()}


def _attribute_of(error: ValidationError) -> str:
    place = error.errors()[0]["loc"]
    option = place[0] if place else "fifo_throughput_limit"  # the one that is checked beside another
    names = {each: name for name, each in (NUMBERS | FIFO_TEXTS).items()}
    names |= {each: name for name, (each, _) in POLICIES.items()}
    return names.get(str(option), "ContentBasedDeduplication")


def _seconds(seconds: float) -> str:
    return str(int(seconds))


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
