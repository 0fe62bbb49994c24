"""The options of `[queues.NAME]`, with SQS's names, ranges and defaults. Durations are whole seconds.

Source: Amazon SQS API reference, CreateQueue and SetQueueAttributes.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.settings import Settings

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo")
FIFO_SUFFIX = ".fifo"


def is_fifo_name(name: str) -> bool:
    """Say whether a queue of this name is a FIFO queue."""
    return name.endswith(FIFO_SUFFIX)


def queue_named(reference: str) -> str:
    """Return the name in `queues.jobs`, in an ARN, or a bare name."""
    return reference.rpartition(":")[2].removeprefix("queues.")


def checked_name(name: str) -> str:
    """Return a queue's name. Raises ValueError for one that SQS would refuse."""
    if not NAME.fullmatch(name):
        raise ValueError(
            "a queue's name has 1 to 80 letters, digits, hyphens and underscores;"
            " that of a FIFO queue ends in .fifo"
        )
    return name


QueueName = Annotated[str, AfterValidator(checked_name)]


class RedrivePolicySettings(Settings):
    """Where messages go that were received too often."""

    dead_letter_target_arn: str
    max_receive_count: Annotated[int, Field(ge=1, le=1000)] = 10


class RedriveAllowPolicySettings(Settings):
    """Which queues may have this one as their dead-letter queue."""

    redrive_permission: Literal["allowAll", "denyAll", "byQueue"] = "allowAll"
    source_queue_arns: Annotated[tuple[str, ...], Field(max_length=10)] = ()

    @model_validator(mode="after")
    def _sources_belong_to_by_queue(self) -> Self:
        if (self.redrive_permission == "byQueue") != bool(self.source_queue_arns):
            raise ValueError('source_queue_arns goes with redrive_permission = "byQueue", and only with it')
        return self


class QueueSettings(Settings):
    """A standard queue, or a FIFO queue when its name ends in `.fifo`."""

    fifo: bool | None = None
    visibility_timeout: Annotated[int, Field(ge=0, le=43_200)] = 30
    delay_seconds: Annotated[int, Field(ge=0, le=900)] = 0
    message_retention_period: Annotated[int, Field(ge=60, le=1_209_600)] = 345_600
    maximum_message_size: Annotated[int, Field(ge=1024, le=1_048_576)] = 1_048_576
    receive_message_wait_time_seconds: Annotated[int, Field(ge=0, le=20)] = 0
    content_based_deduplication: bool = False
    deduplication_scope: Literal["queue", "messageGroup"] = "queue"
    fifo_throughput_limit: Literal["perQueue", "perMessageGroupId"] = "perQueue"
    redrive_policy: RedrivePolicySettings | None = None
    redrive_allow_policy: RedriveAllowPolicySettings | None = None

    @model_validator(mode="after")
    def _high_throughput_needs_groups(self) -> Self:
        if self.fifo_throughput_limit == "perMessageGroupId" and self.deduplication_scope != "messageGroup":
            raise ValueError(
                'fifo_throughput_limit = "perMessageGroupId" needs deduplication_scope = "messageGroup"'
            )
        return self


FIFO_OPTIONS = ("content_based_deduplication", "deduplication_scope", "fifo_throughput_limit")


def problems_between_queues(queues: Mapping[str, QueueSettings]) -> Iterator[str]:
    """Yield what is wrong with queues that only shows beside their names and each other, a line each.

    References to queues that do not exist are passed over: they are reported as such.
    """
    for name, settings in queues.items():
        yield from _problems_of_kind(name, settings)
        if settings.redrive_policy is None:
            continue
        target = queue_named(settings.redrive_policy.dead_letter_target_arn)
        if target not in queues:
            continue
        place = f"queues.{name}.redrive_policy.dead_letter_target_arn"
        if is_fifo_name(target) != is_fifo_name(name):
            kind = "FIFO" if is_fifo_name(name) else "standard"
            yield f"{place}: the dead-letter queue of a {kind} queue is a {kind} queue, {target} is not"
        allow = queues[target].redrive_allow_policy
        if allow is not None and not _allows(allow, name):
            yield f"{place}: the redrive_allow_policy of queues.{target} does not allow queues.{name}"


def _problems_of_kind(name: str, settings: QueueSettings) -> Iterator[str]:
    is_fifo = is_fifo_name(name)
    if settings.fifo is not None and settings.fifo != is_fifo:
        yield f"queues.{name}.fifo: the name of a FIFO queue, and of no other, ends in {FIFO_SUFFIX}"
    if not is_fifo:
        for option in FIFO_OPTIONS:
            if option in settings.model_fields_set:
                yield f"queues.{name}.{option}: only a FIFO queue has this option"


def _allows(policy: RedriveAllowPolicySettings, source: str) -> bool:
    if policy.redrive_permission == "byQueue":
        return source in map(queue_named, policy.source_queue_arns)
    return policy.redrive_permission == "allowAll"
