"""Lambda's operations on how asynchronous events are handled, for each qualifier of a function.

Source: Lambda API reference, PutFunctionEventInvokeConfig; texts as recorded on AWS by LocalStack's
test_lambda_api::TestLambdaEventInvokeConfig.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from engine.errors import InvalidParameterValue
from engine.functions.definition import LATEST
from engine.functions.deployed import DeployedFunction, Members, without
from engine.mapping.function_reference import parse_reference
from headrace.aws.lambda_errors import Declared, NotFound
from headrace.aws.lambda_plane import Answer, Parameters, Plane, page
from headrace.declared_functions import EVENT_INVOKE_MEMBERS

NUMBERS = ("MaximumRetryAttempts", "MaximumEventAgeInSeconds")
DESTINATIONS = ("OnSuccess", "OnFailure")
SERVICES = ("lambda", "sqs", "sns", "events")
LAST_MODIFIED = "LastModified"


async def put_function_event_invoke_config(plane: Plane, params: Parameters) -> Answer:
    """Say how events are handled; what the request does not say is Lambda's default."""
    function, qualifier = _function(plane, params)
    return await _save(plane, function, qualifier, _given(plane, function, params))


async def update_function_event_invoke_config(plane: Plane, params: Parameters) -> Answer:
    """Change how events are handled; what the request does not say stays."""
    function, qualifier = _function(plane, params)
    given = _given(plane, function, params)
    return await _save(plane, function, qualifier, {**_existing(plane, function, qualifier), **given})


async def get_function_event_invoke_config(plane: Plane, params: Parameters) -> Answer:
    """Describe how events are handled."""
    target = plane.target(params)
    qualifier = target.qualifier or LATEST
    function = plane.deployments.functions.get(target.name)
    if function is None:
        raise _none(plane, target.name, qualifier)
    return _describe(plane, function, qualifier, _existing(plane, function, qualifier))


async def list_function_event_invoke_configs(plane: Plane, params: Parameters) -> Answer:
    """Describe how events are handled for each qualifier that has a configuration."""
    function, _ = _function(plane, params)
    configs = [
        (qualifier, config)
        for qualifier in sorted({LATEST, *function.event_invoke})
        if (config := plane.deployments.event_invoke_of(function, qualifier))
    ]
    return page(
        "FunctionEventInvokeConfigs",
        configs,
        params,
        lambda each: each[0],
        lambda each: _describe(plane, function, *each),
    )


async def delete_function_event_invoke_config(plane: Plane, params: Parameters) -> Answer:
    """Have events handled by Lambda's defaults again."""
    target = plane.target(params)
    qualifier = target.qualifier or LATEST
    function = plane.deployments.functions.get(target.name)
    if function is None or not plane.deployments.event_invoke_of(function, qualifier):
        raise _none(plane, target.name, qualifier)
    if qualifier not in function.event_invoke:
        raise Declared(function.name)
    left = without(function.event_invoke, qualifier)
    await plane.deployments.save(replace(function, event_invoke=left))
    return None


def _function(plane: Plane, params: Parameters) -> tuple[DeployedFunction, str]:
    target = plane.target(params)
    function = plane.deployments.functions.get(target.name)
    if function is None or function.find(target.qualifier) is None:
        raise NotFound("The function doesn't exist.")
    return function, target.qualifier or LATEST


def _existing(plane: Plane, function: DeployedFunction, qualifier: str) -> Members:
    config = plane.deployments.event_invoke_of(function, qualifier)
    if not config:
        raise _none(plane, function.name, qualifier)
    return config


def _none(plane: Plane, function: str, qualifier: str) -> NotFound:
    arn = plane.account.function(function, qualifier)
    return NotFound(f"The function {arn} doesn't have an EventInvokeConfig")


def _given(plane: Plane, function: DeployedFunction, params: Parameters) -> dict[str, Any]:
    """Return what a request says, destinations as ARNs; an empty ARN takes a destination away.

    Raises InvalidParameterValue for a destination that is not there, and Declared for what the
    configuration file says otherwise.
    """
    given = {name: params[name] for name in NUMBERS if params.get(name) is not None}
    config = params.get("DestinationConfig")
    if not given and config is None:
        raise InvalidParameterValue("You must specify at least one of error handling or destination setting.")
    config = config or {}
    arns = {name: (config.get(name) or {}).get("Destination") for name in DESTINATIONS if name in config}
    for name, arn in arns.items():
        _check_destination(plane, function, arn, arns)
        given[name] = arn or ""
    declared = plane.deployments.declared_event_invoke(function)
    for option, member in EVENT_INVOKE_MEMBERS.items():
        if member in declared and given.get(member, declared[member]) != declared[member]:
            raise Declared(function.name, option)
    return given


def _check_destination(
    plane: Plane, function: DeployedFunction, arn: str | None, arns: Mapping[str, str | None]
) -> None:
    if not arn:
        return
    service = arn.split(":")[2]
    if service not in SERVICES:
        shown = ", ".join(
            f"{'onSuccess' if name == 'OnSuccess' else 'onFailure'}="
            + (f"{name}(destination={arns[name]})" if arns.get(name) else "null")
            for name in DESTINATIONS
        )
        raise InvalidParameterValue(f"The provided destination config DestinationConfig({shown}) is invalid.")
    reference = parse_reference(arn, plane.account) if service == "lambda" else None
    if reference is not None and reference.name == function.name:
        raise InvalidParameterValue("You can't specify the function as a destination for itself.")
    if reference is None:
        is_there = service != "lambda" and plane.has_destination(arn)
    else:
        other = plane.deployments.functions.get(reference.name)
        is_there = other is not None and other.find(reference.qualifier) is not None
    if not is_there:
        raise InvalidParameterValue(f"The destination ARN {arn} is invalid.")


async def _save(
    plane: Plane, function: DeployedFunction, qualifier: str, config: Mapping[str, Any]
) -> Answer:
    stored = {name: value for name, value in config.items() if value != ""}
    stored[LAST_MODIFIED] = plane.clock.now().timestamp()
    changed = replace(function, event_invoke={**function.event_invoke, qualifier: stored})
    await plane.deployments.save(changed)
    return _describe(plane, changed, qualifier, plane.deployments.event_invoke_of(changed, qualifier))


def _describe(plane: Plane, function: DeployedFunction, qualifier: str, config: Members) -> dict[str, Any]:
    return {
        LAST_MODIFIED: config.get(LAST_MODIFIED, plane.deployments.started.timestamp()),
        "FunctionArn": plane.account.function(function.name, qualifier),
        **{name: config[name] for name in NUMBERS if name in config},
        "DestinationConfig": {
            name: {"Destination": config[name]} if config.get(name) else {} for name in DESTINATIONS
        },
    }


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "DeleteFunctionEventInvokeConfig": delete_function_event_invoke_config,
    "GetFunctionEventInvokeConfig": get_function_event_invoke_config,
    "ListFunctionEventInvokeConfigs": list_function_event_invoke_configs,
    "PutFunctionEventInvokeConfig": put_function_event_invoke_config,
    "UpdateFunctionEventInvokeConfig": update_function_event_invoke_config,
}
