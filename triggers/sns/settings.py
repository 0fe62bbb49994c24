"""The options of `[topics.NAME]`, with SNS's names and ranges.

Source: Amazon SNS API reference, CreateTopic and Subscribe.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from engine.settings import Settings
from triggers.sns.filter_policy import PolicyRefused, Scope, read_policy
from triggers.sns.topic import FIFO_SUFFIX, MESSAGE_BYTES, MOST_MESSAGE_BYTES, NAME

_FUNCTION = re.compile(r"functions\.|arn:aws[\w-]*:lambda:")


def checked_name(name: str) -> str:
    """Return a topic's name. Raises ValueError for one that SNS would refuse."""
    if not NAME.fullmatch(name):
        raise ValueError(
            "a topic's name has 1 to 256 letters, digits, hyphens and underscores;"
            " that of a FIFO topic ends in .fifo"
        )
    return name


TopicName = Annotated[str, AfterValidator(checked_name)]


class SubscriptionRedriveSettings(Settings):
    """Where messages go that the subscriber could not be given."""

    dead_letter_target_arn: str


class SubscriptionSettings(Settings):
    """A function or a queue that gets a topic's messages."""

    endpoint: str
    filter_policy_scope: Scope = "MessageAttributes"
    filter_policy: str | None = None  # JSON; a table of the configuration is turned into it
    raw_message_delivery: bool = False
    redrive_policy: SubscriptionRedriveSettings | None = None

    @field_validator("filter_policy", mode="before")
    @classmethod
    def _is_json(cls, value: object) -> Any:
        return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _policy_is_one(self) -> Self:
        if self.filter_policy is not None and self.filter_policy != "{}":
            try:
                read_policy(self.filter_policy, self.filter_policy_scope)
            except PolicyRefused as error:
                raise ValueError(str(error).replace("\n", "")) from None
        return self


class TopicSettings(Settings):
    """A standard topic, or a FIFO topic when its name ends in `.fifo`."""

    fifo: bool | None = None
    display_name: Annotated[str, Field(max_length=100)] = ""
    maximum_message_size: Annotated[int, Field(ge=1024, le=MOST_MESSAGE_BYTES)] = MESSAGE_BYTES
    content_based_deduplication: bool = False
    fifo_throughput_scope: Literal["Topic", "MessageGroup"] = "Topic"
    subscriptions: tuple[SubscriptionSettings, ...] = ()


FIFO_OPTIONS = ("content_based_deduplication", "fifo_throughput_scope")


def problems_of_topics(topics: Mapping[str, TopicSettings]) -> Iterator[str]:
    """Yield what is wrong with topics that only shows beside their names, a line each."""
    for name, settings in topics.items():
        is_fifo = name.endswith(FIFO_SUFFIX)
        if settings.fifo is not None and settings.fifo != is_fifo:
            yield f"topics.{name}.fifo: the name of a FIFO topic, and of no other, ends in {FIFO_SUFFIX}"
        if not is_fifo:
            for option in FIFO_OPTIONS:
                if option in settings.model_fields_set:
                    yield f"topics.{name}.{option}: only a FIFO topic has this option"
        endpoints = [each.endpoint for each in settings.subscriptions]
        for number, each in enumerate(settings.subscriptions):
            place = f"topics.{name}.subscriptions[{number}]"
            if each.endpoint in endpoints[:number]:
                yield f"{place}.endpoint: {each.endpoint} is subscribed already"
            yield from _problems_of_subscription(place, each, is_fifo=is_fifo)


def _problems_of_subscription(
    place: str, subscription: SubscriptionSettings, *, is_fifo: bool
) -> Iterator[str]:
    endpoint = subscription.endpoint
    is_function = _FUNCTION.match(endpoint) is not None
    if is_fifo and is_function:
        yield f"{place}.endpoint: only queues can be subscribed to FIFO topics"
    if not is_fifo and endpoint.endswith(FIFO_SUFFIX):
        yield f"{place}.endpoint: FIFO queues cannot be subscribed to standard topics"
    if is_function and subscription.raw_message_delivery:
        yield f"{place}.raw_message_delivery: a function gets no raw messages, only queues do"
    redrive = subscription.redrive_policy
    if redrive is not None and redrive.dead_letter_target_arn.endswith(FIFO_SUFFIX) != endpoint.endswith(
        FIFO_SUFFIX
    ):
        kind = "FIFO" if endpoint.endswith(FIFO_SUFFIX) else "standard"
        yield (
            f"{place}.redrive_policy.dead_letter_target_arn:"
            f" the dead-letter queue of this subscription is a {kind} queue"
        )
