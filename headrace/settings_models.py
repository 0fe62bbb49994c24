"""What each table of the configuration may hold. A model is imported when its table is there.

Importing and building all of them would be a fifth of a simulator's start.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from headrace.settings_problems import Tables


def _functions() -> Any:
    from engine.functions.settings import FunctionName, FunctionSettings

    return dict[FunctionName, FunctionSettings]


def _buckets() -> Any:
    from triggers.s3.settings import BucketName, BucketSettings

    return dict[BucketName, BucketSettings]


def _queues() -> Any:
    from triggers.sqs.settings import QueueName, QueueSettings

    return dict[QueueName, QueueSettings]


def _topics() -> Any:
    from triggers.sns.settings import TopicName, TopicSettings

    return dict[TopicName, TopicSettings]


def _streams() -> Any:
    from triggers.kinesis.settings import StreamName, StreamSettings

    return dict[StreamName, StreamSettings]


def _tables() -> Any:
    from triggers.dynamodb.settings import TableName, TableSettings

    return dict[TableName, TableSettings]


def _schedules() -> Any:
    from triggers.schedule.settings import ScheduleName, ScheduleSettings

    return dict[ScheduleName, ScheduleSettings]


def _event_buses() -> Any:
    from triggers.eventbridge.settings import BusName, EventBusSettings

    return dict[BusName, EventBusSettings]


def _event_source_mappings() -> Any:
    from engine.mapping.settings import MappingSettings

    return tuple[MappingSettings, ...]


_TYPES: Mapping[str, Callable[[], Any]] = {
    "functions": _functions,
    "buckets": _buckets,
    "queues": _queues,
    "topics": _topics,
    "streams": _streams,
    "tables": _tables,
    "schedules": _schedules,
    "event_buses": _event_buses,
    "event_source_mappings": _event_source_mappings,
}
TABLE_NAMES = tuple(_TYPES)


@cache
def table_type(table: str) -> TypeAdapter[Any]:
    """Return what validates a whole table: its resources by name, or a list of them."""
    return TypeAdapter(_TYPES[table]())


@cache
def resource_type(table: str) -> TypeAdapter[Any]:
    """Return what validates one resource of a table."""
    kind = _TYPES[table]()
    return TypeAdapter(kind.__args__[1] if kind.__origin__ is dict else kind.__args__[0])


def nested_tables() -> Tables:
    """Return the model of every table, however deep, for advice on misspelt options."""
    from engine.functions.settings import FunctionSettings
    from engine.mapping import settings as mapping
    from triggers.dynamodb.settings import IndexSettings, TableSettings
    from triggers.eventbridge import settings as bus
    from triggers.kinesis.settings import StreamSettings
    from triggers.s3.settings import BucketSettings, NotificationSettings
    from triggers.schedule.settings import ScheduleSettings
    from triggers.sns.settings import SubscriptionRedriveSettings, SubscriptionSettings, TopicSettings
    from triggers.sqs.settings import QueueSettings, RedriveAllowPolicySettings, RedrivePolicySettings

    mappings = ("event_source_mappings", "*")
    rules = ("event_buses", "*", "rules", "*")
    return {
        ("functions", "*"): FunctionSettings,
        ("buckets", "*"): BucketSettings,
        ("buckets", "*", "notifications", "*"): NotificationSettings,
        ("queues", "*"): QueueSettings,
        ("queues", "*", "redrive_policy"): RedrivePolicySettings,
        ("queues", "*", "redrive_allow_policy"): RedriveAllowPolicySettings,
        ("topics", "*"): TopicSettings,
        ("topics", "*", "subscriptions", "*"): SubscriptionSettings,
        ("topics", "*", "subscriptions", "*", "redrive_policy"): SubscriptionRedriveSettings,
        ("streams", "*"): StreamSettings,
        ("tables", "*"): TableSettings,
        ("tables", "*", "global_secondary_indexes", "*"): IndexSettings,
        ("tables", "*", "local_secondary_indexes", "*"): IndexSettings,
        ("schedules", "*"): ScheduleSettings,
        ("event_buses", "*"): bus.EventBusSettings,
        rules: bus.RuleSettings,
        (*rules, "targets", "*"): bus.EventTargetSettings,
        (*rules, "targets", "*", "input_transformer"): bus.InputTransformerSettings,
        (*rules, "targets", "*", "retry_policy"): bus.RetryPolicySettings,
        mappings: mapping.MappingSettings,
        (*mappings, "filter_criteria"): mapping.FilterCriteriaSettings,
        (*mappings, "filter_criteria", "filters", "*"): mapping.FilterSettings,
        (*mappings, "scaling_config"): mapping.ScalingSettings,
        (*mappings, "provisioned_poller_config"): mapping.ProvisionedPollerSettings,
        (*mappings, "destination_config"): mapping.DestinationConfigSettings,
        (*mappings, "destination_config", "on_failure"): mapping.DestinationSettings,
    }
