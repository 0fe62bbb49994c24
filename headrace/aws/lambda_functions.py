"""Lambda's operations on functions: made, changed, described, deleted.

Source: Lambda API reference, CreateFunction and its kin; answers as recorded on AWS by LocalStack's
test_lambda_api suite.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from engine.errors import InvalidParameterValue, ResourceNotFound
from engine.functions.definition import LATEST
from engine.functions.deployed import DeployedFunction, DeployedVersion
from engine.random_uuid import random_uuid
from headrace.aws.lambda_code import arriving_code, check_size, code_of, location, referred_layers
from headrace.aws.lambda_configuration import (
    CREATING,
    UPDATING,
    as_listed,
    changed_configuration,
    describe,
    new_configuration,
    refuse_not_simulated,
)
from headrace.aws.lambda_errors import Conflict, Declared
from headrace.aws.lambda_plane import Answer, Parameters, Plane, check_revision, order_of, page
from headrace.aws.lambda_versions import published

NAME = re.compile(r"[a-zA-Z0-9-_]+")
NAME_CHARACTERS = 64
DEAD_LETTER = re.compile(r"arn:aws[a-zA-Z-]*:(?:sqs|sns):[^:]+:\d{12}:.+")


async def create_function(plane: Plane, params: Parameters) -> Answer:
    """Make a function."""
    name = _new_name(plane, params)
    _refuse_existing(plane, name)
    # It may run an interpreter, to learn its version.
    configuration = await asyncio.to_thread(new_configuration, name, params, plane.deployments.pythons)
    _check_dead_letter(plane, configuration)
    layers = referred_layers(plane, params.get("Layers") or [])
    async with arriving_code(plane, params["Code"]) as code:
        check_size(code, layers)
        _refuse_existing(plane, name)
        version = DeployedVersion(LATEST, configuration, code, layers, random_uuid(), plane.now())
        function = DeployedFunction(name, {LATEST: version}, tags=params.get("Tags") or {})
        if params.get("Publish"):
            function, version = published(plane, function, None)
        await plane.deployments.save(function)
    described = describe(function, version, code, plane.account, None)
    del described["LastUpdateStatus"]
    return {**described, **CREATING, "RevisionId": random_uuid()}


async def update_function_code(plane: Plane, params: Parameters) -> Answer:
    """Change the code of a function's unpublished version, or with DryRun only say how it would be."""
    function = plane.own_function(params)
    refuse_not_simulated(params)
    async with arriving_code(plane, params) as code:
        function = plane.own_function(params)
        check_revision(params.get("RevisionId"), function.latest.revision_id)
        check_size(code, function.latest.layers)
        configuration = dict(function.latest.configuration)
        configuration["Architectures"] = params.get("Architectures") or configuration["Architectures"]
        latest = _changed(plane, function.latest, configuration=configuration, code=code)
        function, version, qualifier = function.with_version(latest), latest, None
        if params.get("Publish"):
            function, version = published(plane, function, None)
            qualifier = version.version
        if not params.get("DryRun"):
            await plane.deployments.save(function)
    return {**describe(function, version, code, plane.account, qualifier), **_in_progress(version)}


async def update_function_configuration(plane: Plane, params: Parameters) -> Answer:
    """Change the configuration of a function's unpublished version."""
    function = plane.own_function(params)
    layers = None if params.get("Layers") is None else referred_layers(plane, params["Layers"])
    change = partial(changed_configuration, function.name, params=params, pythons=plane.deployments.pythons)
    await asyncio.to_thread(change, function.latest.configuration)
    function = plane.own_function(params)
    check_revision(params.get("RevisionId"), function.latest.revision_id)
    configuration = change(function.latest.configuration)
    _check_dead_letter(plane, configuration)
    latest = _changed(plane, function.latest, configuration=configuration, layers=layers)
    assert latest.code is not None, "a function of the API has its code in the store"
    check_size(latest.code, latest.layers)
    function = function.with_version(latest)
    await plane.deployments.save(function)
    return {**describe(function, latest, latest.code, plane.account, None), **_in_progress(latest)}


