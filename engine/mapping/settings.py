"""The options of `[[event_source_mappings]]`: Lambda's parameters in snake case.

Types are checked here, everything else by the rules that the API has too: `mapping_problems` applies them.
Source: Lambda API reference, CreateEventSourceMapping.
"""

import json
import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainValidator, field_validator

from engine.mapping.parameters import MappedSource
from engine.mapping.validation import Place, Surroundings, find_problems
from engine.settings import Settings

WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def _whatever(value: object) -> object:
    return value


# Refused by name, by the same rules as everything else that is wrong; there is no right value.
NotSimulated = Annotated[None, PlainValidator(_whatever)]


def _event_pattern(value: object) -> object:
    """Turn a pattern that is written as a table into its JSON text."""
    if not isinstance(value, dict):
        return value
    try:
        return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"an event pattern is JSON: {error}") from None


class FilterSettings(Settings):
    """One filter: an event pattern, as JSON text or as a table."""

    pattern: Annotated[str, BeforeValidator(_event_pattern)]


class FilterCriteriaSettings(Settings):
    """Filters of which one has to match."""

    filters: tuple[FilterSettings, ...] = ()


class ScalingSettings(Settings):
    """How many batches of a queue are processed at once."""

    maximum_concurrency: int | None = None


class ProvisionedPollerSettings(Settings):
    """Pollers that a queue keeps ready, each for ten batches at once."""

    minimum_pollers: int | None = None
    maximum_pollers: int | None = None
    poller_group_name: NotSimulated = None


class DestinationSettings(Settings):
    """A queue, topic or bucket, by name or ARN."""

    destination: str


def _named(value: object) -> object:
    return {"destination": value} if isinstance(value, str) else value


class DestinationConfigSettings(Settings):
    """Where a stream's records go when they could not be processed."""

    on_failure: Annotated[DestinationSettings | None, BeforeValidator(_named)] = None
    on_success: Annotated[None, PlainValidator(_named)] = None


class MappingSettings(Settings):
    """One event source mapping, from a queue or a stream to a function."""

    source: str
    function: str
    enabled: bool = True
    batch_size: int | None = None
    maximum_batching_window_in_seconds: int | None = None
    filter_criteria: FilterCriteriaSettings | None = None
    function_response_types: tuple[str, ...] | None = None
    scaling_config: ScalingSettings | None = None
    provisioned_poller_config: ProvisionedPollerSettings | None = None
    starting_position: str | None = None
    starting_position_timestamp: datetime | None = None
    parallelization_factor: int | None = None
    bisect_batch_on_function_error: bool | None = None
    maximum_retry_attempts: int | None = None
    maximum_record_age_in_seconds: int | None = None
    tumbling_window_in_seconds: int | None = None
    destination_config: DestinationConfigSettings | None = None

    kms_key_arn: NotSimulated = None
    metrics_config: NotSimulated = None
    logging_config: NotSimulated = None
    tags: NotSimulated = None
    topics: NotSimulated = None
    queues: NotSimulated = None
    source_access_configurations: NotSimulated = None
    self_managed_event_source: NotSimulated = None
    amazon_managed_kafka_event_source_config: NotSimulated = None
    self_managed_kafka_event_source_config: NotSimulated = None
    document_db_event_source_config: NotSimulated = None

    @field_validator("starting_position_timestamp")
    @classmethod
    def _utc(cls, moment: datetime | None) -> datetime | None:
        if moment is None:
            return None
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    @property
    def on_failure(self) -> str | None:
        """What stands as on-failure destination: a name such as `queues.failures`, or an ARN."""
        config = self.destination_config
        return config.on_failure.destination if config is not None and config.on_failure is not None else None


def mapping_parameters(
    settings: MappingSettings, *, event_source_arn: str, function: str, on_failure_arn: str | None
) -> dict[str, Any]:
    """Return what CreateEventSourceMapping would be called with: AWS's names, and what was given alone.

    The ARNs and `function` stand for the references of the settings.
    """
    given = settings.model_dump(exclude_none=True, exclude={"source", "function"}, warnings=False)
    params: dict[str, Any] = {"EventSourceArn": event_source_arn, "FunctionName": function, **_renamed(given)}
    if settings.starting_position_timestamp is not None:
        params["StartingPositionTimestamp"] = settings.starting_position_timestamp.timestamp()
    if on_failure_arn is not None:
        params["DestinationConfig"] = {"OnFailure": {"Destination": on_failure_arn}}
    return params


def mapping_problems(
    index: int, settings: MappingSettings, source: MappedSource | None, around: Surroundings
) -> list[str]:
    """Return what is wrong with the mapping at `index` of the configuration, a line each with its path.

    `source` is None when nobody knows what the mapping reads.
    """
    params = mapping_parameters(
        settings,
        event_source_arn=settings.source,
        function=settings.function,
        on_failure_arn=settings.on_failure,
    )
    return [
        f"event_source_mappings[{index}].{_path(problem.place)}: {problem.explanation}"
        for problem in find_problems("create", source, params, around=around)
    ]


def _path(place: Place) -> str:
    """Return a parameter's path in the configuration."""
    if place == ("EventSourceArn",):
        return "source"
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{WORD.sub('_', part).lower()}" for part in place
    )
    return path.removeprefix(".")


def _renamed(value: Any) -> Any:
    """Return settings as the API spells them."""
    if isinstance(value, dict):
        return {
            "".join(map(str.capitalize, name.split("_"))): _renamed(member) for name, member in value.items()
        }
    if isinstance(value, list | tuple):
        return [_renamed(element) for element in value]
    return value
