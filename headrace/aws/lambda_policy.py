"""Lambda's operations on the policies of functions, which are kept and shown: nobody's access is judged here.

Source: Lambda API reference, AddPermission; texts and the shape of statements as recorded on AWS by
LocalStack's test_lambda_api::TestLambdaPermissions.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from engine.errors import InvalidParameterValue, ResourceNotFound
from engine.functions.definition import LATEST
from engine.functions.deployed import DeployedFunction, Members, without
from engine.random_uuid import random_uuid
from headrace.aws.lambda_errors import Conflict, NotFound
from headrace.aws.lambda_plane import Answer, Parameters, Plane, check_revision

CONDITIONS = (
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ("PrincipalOrgID", "StringEquals", "aws:PrincipalOrgID"),
    ("SourceAccount", "StringEquals", "AWS:SourceAccount"),
    ("EventSourceToken", "StringEquals", "lambda:EventSourceToken"),
    ("SourceArn", "ArnLike", "AWS:SourceArn"),
)


async def add_permission(plane: Plane, params: Parameters) -> Answer:
    """Add a statement to the policy of a function, a version or an alias."""
    if plane.target(params).qualifier == LATEST:
        raise InvalidParameterValue("We currently do not support adding policies for $LATEST.")
    function, qualifier = _resource(plane, params)
    check_revision(params.get("RevisionId"), _revision(function, qualifier))
    statements = function.policies.get(qualifier, ())
    sid = params["StatementId"]
    if any(statement["Sid"] == sid for statement in statements):
        raise Conflict(
            f"The statement id ({sid}) provided already exists. Please provide a new statement id, or remove "
            "the existing statement."
        )
    statement = _statement(plane, params, _arn(plane, function, qualifier))
    policies = {**function.policies, qualifier: (*statements, statement)}
    await plane.deployments.save(_revised(replace(function, policies=policies), qualifier))
    return {"Statement": orjson.dumps(statement).decode()}


async def remove_permission(plane: Plane, params: Parameters) -> Answer:
    """Remove a statement from a policy."""
    function, qualifier = _resource(plane, params)
    statements, sid = function.policies.get(qualifier, ()), params["StatementId"]
    if not statements:
        raise NotFound("No policy is associated with the given resource.")
    left = tuple(statement for statement in statements if statement["Sid"] != sid)
    if left == statements:
        raise NotFound(f"Statement {sid} is not found in resource policy.")
    check_revision(params.get("RevisionId"), _revision(function, qualifier))
    policies = {**without(function.policies, qualifier), **({qualifier: left} if left else {})}
    await plane.deployments.save(_revised(replace(function, policies=policies), qualifier))
    return None


async def get_policy(plane: Plane, params: Parameters) -> Answer:
    """Return a policy as JSON text."""
    function, qualifier = _resource(plane, params)
    statements = function.policies.get(qualifier)
    if not statements:
        raise NotFound("The resource you requested does not exist.")
    policy = {"Version": "2012-10-17", "Id": "default", "Statement": statements}
    return {"Policy": orjson.dumps(policy).decode(), "RevisionId": _revision(function, qualifier)}


def _resource(plane: Plane, params: Parameters) -> tuple[DeployedFunction, str]:
    """Return a function and the qualifier whose policy is meant. Raises NotFound."""
    function, qualifier = plane.function(params), plane.target(params).qualifier or LATEST
    if qualifier not in function.versions and qualifier not in function.aliases:
        arn = plane.account.function(function.name, qualifier)
        if qualifier.isdecimal():
            raise ResourceNotFound("Function", arn)
        raise NotFound(f"Cannot find alias arn: {arn}")
    return function, qualifier


def _arn(plane: Plane, function: DeployedFunction, qualifier: str) -> str:
    return plane.account.function(function.name, None if qualifier == LATEST else qualifier)


def _revision(function: DeployedFunction, qualifier: str) -> str:
    alias = function.aliases.get(qualifier)
    return function.versions[qualifier].revision_id if alias is None else alias.revision_id


def _revised(function: DeployedFunction, qualifier: str) -> DeployedFunction:
    """Return a function with another revision of what the qualifier names."""
    alias = function.aliases.get(qualifier)
    if alias is not None:
        return function.with_alias(replace(alias, revision_id=random_uuid()))
    return function.with_version(replace(function.versions[qualifier], revision_id=random_uuid()))


def _statement(plane: Plane, params: Parameters, arn: str) -> Members:
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(plane, params["Principal"]),
        "Action": params["Action"],
        "Resource": arn,
    }
    condition: dict[str, dict[str, str]] = {}
    for member, operator, key in CONDITIONS:
        if params.get(member) is not None:
            condition.setdefault(operator, {})[key] = params[member]
    if params.get("InvokedViaFunctionUrl") is not None:
        condition["Bool"] = {"lambda:InvokedViaFunctionUrl": str(params["InvokedViaFunctionUrl"]).lower()}
    if condition:
        statement["Condition"] = condition
    return statement


def _principal(plane: Plane, given: str) -> Any:
    if given.endswith(".amazonaws.com"):
        return {"Service": given}
    if re.fullmatch(r"\d{12}", given):
        return {"AWS": f"arn:{plane.account.partition}:iam::{given}:root"}
    if re.match(r"arn:aws[a-zA-Z-]*:(iam|sts):", given):
        return {"AWS": given}
    if given == "*":
        return given
    raise InvalidParameterValue(
        "The provided principal was invalid. Please check the principal and try again."
    )


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "AddPermission": add_permission,
    "GetPolicy": get_policy,
    "RemovePermission": remove_permission,
}
