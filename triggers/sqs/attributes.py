"""The attributes of a queue: what SetQueueAttributes can change, and what it is.

Source: Amazon SQS API reference, SetQueueAttributes.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import Literal

from engine.arn import Account
from engine.value import dataclass
from triggers.sqs.settings import QueueSettings, is_fifo_name, queue_named

MESSAGE_BYTES = 1024 * 1024  # body and attributes together, by default and at most


@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Messages that were received `max_receive_count` times go to `dead_letter_queue`, a name."""

    dead_letter_queue: str
    dead_letter_target_arn: str
    max_receive_count: int


@dataclass(frozen=True, slots=True)
class RedriveAllowPolicy:
    """Which queues may name this one as their dead-letter queue; `sources` are names."""

    permission: Literal["allowAll", "denyAll", "byQueue"] = "allowAll"
    sources: tuple[str, ...] = ()

    def allows(self, queue: str) -> bool:
        """Say whether a queue may name this one."""
        return self.permission == "allowAll" or (self.permission == "byQueue" and queue in self.sources)


@dataclass(frozen=True, slots=True)
class QueueAttributes:
    """A queue's name, ARN and attributes, with SQS's defaults. `maximum_message_size` is in bytes.

    `without_effect` are attributes that mean nothing here, as text by their names in the API.
    """

    name: str
    arn: str
    is_fifo: bool = False
    visibility_timeout: timedelta = timedelta(seconds=30)
    delay: timedelta = timedelta()
    message_retention_period: timedelta = timedelta(days=4)
    maximum_message_size: int = MESSAGE_BYTES
    receive_message_wait_time: timedelta = timedelta()
    content_based_deduplication: bool = False
    deduplication_scope: Literal["queue", "messageGroup"] = "queue"
    fifo_throughput_limit: Literal["perQueue", "perMessageGroupId"] = "perQueue"
    redrive_policy: RedrivePolicy | None = None
    redrive_allow_policy: RedriveAllowPolicy | None = None
    without_effect: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def default(cls, name: str, account: Account) -> "QueueAttributes":
        """Return the attributes of a queue that nothing is said about."""
        return cls(name, account.queue(name), is_fifo_name(name))

    @classmethod
    def configured(cls, name: str, settings: QueueSettings, account: Account) -> "QueueAttributes":
        """Return the attributes that `[queues.NAME]` asks for."""
        redrive, allow = settings.redrive_policy, settings.redrive_allow_policy
        target = None if redrive is None else queue_named(redrive.dead_letter_target_arn)
        return cls(
            name,
            account.queue(name),
            is_fifo_name(name),
            visibility_timeout=timedelta(seconds=settings.visibility_timeout),
            delay=timedelta(seconds=settings.delay_seconds),
            message_retention_period=timedelta(seconds=settings.message_retention_period),
            maximum_message_size=settings.maximum_message_size,
            receive_message_wait_time=timedelta(seconds=settings.receive_message_wait_time_seconds),
            content_based_deduplication=settings.content_based_deduplication,
            deduplication_scope=settings.deduplication_scope,
            fifo_throughput_limit=settings.fifo_throughput_limit,
            redrive_policy=None
            if redrive is None or target is None
            else RedrivePolicy(target, account.queue(target), redrive.max_receive_count),
            redrive_allow_policy=None
            if allow is None
            else RedriveAllowPolicy(
                allow.redrive_permission, tuple(queue_named(each) for each in allow.source_queue_arns)
            ),
        )
