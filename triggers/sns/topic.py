"""A topic and what its attributes mean; all attributes are text, as in SNS's API.

Source: Amazon SNS API reference, CreateTopic, GetTopicAttributes and SetTopicAttributes.
"""

import re
from collections.abc import Mapping
from dataclasses import field

import orjson

from engine.arn import Account
from engine.value import dataclass
from triggers.sns.access_policy import is_policy
from triggers.sns.errors import InvalidParameter

NAME = re.compile(r"[A-Za-z0-9_-]{1,256}|[A-Za-z0-9_-]{1,251}\.fifo")
FIFO_SUFFIX = ".fifo"
MESSAGE_BYTES = 256 * 1024  # body and attributes together, by default
MOST_MESSAGE_BYTES = 1024 * 1024
FIFO_ATTRIBUTES = ("ContentBasedDeduplication", "FifoThroughputScope")
NOT_SIMULATED = ("ArchivePolicy", "DataProtectionPolicy")
_KEPT = re.compile(  # they have no meaning here, and are given back
    r"Policy|DeliveryPolicy|KmsMasterKeyId|TracingConfig"
    r"|(HTTP|Firehose|Lambda|Application|SQS)(SuccessFeedbackRoleArn|SuccessFeedbackSampleRate|FailureFeedbackRoleArn)"
)
_CHOICES = {
    "ContentBasedDeduplication": ("true", "false"),
    "FifoThroughputScope": ("Topic", "MessageGroup"),
    "SignatureVersion": ("1", "2"),
    "TracingConfig": ("PassThrough", "Active"),
}
_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)
_DELIVERY_POLICY = {
    "http": {
        "defaultHealthyRetryPolicy": {
            "minDelayTarget": 20,
            "maxDelayTarget": 20,
            "numRetries": 3,
            "numMaxDelayRetries": 0,
            "numNoDelayRetries": 0,
            "numMinDelayRetries": 0,
            "backoffFunction": "linear",
        },
        "disableSubscriptionOverrides": False,
        "defaultRequestPolicy": {"headerContentType": "text/plain; charset=UTF-8"},
    }
}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `fixed` are the attributes that the configuration decides; without any it has none of it."""

    name: str
    arn: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()

    @property
    def is_fifo(self) -> bool:
        """Whether order is kept in each message group."""
        return self.name.endswith(FIFO_SUFFIX)

    @property
    def is_configured(self) -> bool:
        """Whether the configuration declares it."""
        return bool(self.fixed)

    @property
    def source(self) -> str:
        """What facts call it."""
        return f"topics.{self.name}"

    @property
    def maximum_message_size(self) -> int:
        """The most bytes of a message, attributes included."""
        return int(self.attributes.get("MaximumMessageSize", MESSAGE_BYTES))

    @property
    def content_based_deduplication(self) -> bool:
        """Whether messages of a FIFO topic with equal bodies are the same."""
        return self.attributes.get("ContentBasedDeduplication") == "true"

    @property
    def deduplicates_in_groups(self) -> bool:
        """Whether ids for deduplication count within a message group only."""
        return self.attributes.get("FifoThroughputScope") == "MessageGroup"

    @property
    def signature_version(self) -> str:
        """What notifications say of their signature."""
        return self.attributes.get("SignatureVersion", "1")


def check_name(name: str, *, is_fifo: bool) -> None:
    """Raise InvalidParameter unless a topic, a FIFO one or not, can have this name."""
    if is_fifo and not (NAME.fullmatch(name) and name.endswith(FIFO_SUFFIX)):
        raise InvalidParameter(
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
            " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long."
        )
    if not is_fifo and (not NAME.fullmatch(name) or name.endswith(FIFO_SUFFIX)):
        raise InvalidParameter("Topic Name")


def problem_of_attribute(name: str, value: str, *, is_fifo: bool) -> str | None:
    """Return why a topic cannot have an attribute of this value, as SNS says it; None when it can."""
    if name in NOT_SIMULATED:
        return f"{name}: is not simulated by Headrace"
    if name in FIFO_ATTRIBUTES and not is_fifo:
        return "AttributeName"
    if name in _CHOICES and value not in _CHOICES[name]:
        return f"{name}: Invalid value [{value}]. Must be {' or '.join(_CHOICES[name])}."
    if name == "Policy" and not is_policy(value):
        return "Policy Error: null"
    if name == "DisplayName":
        return "DisplayName" if len(value) > 100 else None
    if name == "MaximumMessageSize":
        is_size = value.isascii() and value.isdecimal() and 1024 <= int(value[:9]) <= MOST_MESSAGE_BYTES
        return None if is_size else f"{name}: Invalid value [{value}]. Must be between 1024 and 1048576."
    return None if name in _CHOICES or _KEPT.fullmatch(name) else "AttributeName"


def default_policy(topic: Topic, account: Account) -> str:
    """Return the access policy of a topic that nothing is said about, as JSON."""
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _ACTIONS],
        "Resource": topic.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": account.account_id}},
    }
    policy = {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}
    return orjson.dumps(policy).decode()


def shown_attributes(topic: Topic, account: Account, subscriptions: int) -> dict[str, str]:
    """Return what GetTopicAttributes says of a topic with so many subscriptions."""
    shown = {
        "TopicArn": topic.arn,
        "Owner": account.account_id,
        "DisplayName": "",
        "Policy": default_policy(topic, account),
        "EffectiveDeliveryPolicy": orjson.dumps(_DELIVERY_POLICY).decode(),
        "SubscriptionsConfirmed": str(subscriptions),
        "SubscriptionsPending": "0",
        "SubscriptionsDeleted": "0",
    }
    if topic.is_fifo:
        shown |= {"FifoTopic": "true", "ContentBasedDeduplication": "false", "FifoThroughputScope": "Topic"}
    return {**shown, **topic.attributes}
