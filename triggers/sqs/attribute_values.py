"""Attributes of queues as the API writes them: all values are text.

Source: Amazon SQS API reference, GetQueueAttributes and SetQueueAttributes; texts as recorded on AWS.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import orjson
from pydantic import ValidationError

from engine.arn import Account
from triggers.sqs.attributes import QueueAttributes
from triggers.sqs.errors import InvalidAttributeName, InvalidAttributeValue, InvalidParameter
from triggers.sqs.settings import NAME, QueueSettings, is_fifo_name

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
WITHOUT_EFFECT = ("Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")
KEY_REUSE_SECONDS = range(60, 86_401)
FIFO = "FifoQueue"
CONTENT_BASED = "ContentBasedDeduplication"
NAME_RULE = "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"
FIFO_NAME_RULE = (
    "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
    "must end with .fifo suffix and be 1 to 80 in length"
)


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
        found[FIFO] = "true"
        found[CONTENT_BASED] = str(queue.content_based_deduplication).lower()
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
    return {**found, **_encryption(queue.without_effect), **queue.without_effect}


def _encryption(given: Mapping[str, str]) -> dict[str, str]:
    """Return what is said of the encryption of a queue that nothing is said about."""
    if "KmsMasterKeyId" in given:
        return {"KmsDataKeyReusePeriodSeconds": "300", "SqsManagedSseEnabled": "false"}
    return {"SqsManagedSseEnabled": "true"}


def created(name: str, given: Mapping[str, str], account: Account) -> QueueAttributes:
    """Return the attributes of a queue that CreateQueue makes.

    Raises InvalidParameter for a name that SQS refuses, and as `changed` does.
    """
    wants_fifo = given.get(FIFO) == "true"
    if not NAME.fullmatch(name) or is_fifo_name(name) != wants_fifo:
        raise InvalidParameter.because(name, "QueueName", FIFO_NAME_RULE if wants_fifo else NAME_RULE)
    rest = {attribute: text for attribute, text in given.items() if attribute != FIFO or not wants_fifo}
    return changed(QueueAttributes.default(name, account), rest, account)


def difference(queue: QueueAttributes, given: Mapping[str, str], account: Account) -> str | None:
    """Return the first attribute that CreateQueue gives another value than an existing queue has.

    Raises as `changed` does.
    """
    settable = {name: text for name, text in given.items() if name != FIFO or not queue.is_fifo}
    before, after = values(queue, account), values(changed(queue, settable, account), account)
    for name in settable:
        if before.get(name) != after.get(name):
            return name
    return FIFO if given.get(FIFO, "true") != "true" else None


def declared(settings: QueueSettings) -> Iterator[str]:
    """Yield the attributes that a queue's configuration fixes, by their names in the API."""
    names = {option: name for name, option in (NUMBERS | FIFO_TEXTS).items()}
    names |= {option: name for name, (option, _) in POLICIES.items()}
    names["content_based_deduplication"] = CONTENT_BASED
    return (names[option] for option in names if option in settings.model_fields_set)


def changed(queue: QueueAttributes, changes: Mapping[str, str], account: Account) -> QueueAttributes:
    """Return the attributes of a queue with some of them changed. What is empty is as if it were not there.

    Raises InvalidAttributeName or InvalidAttributeValue for what SQS refuses.
    """
    for name in changes:
        _check_name(name, is_fifo_name(queue.name))
    after = {**values(queue, account), **changes}
    options = {option: _value(name, after[name]) for name, option in NUMBERS.items()}
    options |= {option: after[name] for name, option in FIFO_TEXTS.items() if name in after}
    if CONTENT_BASED in after:
        options["content_based_deduplication"] = _value(CONTENT_BASED, after[CONTENT_BASED])
    options |= {
        option: _policy(name, after[name], members)
        for name, (option, members) in POLICIES.items()
        if after.get(name)
    }
    try:
        settings = QueueSettings.model_validate(options)
    except ValidationError as error:
        raise InvalidAttributeValue(_attribute_of(error)) from None
    made = QueueAttributes.configured(queue.name, settings, account)
    return replace(made, without_effect=_without_effect({**queue.without_effect, **changes}))


def _without_effect(given: Mapping[str, str]) -> dict[str, str]:
    found = {name: given[name] for name in WITHOUT_EFFECT if given.get(name)}
    for name, text in found.items():
        value = text if name == "KmsMasterKeyId" else _value(name, text)
        match name:
            case "Policy" if not isinstance(value, dict):
                raise InvalidAttributeValue(name)
            case "KmsDataKeyReusePeriodSeconds" if value not in KEY_REUSE_SECONDS:
                raise InvalidAttributeValue(name)
            case "SqsManagedSseEnabled" if not isinstance(value, bool):
                raise InvalidAttributeValue(name)
    if "KmsMasterKeyId" in found and found.get("SqsManagedSseEnabled") == "true":
        raise InvalidAttributeValue(
            "SqsManagedSseEnabled", "You can use one type of server-side encryption (SSE) at one time."
        )
    return found


def _check_name(name: str, is_fifo: bool) -> None:
    if name in WITHOUT_EFFECT:
        return
    if name == FIFO and is_fifo:
        raise InvalidAttributeValue(FIFO, "Modifying queue type is not supported.")
    if name in FIFO_TEXTS and not is_fifo:
        raise InvalidAttributeName(f"You can specify the {name} only when FifoQueue is set to true.")
    if name == CONTENT_BASED and is_fifo:
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
    return names.get(str(option), CONTENT_BASED)


def _seconds(seconds: float) -> str:
    return str(int(seconds))


def _json(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
