"""What Lambda refuses when a mapping is made or changed, and how it says so."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.errors import InvalidParameterValue, ValidationFailed
from engine.mapping.parameters import MappedSource, with_defaults
from engine.mapping.validation import Operation, Surroundings, find_problems, refusal

CASES = Path(__file__).parents[4] / "shared" / "cases" / "esm_validation.jsonl"
LATEST = {"StartingPosition": "LATEST"}
TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"


def cases() -> list[Any]:
    if not CASES.is_file():
        return [pytest.param(None, id="absent")]
    lines = map(json.loads, CASES.read_text(encoding="utf-8").splitlines())
    return [pytest.param(case, id=case["id"]) for case in lines if case["source"] != "async"]


@pytest.mark.parametrize("case", cases())
def test_mappings_are_refused_as_recorded(case: dict[str, Any] | None) -> None:
    if case is None:
        pytest.skip("the conformance cases are not beside the checkout")
    source = None if case["source"] == "none" else case["source"]
    operation: Operation = "create" if case["operation"].startswith("Create") else "update"
    error = refusal(find_problems(operation, source, {"EventSourceArn": TABLE, **case["params"]}))
    assert (error is None) is case["valid"]
    if error is not None:
        assert case.get("error_code") in (None, error.code)
        wanted = re.sub(r"<.*?>", ".+", re.escape(case.get("message") or str(error)))
        assert re.fullmatch(wanted, str(error))


SQS_ONLY = "Unsupported {} parameter for given event source mapping type."


def says(source: MappedSource, params: dict[str, Any], **around: Any) -> str | None:
    error = refusal(find_problems("create", source, params, around=Surroundings(**around)))
    return None if error is None else str(error)


@pytest.mark.parametrize(
    ("source", "params", "expected"),
    [
        pytest.param("sqs", {"BatchSize": 10}, None, id="ten messages need no window"),
        pytest.param(
            "sqs", {"BatchSize": 10_000, "MaximumBatchingWindowInSeconds": 1}, None, id="more need one"
        ),
        pytest.param("sqs-fifo", {"BatchSize": 10}, None, id="a FIFO queue gives ten at most"),
        pytest.param(
            "sqs-fifo",
            {"BatchSize": 11},
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            id="eleven from a FIFO queue",
        ),
        pytest.param(
            "sqs",
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 5}},
            None,
            id="five filters",
        ),
        pytest.param(
            "sqs",
            {"FilterCriteria": {"Filters": [{"Pattern": '{"body": ["x"]}'}] * 6}},
            "The number of filters exceeds the limit of 5.",
            id="six filters",
        ),
        pytest.param(
            "sqs",
            {"FilterCriteria": {"Filters": [{}]}},
            "Invalid filter pattern definition.",
            id="a filter without a pattern",
        ),
        pytest.param("sqs", {"FilterCriteria": {}}, None, id="no filter at all"),
        pytest.param(
            "sqs", {"DestinationConfig": {"OnFailure": {}}}, None, id="an empty destination is none"
        ),
        pytest.param(
            "sqs",
            {"MaximumRetryAttempts": 1},
            SQS_ONLY.format("MaximumRetryAttempts"),
            id="retries of a queue",
        ),
        pytest.param(
            "sqs",
            {"BisectBatchOnFunctionError": False},
            SQS_ONLY.format("BisectBatchOnFunctionError"),
            id="whatever the value",
        ),
        pytest.param(
            "kinesis",
            {**LATEST, "ProvisionedPollerConfig": {"MinimumPollers": 2}},
            SQS_ONLY.format("ProvisionedPollerConfig"),
            id="pollers of a stream",
        ),
        pytest.param(
            "sqs",
            {"ScalingConfig": {"MaximumConcurrency": 1}},
            "1 validation error detected: Value '1' at 'scalingConfig.maximumConcurrency' failed to satisfy "
            "constraint: Member must have value greater than or equal to 2",
            id="a concurrency of one",
        ),
        pytest.param(
            "sqs",
            {"ScalingConfig": {"MaximumConcurrency": 2}, "ProvisionedPollerConfig": {"MinimumPollers": 2}},
            "ScalingConfig and ProvisionedPollerConfig cannot be used together.",
            id="two ways to scale",
        ),
        pytest.param(
            "sqs",
            {"ProvisionedPollerConfig": {"MinimumPollers": 9, "MaximumPollers": 3}},
            "MinimumPollers must be less than or equal to MaximumPollers.",
            id="more pollers at least than at most",
        ),
        pytest.param("sqs", {"ProvisionedPollerConfig": {"MinimumPollers": 2}}, None, id="pollers"),
        pytest.param(
            "sqs", {"KMSKeyArn": "arn:aws:kms:x"}, "KMSKeyArn is not simulated by Headrace.", id="a key"
        ),
        pytest.param("sqs", {"KMSKeyArn": ""}, None, id="no key"),
        pytest.param(
            "kinesis",
            {**LATEST, "TumblingWindowInSeconds": 10, "ParallelizationFactor": 2},
            "Parallelization factor must be 1 if a tumbling window is used.",
            id="lanes in a tumbling window",
        ),
        pytest.param(
            "kinesis",
            {**LATEST, "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:lambda:x:1:function:f"}}},
            "The destination ARN arn:aws:lambda:x:1:function:f is invalid.",
            id="a function as destination",
        ),
        pytest.param(
            "dynamodb",
            {**LATEST, "DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::failures"}}},
            None,
            id="a bucket as destination",
        ),
        pytest.param(
            "kinesis",
            {**LATEST, "StartingPositionTimestamp": 1},
            "StartingPositionTimestamp can only be used when StartingPosition is AT_TIMESTAMP.",
            id="a timestamp that would be ignored",
        ),
        pytest.param(
            "kinesis",
            {**LATEST, "BatchSize": "many", "MaximumRetryAttempts": -2},
            "2 validation errors detected: Value 'many' at 'batchSize' failed to satisfy constraint: Member "
            "must be of type integer; Value '-2' at 'maximumRetryAttempts' failed to satisfy constraint: "
            "Member must have value greater than or equal to -1",
            id="Lambda tells of all violations of its model",
        ),
    ],
)
def test_a_mapping_is_refused_with_lambdas_words(
    source: MappedSource, params: dict[str, Any], expected: str | None
) -> None:
    assert says(source, params) == expected


def test_a_queue_hides_its_messages_for_as_long_as_the_function_may_run() -> None:
    expected = "Queue visibility timeout: 30 seconds is less than Function timeout: 300 seconds"
    assert says("sqs", {}, visibility_timeout_seconds=30, function_timeout_seconds=300) == expected
    assert says("sqs", {}, visibility_timeout_seconds=300, function_timeout_seconds=300) is None


def test_a_stream_is_not_read_from_the_future() -> None:
    params = {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 2_000_000_000.5}
    now = datetime.fromtimestamp(1_900_000_000, UTC)
    assert says("kinesis", params, now=now) == "StartingPositionTimestamp cannot be in the future."
    assert says("kinesis", params, now=datetime.fromtimestamp(2_000_000_001, UTC)) is None


@pytest.mark.parametrize(
    ("current", "change", "expected"),
    [
        pytest.param({"MaximumBatchingWindowInSeconds": 5}, {"BatchSize": 100}, True, id="the window stays"),
        pytest.param(
            {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 5},
            {"MaximumBatchingWindowInSeconds": 0},
            False,
            id="without its window the batch is too large",
        ),
        pytest.param(
            {"ScalingConfig": {"MaximumConcurrency": 5}},
            {"ScalingConfig": {}, "ProvisionedPollerConfig": {"MaximumPollers": 3}},
            True,
            id="one way to scale replaces the other",
        ),
        pytest.param({}, {"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:q"}, False, id="its source"),
    ],
)
def test_an_update_is_checked_together_with_what_stays(
    current: dict[str, Any], change: dict[str, Any], expected: bool
) -> None:
    problems = find_problems("update", "sqs", change, current=with_defaults("sqs", current))
    assert (problems == []) is expected


def test_an_update_of_a_stream_needs_no_starting_position() -> None:
    assert find_problems("update", "kinesis", {"BatchSize": 5}) == []


def test_what_violates_the_model_is_a_validation_error_the_rest_is_not() -> None:
    assert isinstance(refusal(find_problems("create", "sqs", {"BatchSize": 0})), ValidationFailed)
    assert isinstance(refusal(find_problems("create", "sqs", {"BatchSize": 11})), InvalidParameterValue)
