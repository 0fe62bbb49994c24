"""A subscription: who gets a topic's messages, which of them and in what form.

Source: Amazon SNS API reference, Subscribe and SetSubscriptionAttributes; texts as recorded on AWS by
LocalStack's test_sns.
"""

import json
from collections.abc import Mapping
from typing import Any, Literal, cast
from uuid import NAMESPACE_URL, uuid5

import orjson

from engine.arn import partition_in
from engine.value import dataclass
from triggers.sns.errors import InvalidParameter
from triggers.sns.filter_policy import SCOPES, FilterPolicy, PolicyRefused, Scope, read_policy
from triggers.sns.topic import FIFO_SUFFIX, Topic

Protocol = Literal["lambda", "sqs"]
PROTOCOLS: tuple[Protocol, ...] = ("lambda", "sqs")
NOT_SIMULATED_PROTOCOLS = ("http", "https", "email", "email-json", "sms", "application", "firehose")
NOT_SIMULATED = ("ReplayPolicy", "SubscriptionRoleArn")
ATTRIBUTES = ("DeliveryPolicy", "FilterPolicy", "FilterPolicyScope", "RawMessageDelivery", "RedrivePolicy")
_ENDPOINTS = {"lambda": "Lambda endpoint ARN", "sqs": "SQS endpoint ARN"}
_USUAL = {"RawMessageDelivery": "false", "FilterPolicyScope": SCOPES[0]}


