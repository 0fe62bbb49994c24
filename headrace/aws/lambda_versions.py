"""Lambda's operations on published versions and on aliases.

Source: Lambda API reference, PublishVersion and CreateAlias; texts as recorded on AWS by LocalStack's
test_lambda_api suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from engine.errors import InvalidParameterValue, ResourceNotFound, ValidationFailed
from engine.functions.definition import LATEST
from engine.functions.deployed import Alias, DeployedFunction, DeployedVersion, without
from engine.random_uuid import random_uuid
from headrace.aws.lambda_code import code_of
from headrace.aws.lambda_configuration import CREATING, as_listed, describe, sha256_of
from headrace.aws.lambda_errors import Conflict, NotFound
from headrace.aws.lambda_plane import Answer, Parameters, Plane, check_revision, order_of, page


def published(
    plane: Plane, function: DeployedFunction, description: str | None
) -> tuple[DeployedFunction, DeployedVersion]:
    """Return a function with its unpublished version published, and the new version.

    When nothing has changed since the last version was published, it is that one.
    """
    latest = function.latest
    last = function.versions.get(str(function.next_version - 1))
    if last is not None and (last.code, last.layers) == (latest.code, latest.layers):
        before, now = (without(each.configuration, "Description") for each in (last, latest))
        if before == now:
            return function, last
    configuration = dict(latest.configuration)
    if description is not None:
        configuration["Description"] = description
    version = replace(
        latest,
        version=str(function.next_version),
        configuration=configuration,
        revision_id=random_uuid(),
        last_modified=plane.now(),
    )
    latest = replace(latest, revision_id=random_uuid())
    function = replace(function, next_version=function.next_version + 1)
    return function.with_version(latest).with_version(version), version


async def publish_version(plane: Plane, params: Parameters) -> Answer:
    """Publish the unpublished version of a function."""
    function = plane.own_function(params)
    code = function.latest.code
    assert code is not None, "a function of the API has its code in the store"
    check_revision(params.get("RevisionId"), function.latest.revision_id)
    current, given = sha256_of(code), params.get("CodeSha256")
    if given and given != current:
        raise InvalidParameterValue(
            f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). "
            "Please try again with the CodeSHA256 in $LATEST."
        )
    before = function
    function, version = published(plane, function, params.get("Description"))
    described = describe(function, version, code, plane.account, version.version)
    if function == before:
        return described
    await plane.deployments.save(function)
    return {**described, **CREATING}


async def list_versions_by_function(plane: Plane, params: Parameters) -> Answer:
    """Describe all versions of a function."""
    function = plane.function(params)
    described = [
        as_listed(describe(function, each, await code_of(plane, function, each), plane.account, each.version))
        for each in sorted(function.versions.values(), key=lambda each: order_of(each.version))
    ]
    return page("Versions", described, params, lambda each: str(each["Version"]), lambda each: each)


async def create_alias(plane: Plane, params: Parameters) -> Answer:
    """Make an alias."""
    function, name = plane.function(params), params["Name"]
    if name in function.aliases:
        raise Conflict(f"Alias already exists: {plane.account.function(function.name, name)}")
    alias = Alias(
        name,
        _existing(plane, function, params["FunctionVersion"]),
        params.get("Description") or "",
        _weights(plane, function, params["FunctionVersion"], params.get("RoutingConfig")),
        random_uuid(),
    )
    await plane.deployments.save(function.with_alias(alias))
    return _describe(plane, function, alias)


async def update_alias(plane: Plane, params: Parameters) -> Answer:
    """Change an alias: what the request does not say stays."""
    function, alias = _alias(plane, params)
    check_revision(params.get("RevisionId"), alias.revision_id)
    version = params.get("FunctionVersion") or alias.version
    routing = params.get("RoutingConfig")
    changed = Alias(
        alias.name,
        _existing(plane, function, version),
        alias.description if params.get("Description") is None else params["Description"],
        _weights(
            plane,
            function,
            version,
            {"AdditionalVersionWeights": alias.weights} if routing is None else routing,
        ),
        random_uuid(),
    )
    await plane.deployments.save(function.with_alias(changed))
    return _describe(plane, function, changed)


async def get_alias(plane: Plane, params: Parameters) -> Answer:
    """Describe an alias."""
    return _describe(plane, *_alias(plane, params))


async def list_aliases(plane: Plane, params: Parameters) -> Answer:
    """Describe the aliases of a function, or those that point to one version."""
    function, version = plane.function(params), params.get("FunctionVersion")
    aliases = [alias for _, alias in sorted(function.aliases.items()) if version in (None, alias.version)]
    return page(
        "Aliases", aliases, params, lambda alias: alias.name, lambda alias: _describe(plane, function, alias)
    )


async def delete_alias(plane: Plane, params: Parameters) -> Answer:
    """Delete an alias with its policy and its event invoke configuration, if it is there."""
    function, name = plane.function(params), params["Name"]
    if name in function.aliases:
        await plane.deployments.save(
            replace(
                function,
                aliases=without(function.aliases, name),
                policies=without(function.policies, name),
                event_invoke=without(function.event_invoke, name),
            )
        )
    return None


def _alias(plane: Plane, params: Parameters) -> tuple[DeployedFunction, Alias]:
    function, name = plane.function(params), params["Name"]
    alias = function.aliases.get(name)
    if alias is None:
        raise NotFound(f"Cannot find alias arn: {plane.account.function(function.name, name)}")
    return function, alias


def _existing(plane: Plane, function: DeployedFunction, version: str) -> str:
    """Return a version's name. Raises ResourceNotFound when the function has no such version."""
    if version not in function.versions:
        raise ResourceNotFound("Function", plane.account.function(function.name, version))
    return version


def _weights(
    plane: Plane, function: DeployedFunction, version: str, routing: Mapping[str, Any] | None
) -> dict[str, float]:
    """Return the shares that a request gives to other versions than `version`."""
    weights = (routing or {}).get("AdditionalVersionWeights") or {}
    if len(weights) > 1:
        raise InvalidParameterValue("Number of items in AdditionalVersionWeights cannot be greater than 1")
    for other, weight in weights.items():
        if not 0.0 <= weight < 1.0:
            raise ValidationFailed(
                f"1 validation error detected: Value '{{{other}={weight}}}' at "
                "'routingConfig.additionalVersionWeights' failed to satisfy constraint: Map value must "
                "satisfy constraint: [Member must have value less than or equal to 1.0, Member must have "
                "value greater than or equal to 0.0, Member must not be null]"
            )
        if other == version:
            raise InvalidParameterValue(
                f"Invalid function version {version}. Function version {version} is already included in "
                "routing configuration."
            )
        if version == LATEST:
            raise InvalidParameterValue(
                "$LATEST is not supported for an alias pointing to more than 1 version"
            )
        _existing(plane, function, other)
    return dict(weights)


def _describe(plane: Plane, function: DeployedFunction, alias: Alias) -> dict[str, Any]:
    described: dict[str, Any] = {
        "AliasArn": plane.account.function(function.name, alias.name),
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.weights:
        described["RoutingConfig"] = {"AdditionalVersionWeights": dict(alias.weights)}
    return described


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "CreateAlias": create_alias,
    "DeleteAlias": delete_alias,
    "GetAlias": get_alias,
    "ListAliases": list_aliases,
    "ListVersionsByFunction": list_versions_by_function,
    "PublishVersion": publish_version,
    "UpdateAlias": update_alias,
}
