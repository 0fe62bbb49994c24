"""The parameters of CreateEventSourceMapping and UpdateEventSourceMapping, as data.

Source: the service model lambda 2015-03-31; developer guide, "Event source mapping parameters".
"""

from collections.abc import Mapping
from typing import Any, Literal

from engine.value import dataclass

MappedSource = Literal["sqs", "sqs-fifo", "kinesis", "dynamodb"]
Form = Literal["integer", "boolean", "string", "timestamp", "list", "structure"]

QUEUES: tuple[MappedSource, ...] = ("sqs", "sqs-fifo")
STREAMS: tuple[MappedSource, ...] = ("kinesis", "dynamodb")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter that is simulated.

    `least` and `most` bound a number, `allowed` lists the values of a string or the elements of a list;
    `sources` are those it means something for, with `default` as its value when it is not given. One that is
    `fixed` cannot be changed by an update.
    """

    form: Form
    least: int | None = None
    most: int | None = None
    allowed: tuple[str, ...] = ()
    sources: tuple[MappedSource, ...] = QUEUES + STREAMS
    default: Any = None
    fixed: bool = False


POSITIONS = ("LATEST", "AT_TIMESTAMP", "TRIM_HORIZON")  # in the order of Lambda's message

PARAMETERS: Mapping[str, Parameter] = {
    "EventSourceArn": Parameter("string", fixed=True),
    "FunctionName": Parameter("string"),
    "Enabled": Parameter("boolean"),
    "StartingPosition": Parameter("string", allowed=POSITIONS, sources=STREAMS, fixed=True),
    "StartingPositionTimestamp": Parameter("timestamp", sources=("kinesis", "dynamodb"), fixed=True),
    "BatchSize": Parameter("integer", 1, 10_000, default=100),
    "MaximumBatchingWindowInSeconds": Parameter("integer", 0, 300, default=0),
    "ParallelizationFactor": Parameter("integer", 1, 10, sources=STREAMS, default=1),
    "BisectBatchOnFunctionError": Parameter("boolean", sources=STREAMS, default=False),
    "MaximumRetryAttempts": Parameter("integer", -1, 10_000, sources=STREAMS, default=-1),
    "MaximumRecordAgeInSeconds": Parameter("integer", -1, 604_800, sources=STREAMS, default=-1),
    "TumblingWindowInSeconds": Parameter("integer", 0, 900, sources=STREAMS, default=0),
    "DestinationConfig": Parameter("structure", sources=STREAMS, default={"OnFailure": {}}),
    "FunctionResponseTypes": Parameter("list", allowed=("ReportBatchItemFailures",), default=[]),
    "FilterCriteria": Parameter("structure"),
    "ScalingConfig": Parameter("structure", sources=QUEUES),
    "ProvisionedPollerConfig": Parameter("structure", sources=QUEUES),
}

MEMBERS: Mapping[str, Mapping[str, Parameter]] = {
    "FilterCriteria": {"Filters": Parameter("list")},
    "DestinationConfig": {"OnFailure": Parameter("structure"), "OnSuccess": Parameter("structure")},
    "ScalingConfig": {"MaximumConcurrency": Parameter("integer", 2, 1000)},
    "ProvisionedPollerConfig": {
        "MinimumPollers": Parameter("integer", 1, 200, default=2),
        "MaximumPollers": Parameter("integer", 1, 10_000, default=200),
    },
}

QUEUE_BATCH_SIZE = 10
LARGEST_BATCH_WITHOUT_WINDOW = 10
LARGEST_FIFO_BATCH = 10
SHORTEST_RECORD_AGE = 60
FILTERS = 5
PATTERN_CHARACTERS = 4096


def with_defaults(source: MappedSource, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a mapping from `source` works with: what was given, and AWS's default for the rest.

    What was given empty counts as not given: `FilterCriteria: {}`, `ScalingConfig: {}`.
    """
    known = {name: params[name] for name in params if not is_empty(params[name])}
    for name, parameter in PARAMETERS.items():
        if source in parameter.sources and parameter.default is not None and name not in known:
            known[name] = parameter.default
    if source in QUEUES and params.get("BatchSize") is None:
        known["BatchSize"] = QUEUE_BATCH_SIZE
    if "ProvisionedPollerConfig" in known:
        defaults = {name: member.default for name, member in MEMBERS["ProvisionedPollerConfig"].items()}
        known["ProvisionedPollerConfig"] = defaults | known["ProvisionedPollerConfig"]
    return known


def is_empty(value: Any) -> bool:
    """Say whether a value asks for nothing: null, empty text, or a structure without anything in it."""
    if isinstance(value, dict):
        return all(is_empty(member) for member in value.values())
    return value is None or value == "" or value == []