@dataclass(frozen=True, slots=True)
class Subscription:
    """One subscription. `topic` is a name, `endpoint` an ARN; `attributes` are those that were given."""

    arn: str
    topic: str
    protocol: Protocol
    endpoint: str
    attributes: Mapping[str, str]
    filter_policy: FilterPolicy | None = None
    dead_letter_arn: str | None = None
    is_configured: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether a queue gets the message itself instead of an envelope."""
        return self.attributes.get("RawMessageDelivery", "false").lower() == "true"

    def has(self, attributes: Mapping[str, str]) -> bool:
        """Say whether it has these attributes, as far as they are given."""
        return all(
            _parsed(self.attributes.get(name, _USUAL.get(name, ""))) == _parsed(value)
            for name, value in attributes.items()
        )


class AttributeRefused(ValueError):
    """A subscription cannot have an attribute; the text is what SNS says."""


def subscription_arn(topic: Topic, protocol: str, endpoint: str) -> str:
    """Return the ARN of a configured subscription, which is the same after every start."""
    return f"{topic.arn}:{uuid5(NAMESPACE_URL, f'{topic.arn} {protocol} {endpoint}')}"


def make_subscription(
    arn: str,
    topic: Topic,
    protocol: Protocol,
    endpoint: str,
    attributes: Mapping[str, str],
    *,
    is_configured: bool = False,
) -> Subscription:
    """Return a subscription whose attributes belong together. Raises AttributeRefused."""
    scope = cast("Scope", attributes.get("FilterPolicyScope", SCOPES[0]))
    for name, value in attributes.items():
        _check(name, value, protocol)
    return Subscription(
        arn,
        topic.name,
        protocol,
        endpoint,
        attributes,
        _filter_policy(attributes.get("FilterPolicy", ""), scope),
        _dead_letter_arn(attributes.get("RedrivePolicy", ""), topic, endpoint),
        is_configured,
    )


def with_attribute(subscription: Subscription, topic: Topic, name: str, value: str) -> Subscription:
    """Return a subscription with another value of one attribute; an empty one removes a policy.

    Raises AttributeRefused.
    """
    attributes = dict(subscription.attributes)
    if value or name not in ("FilterPolicy", "RedrivePolicy", "DeliveryPolicy"):
        attributes[name] = value
    else:
        attributes.pop(name, None)
    return make_subscription(
        subscription.arn, topic, subscription.protocol, subscription.endpoint, attributes
    )


def checked_protocol(protocol: str) -> Protocol:
    """Return a protocol that is simulated. Raises InvalidParameter for any other."""
    if protocol in NOT_SIMULATED_PROTOCOLS:
        raise InvalidParameter(
            f"Protocol Reason: {protocol} is not simulated by Headrace: subscribe functions (lambda)"
            " or queues (sqs)"
        )
    if protocol not in PROTOCOLS:
        raise InvalidParameter(f"Amazon SNS does not support this protocol string: {protocol}")
    return protocol


def check_endpoint(topic: Topic, protocol: Protocol, endpoint: str) -> None:
    """Raise InvalidParameter unless an endpoint is the ARN of what a topic of its kind delivers to."""
    parts = endpoint.split(":")
    is_function = len(parts) in (7, 8) and parts[2] == "lambda" and parts[5] == "function"
    is_queue = len(parts) == 6 and parts[2] == "sqs"
    if parts[0] != "arn" or not (is_function if protocol == "lambda" else is_queue):
        raise InvalidParameter(_ENDPOINTS[protocol])
    if topic.is_fifo and protocol != "sqs":
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: only SQS queues can be subscribed to FIFO SNS topics"
        )
    if not topic.is_fifo and endpoint.endswith(FIFO_SUFFIX):
        raise InvalidParameter(
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS topics"
        )


def shown_attributes(subscription: Subscription, topic: Topic, account_id: str) -> dict[str, str]:
    """Return what GetSubscriptionAttributes says."""
    shown = {
        "SubscriptionArn": subscription.arn,
        "TopicArn": topic.arn,
        "Protocol": subscription.protocol,
        "Endpoint": subscription.endpoint,
        "Owner": account_id,
        "ConfirmationWasAuthenticated": "true",
        "PendingConfirmation": "false",
        "RawMessageDelivery": "false",
        "SubscriptionPrincipal": f"arn:{partition_in(topic.arn)}:iam::{account_id}:user/headrace",
        **subscription.attributes,
    }
    if "FilterPolicy" in shown:
        shown.setdefault("FilterPolicyScope", SCOPES[0])
    else:
        shown.pop("FilterPolicyScope", None)
    return shown


def _check(name: str, value: str, protocol: Protocol) -> None:
    if name in NOT_SIMULATED:
        raise AttributeRefused(f"{name}: is not simulated by Headrace")
    if name not in ATTRIBUTES:
        raise AttributeRefused("AttributeName")
    if name == "RawMessageDelivery":
        if value.lower() not in ("true", "false"):
            raise AttributeRefused(f"{name}: Invalid value [{value}]. Must be true or false.")
        if value.lower() == "true" and protocol == "lambda":
            raise AttributeRefused("Delivery protocol [lambda] does not support raw message delivery.")
    if name == "FilterPolicyScope" and value not in SCOPES:
        raise AttributeRefused(
            f"{name}: Invalid value [{value}]. Please use either MessageBody or MessageAttributes"
        )


def _filter_policy(text: str, scope: Scope) -> FilterPolicy | None:
    if not text or _parsed(text) == {}:
        return None
    try:
        return read_policy(text, scope)
    except PolicyRefused as error:
        raise AttributeRefused(str(error)) from None


def _dead_letter_arn(text: str, topic: Topic, endpoint: str) -> str | None:
    if not text:
        return None
    try:
        policy = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise AttributeRefused(f"RedrivePolicy: failed to parse JSON. {error}") from None
    arn = policy.get("deadLetterTargetArn") if isinstance(policy, dict) else None
    parts = arn.split(":") if isinstance(arn, str) else []
    if not isinstance(arn, str) or len(parts) != 6 or parts[2] != "sqs":
        raise AttributeRefused("RedrivePolicy: deadLetterTargetArn is an invalid arn")
    if topic.is_fifo and endpoint.endswith(FIFO_SUFFIX) and not arn.endswith(FIFO_SUFFIX):
        raise AttributeRefused(
            "RedrivePolicy: must use a FIFO queue as DLQ for a FIFO Subscription to a FIFO Topic."
        )
    if not endpoint.endswith(FIFO_SUFFIX) and arn.endswith(FIFO_SUFFIX):
        raise AttributeRefused("RedrivePolicy: must use a standard queue as DLQ for a standard Subscription.")
    return arn


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
