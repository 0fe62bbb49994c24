"""`[[event_source_mappings]]`: what may be written, and what is said of the rest."""

import tomllib
from typing import Any

import pytest
from pydantic import ValidationError

from engine.mapping.parameters import MappedSource
from engine.mapping.settings import MappingSettings, mapping_parameters, mapping_problems
from engine.mapping.validation import NOT_SIMULATED, Surroundings

PLACE = "event_source_mappings[1]."
NO_POSITION = (
    'starting_position: is required: "TRIM_HORIZON" reads what is there, "LATEST" only what comes (Lambda: '
    "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member must "
    "not be null.)"
)
NO_PATTERN = (
    'filter_criteria.filters[0].pattern: Invalid filter pattern definition. "a" must be an object or an array'
)
TOO_SHORT = (
    "source: Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds: raise the "
    "queue's visibility_timeout, or lower the function's timeout"
)
ARN, FAILURES = "arn:aws:sqs:us-east-1:000000000000:jobs", "arn:aws:sqs:us-east-1:000000000000:failures"


def settings(text: str) -> MappingSettings:
    return MappingSettings.model_validate(tomllib.loads(f'source = "queues.jobs"\nfunction = "work"\n{text}'))


def problems(text: str, source: MappedSource, **around: Any) -> list[str]:
    lines = mapping_problems(1, settings(text), source, Surroundings(**around))
    assert all(line.startswith(PLACE) for line in lines)
    return [line.removeprefix(PLACE) for line in lines]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {"Enabled": True}, id="nothing but source and function"),
        pytest.param(
            "enabled = false\nbatch_size = 7", {"Enabled": False, "BatchSize": 7}, id="plain values"
        ),
        pytest.param(
            """filter_criteria = { filters = [{ pattern = '{"body":["a"]}' }] }""",
            {"Enabled": True, "FilterCriteria": {"Filters": [{"Pattern": '{"body":["a"]}'}]}},
            id="a pattern as text",
        ),
        pytest.param(
            "[[filter_criteria.filters]]\n[filter_criteria.filters.pattern]\nbody = { n = [1, true] }",
            {"Enabled": True, "FilterCriteria": {"Filters": [{"Pattern": '{"body":{"n":[1,true]}}'}]}},
            id="a pattern as a table",
        ),
        pytest.param(
            "scaling_config = { maximum_concurrency = 3 }",
            {"Enabled": True, "ScalingConfig": {"MaximumConcurrency": 3}},
            id="a nested value",
        ),
        pytest.param(
            'starting_position = "AT_TIMESTAMP"\nstarting_position_timestamp = 2026-01-01T01:00:00.5+01:00',
            {
                "Enabled": True,
                "StartingPosition": "AT_TIMESTAMP",
                "StartingPositionTimestamp": 1767225600.5,
            },
            id="a moment in seconds from 1970",
        ),
        pytest.param(
            "starting_position_timestamp = 2026-01-01T00:00:00",
            {"Enabled": True, "StartingPositionTimestamp": 1767225600.0},
            id="a moment without a zone is UTC",
        ),
        pytest.param(
            'function_response_types = ["ReportBatchItemFailures"]',
            {"Enabled": True, "FunctionResponseTypes": ["ReportBatchItemFailures"]},
            id="a list",
        ),
    ],
)
def test_settings_are_lambdas_parameters_in_snake_case(text: str, expected: dict[str, Any]) -> None:
    params = mapping_parameters(settings(text), event_source_arn=ARN, function="work", on_failure_arn=None)
    assert params == {"EventSourceArn": ARN, "FunctionName": "work", **expected}


@pytest.mark.parametrize("value", ['"queues.failures"', '{ destination = "queues.failures" }'])
def test_an_on_failure_destination_is_written_short_or_long(value: str) -> None:
    given = settings(f"destination_config = {{ on_failure = {value} }}")
    assert given.on_failure == "queues.failures"
    params = mapping_parameters(given, event_source_arn=ARN, function="work", on_failure_arn=FAILURES)
    assert params["DestinationConfig"] == {"OnFailure": {"Destination": FAILURES}}


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        pytest.param(
            "batch_size = 0",
            "sqs",
            ["batch_size: 1 is the least, got 0"],
            id="range",
        ),
        pytest.param(
            "maximum_retry_attempts = 10001\nparallelization_factor = 11",
            "kinesis",
            [
                "parallelization_factor: 10 is the most, got 11",
                "maximum_retry_attempts: 10000 is the most, got 10001",
                NO_POSITION,
            ],
            id="all at once",
        ),
        pytest.param(
            """filter_criteria = { filters = [{ pattern = '{"a": 1}' }] }""",
            "sqs",
            [NO_PATTERN],
            id="a pattern, and what is wrong with it",
        ),
        pytest.param(
            "parallelization_factor = 2",
            "sqs",
            ["parallelization_factor: a queue has no such option: remove it"],
            id="a stream's option",
        ),
    ],
)
def test_problems_are_told_with_their_path(text: str, source: MappedSource, expected: list[str]) -> None:
    assert problems(text, source) == expected


def test_a_visibility_timeout_that_is_too_short_is_told_of_the_source() -> None:
    assert problems("", "sqs", visibility_timeout_seconds=30, function_timeout_seconds=60) == [TOO_SHORT]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param('kms_key_arn = "arn:aws:kms:x"', [f"kms_key_arn: {NOT_SIMULATED}"], id="a key"),
        pytest.param(
            'batch_size = 0\nmetrics_config = { metrics = ["EventCount"] }',
            ["batch_size: 1 is the least, got 0", f"metrics_config: {NOT_SIMULATED}"],
            id="metrics, beside something else",
        ),
        pytest.param(
            'document_db_event_source_config = { database_name = "d" }',
            [f"document_db_event_source_config: {NOT_SIMULATED}"],
            id="another source's option",
        ),
        pytest.param(
            'provisioned_poller_config = { poller_group_name = "g" }',
            [f"provisioned_poller_config.poller_group_name: {NOT_SIMULATED}"],
            id="a nested one",
        ),
        pytest.param(
            'destination_config = { on_success = "queues.ok" }',
            ["destination_config: a queue has no such option: remove it"],
            id="a destination of a queue",
        ),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(text: str, expected: list[str]) -> None:
    assert problems(text, "sqs") == expected


def test_a_stream_has_no_on_success_destination() -> None:
    text = 'starting_position = "LATEST"\ndestination_config = { on_success = "queues.ok" }'
    assert problems(text, "kinesis") == [
        "destination_config.on_success: an event source mapping has no on-success destination: remove it"
    ]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        pytest.param("batch_size = true", ("batch_size",), id="a flag for a number"),
        pytest.param("batch_sizes = 1", ("batch_sizes",), id="an option that does not exist"),
        pytest.param(
            "destination_config = { on_failure = 1 }", ("destination_config", "on_failure"), id="a number"
        ),
    ],
)
def test_a_value_of_another_type_is_refused_at_its_place(text: str, place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        settings(text)
    (error,) = caught.value.errors()
    assert error["loc"] == place