async def get_function(plane: Plane, params: Parameters) -> Answer:
    """Describe a version of a function, its tags, and where its code is."""
    function, version, qualifier = plane.version(params)
    code = await code_of(plane, function, version)
    answer: dict[str, Any] = {
        "Configuration": describe(function, version, code, plane.account, qualifier),
        "Code": {"RepositoryType": "S3", "Location": location(plane, code)},
    }
    if function.tags:
        answer["Tags"] = dict(function.tags)
    if function.reserved_concurrency is not None:
        answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return answer


async def get_function_configuration(plane: Plane, params: Parameters) -> Answer:
    """Describe a version of a function."""
    function, version, qualifier = plane.version(params)
    return describe(function, version, await code_of(plane, function, version), plane.account, qualifier)


async def list_functions(plane: Plane, params: Parameters) -> Answer:
    """Describe the functions, with FunctionVersion ALL every version of each."""
    functions = sorted(plane.deployments.functions.values(), key=lambda function: function.name)
    every = params.get("FunctionVersion") == "ALL"
    described = [
        as_listed(
            describe(
                function,
                version,
                await code_of(plane, function, version),
                plane.account,
                version.version if every else None,
            )
        )
        for function in functions
        for version in sorted(function.versions.values(), key=lambda each: order_of(each.version))
        if every or version.version == LATEST
    ]
    return page("Functions", described, params, lambda each: str(each["FunctionArn"]), lambda each: each)


async def delete_function(plane: Plane, params: Parameters) -> Answer:
    """Delete a function with all its versions, or one version of it."""
    qualifier = plane.target(params).qualifier
    if qualifier == LATEST:
        raise InvalidParameterValue("$LATEST version cannot be deleted without deleting the function.")
    if (function := plane.function(params)).is_declared:
        raise Declared(function.name)
    if qualifier is None:
        await plane.deployments.delete(function.name)
        return None
    if qualifier not in function.versions:
        raise ResourceNotFound("Function", plane.account.function(function.name, qualifier))
    aliases = [alias for alias in function.aliases.values() if qualifier in (alias.version, *alias.weights)]
    if aliases:
        raise Conflict(f"Version {qualifier} cannot be deleted: alias {aliases[0].name} points to it.")
    left = {name: version for name, version in function.versions.items() if name != qualifier}
    await plane.deployments.save(replace(function, versions=left))
    return None


def _new_name(plane: Plane, params: Parameters) -> str:
    target = plane.target(params)
    rule = None
    if target.qualifier is not None or not NAME.fullmatch(target.name):
        rule = f"Member must satisfy regular expression pattern: {NAME.pattern}"
    elif len(target.name) > NAME_CHARACTERS:
        rule = f"Member must have length less than or equal to {NAME_CHARACTERS}"
    if rule is not None:
        raise InvalidParameterValue(
            f"1 validation error detected: Value '{params['FunctionName']}' at 'functionName' failed to "
            f"satisfy constraint: {rule}"
        )
    return target.name


def _refuse_existing(plane: Plane, name: str) -> None:
    if name in plane.deployments.functions:
        raise Conflict(f"Function already exist: {name}")


def _check_dead_letter(plane: Plane, configuration: Mapping[str, Any]) -> None:
    arn = configuration.get("DeadLetterConfig")
    if not arn:
        return
    if DEAD_LETTER.fullmatch(arn) is None:
        raise InvalidParameterValue(f"The provided dead letter target {arn} is neither a queue nor a topic.")
    if not plane.has_destination(arn):
        raise InvalidParameterValue(f"The provided dead letter target {arn} does not exist.")


def _changed(plane: Plane, version: DeployedVersion, **changes: Any) -> DeployedVersion:
    changes = {name: value for name, value in changes.items() if value is not None}
    return replace(version, revision_id=random_uuid(), last_modified=plane.now(), **changes)


def _in_progress(version: DeployedVersion) -> dict[str, Any]:
    """Return what an answer has until the change is through, which then has another revision."""
    return {**UPDATING, "RevisionId": random_uuid()} if version.version == LATEST else {}


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "CreateFunction": create_function,
    "DeleteFunction": delete_function,
    "GetFunction": get_function,
    "GetFunctionConfiguration": get_function_configuration,
    "ListFunctions": list_functions,
    "UpdateFunctionCode": update_function_code,
    "UpdateFunctionConfiguration": update_function_configuration,
}
