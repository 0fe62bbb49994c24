"""A rule's target: where matched events go and what of them.

Source: EventBridge API reference, PutTargets; the service model events 2015-10-07.
"""

import json
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from engine.value import dataclass
from triggers.delivery.target import DEFAULT_POLICY, RetryPolicy
from triggers.eventbridge.errors import InvalidParameter
from triggers.eventbridge.json_path import InvalidPath, Step, parse_path
from triggers.eventbridge.target_input import (
    Constant,
    Part,
    TargetInput,
    Transformed,
    WholeEvent,
    unknown_placeholders,
)

TARGETS_MOST = 5  # of a rule
SERVICES = ("lambda", "sqs", "kinesis", "sns", "events")
ELSEWHERE = (
    "EcsParameters",
    "RunCommandParameters",
    "BatchParameters",
    "HttpParameters",
    "RedshiftDataParameters",
    "SageMakerPipelineParameters",
    "AppSyncParameters",
)
_ARN = re.compile(r"arn:aws[\w-]*:(?P<service>[a-z0-9-]+):[a-z0-9-]*:(?:\d{12})?:(?P<resource>.+)")


@dataclass(frozen=True, slots=True)
class RuleTarget:
    """One target. `properties` are the members that PutTargets was given."""

    id: str
    arn: str
    properties: Mapping[str, Any]
    input: TargetInput
    group_id: str | None
    partition_key_path: tuple[Step, ...] | None
    retry: RetryPolicy
    dead_letter: str | None


def problem_of_target(properties: Mapping[str, Any]) -> str | None:
    """Return why a target is one of those that PutTargets lists as failed, or None."""
    target_id, matched = properties["Id"], _ARN.fullmatch(properties["Arn"])
    if matched is None:
        return f"Parameter {target_id} is not valid. Reason: Provided Arn is not in correct format."
    fifo = matched["service"] == "sqs" and matched["resource"].endswith(".fifo")
    if fifo and "MessageGroupId" not in properties.get("SqsParameters", {}):
        return f"Parameter(s) SqsParameters must be specified for target: {target_id}."
    return None


def read_target(properties: Mapping[str, Any]) -> RuleTarget:
    """Return a target. Raises InvalidParameter for what EventBridge refuses or is not simulated."""
    arn = properties["Arn"]
    service = arn.split(":")[2]
    if service not in SERVICES:
        raise InvalidParameter(f"Targets of {service} are not simulated by Headrace: {arn}")
    for name in ELSEWHERE:
        if name in properties:
            raise InvalidParameter(f"{name} are not simulated by Headrace.")
    dead_letter = properties.get("DeadLetterConfig", {}).get("Arn")
    if dead_letter is not None and (":sqs:" not in dead_letter or dead_letter.endswith(".fifo")):
        raise InvalidParameter.because("DeadLetterConfig", "The dead-letter queue must be a standard queue.")
    kinesis = properties.get("KinesisParameters")
    return RuleTarget(
        id=properties["Id"],
        arn=arn,
        properties=properties,
        input=_input(properties),
        group_id=properties.get("SqsParameters", {}).get("MessageGroupId"),
        partition_key_path=None if kinesis is None else _path(kinesis["PartitionKeyPath"], properties["Id"]),
        retry=read_retry_policy(properties.get("RetryPolicy", {})),
        dead_letter=dead_letter,
    )


def read_retry_policy(given: Mapping[str, Any]) -> RetryPolicy:
    """Return the RetryPolicy of a target as the API has it."""
    age = given.get("MaximumEventAgeInSeconds")
    return RetryPolicy(
        given.get("MaximumRetryAttempts", DEFAULT_POLICY.maximum_retry_attempts),
        DEFAULT_POLICY.maximum_event_age if age is None else timedelta(seconds=age),
    )


def _input(properties: Mapping[str, Any]) -> TargetInput:
    target_id = properties["Id"]
    if sum(name in properties for name in ("Input", "InputPath", "InputTransformer")) > 1:
        raise InvalidParameter(
            f"Only one of Input, InputPath, or InputTransformer must be provided for target {target_id}."
        )
    if "Input" in properties:
        _check_json(properties["Input"], target_id)
        return Constant(properties["Input"])
    if "InputPath" in properties:
        return Part(_path(properties["InputPath"], target_id))
    if "InputTransformer" in properties:
        return _transformer(properties["InputTransformer"], target_id)
    return WholeEvent()


def _check_json(text: str, target_id: str) -> None:
    try:
        json.loads(text)
    except ValueError:
        raise InvalidParameter(f"JSON syntax error in input for target {target_id}.") from None


def _transformer(given: Mapping[str, Any], target_id: str) -> Transformed:
    paths = given.get("InputPathsMap", {})
    for name in paths:
        if name.lower().startswith("aws"):
            raise InvalidParameter(f"InputPathsMap for target {target_id} contains reserved name {name}.")
    template = given["InputTemplate"]
    unknown = unknown_placeholders(template, paths)
    if unknown:
        raise InvalidParameter(
            f"InputTemplate for target {target_id} contains invalid placeholder {unknown[0]}."
        )
    return Transformed({name: _path(path, target_id) for name, path in paths.items()}, template)


def _path(text: str, target_id: str) -> tuple[Step, ...]:
    try:
        return parse_path(text)
    except InvalidPath:
        raise InvalidParameter(f"Invalid JSONPath {text} for target {target_id}.") from None
