"""Lambda's operations on what a function has as a whole: concurrency, recursion, tags; and on the account.

Source: Lambda API reference, PutFunctionConcurrency, PutFunctionRecursionConfig, TagResource,
GetAccountSettings; texts as recorded on AWS by LocalStack's test_lambda_api suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from engine.errors import InvalidParameterValue, ResourceNotFound
from engine.functions.deployed import DeployedFunction
from engine.functions.zip_archive import UNPACKED_LIMIT_BYTES
from headrace.aws.lambda_code import ZIPPED_LIMIT_BYTES
from headrace.aws.lambda_errors import Declared
from headrace.aws.lambda_plane import FUNCTION, Answer, Parameters, Plane

CONCURRENCY = 1000  # of the account
LEAST_UNRESERVED = 100
TOTAL_CODE_BYTES = 80_530_636_800
TAGS = 50


async def put_function_concurrency(plane: Plane, params: Parameters) -> Answer:
    """Let at most so many invocations of a function run at once; 0 switches it off."""
    function = _unqualified(plane, params)
    reserved = params["ReservedConcurrentExecutions"]
    _refuse_declared(plane, function, "reserved_concurrency", reserved, function.reserved_concurrency)
    others = _reserved(plane) - (function.reserved_concurrency or 0)
    if CONCURRENCY - others - reserved < LEAST_UNRESERVED:
        raise InvalidParameterValue(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{LEAST_UNRESERVED}]."
        )
    await plane.deployments.save(replace(function, reserved_concurrency=reserved))
    return {"ReservedConcurrentExecutions": reserved}


async def get_function_concurrency(plane: Plane, params: Parameters) -> Answer:
    """Return how many invocations of a function may run at once; nothing without a limit."""
    reserved = _unqualified(plane, params).reserved_concurrency
    return {} if reserved is None else {"ReservedConcurrentExecutions": reserved}


async def delete_function_concurrency(plane: Plane, params: Parameters) -> Answer:
    """Lift the limit."""
    function = _unqualified(plane, params)
    _refuse_declared(plane, function, "reserved_concurrency", None, function.reserved_concurrency)
    await plane.deployments.save(replace(function, reserved_concurrency=None))
    return None


async def put_function_recursion_config(plane: Plane, params: Parameters) -> Answer:
    """Switch recursion detection on or off."""
    function, wanted = _unqualified(plane, params), params["RecursiveLoop"]
    _refuse_declared(plane, function, "recursive_loop", wanted, function.recursive_loop)
    await plane.deployments.save(replace(function, recursive_loop=wanted))
    return {"RecursiveLoop": wanted}


async def get_function_recursion_config(plane: Plane, params: Parameters) -> Answer:
    """Say whether recursion detection is on."""
    return {"RecursiveLoop": _unqualified(plane, params).recursive_loop}


async def tag_resource(plane: Plane, params: Parameters) -> Answer:
    """Add tags to a function."""
    function = _tagged(plane, params)
    tags = {**function.tags, **params["Tags"]}
    if len(tags) > TAGS:
        raise InvalidParameterValue("Number of tags exceeds resource tag limit.")
    await plane.deployments.save(replace(function, tags=tags))
    return None


async def untag_resource(plane: Plane, params: Parameters) -> Answer:
    """Remove tags from a function."""
    function = _tagged(plane, params)
    left = {name: value for name, value in function.tags.items() if name not in params["TagKeys"]}
    await plane.deployments.save(replace(function, tags=left))
    return None


async def list_tags(plane: Plane, params: Parameters) -> Answer:
    """Return the tags of a function."""
    return {"Tags": dict(_tagged(plane, params).tags)}


async def get_account_settings(plane: Plane, params: Parameters) -> Answer:  # noqa: ARG001
    """Return Lambda's limits, and how much of them is used."""
    functions = plane.deployments.functions.values()
    codes = [version.code for each in functions for version in each.versions.values()]
    codes += [version.code for each in plane.deployments.layers.values() for version in each.values()]
    return {
        "AccountLimit": {
            "TotalCodeSize": TOTAL_CODE_BYTES,
            "CodeSizeUnzipped": UNPACKED_LIMIT_BYTES,
            "CodeSizeZipped": ZIPPED_LIMIT_BYTES,
            "ConcurrentExecutions": CONCURRENCY,
            "UnreservedConcurrentExecutions": CONCURRENCY - _reserved(plane),
        },
        "AccountUsage": {
            "TotalCodeSize": sum(code.size for code in codes if code is not None),
            "FunctionCount": len(functions),
        },
    }


def _unqualified(plane: Plane, params: Parameters) -> DeployedFunction:
    """Return the function that a request names. Raises InvalidParameterValue for one of its versions."""
    if plane.target(params).qualifier is not None:
        raise InvalidParameterValue(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this "
            "operation. Please specify either a function name or an unqualified function ARN."
        )
    return plane.function(params)


def _refuse_declared(
    plane: Plane, function: DeployedFunction, option: str, wanted: object, current: object
) -> None:
    if wanted != current and plane.deployments.fixes(function, option):
        raise Declared(function.name, option)


def _reserved(plane: Plane) -> int:
    return sum(function.reserved_concurrency or 0 for function in plane.deployments.functions.values())


def _tagged(plane: Plane, params: Parameters) -> DeployedFunction:
    arn = params["Resource"]
    parsed = FUNCTION.fullmatch(arn)
    if parsed is None or ":function:" not in arn:
        kind = arn.split(":")[5] if arn.count(":") >= 6 else arn
        raise InvalidParameterValue(f"Tags of a {kind} are not simulated by Headrace.")
    if parsed["qualifier"] is not None:
        raise InvalidParameterValue(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    if plane.target({"FunctionName": arn}).name not in plane.deployments.functions:
        raise ResourceNotFound("Function", arn)
    return plane.deployments.functions[parsed["name"]]


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "DeleteFunctionConcurrency": delete_function_concurrency,
    "GetAccountSettings": get_account_settings,
    "GetFunctionConcurrency": get_function_concurrency,
    "GetFunctionRecursionConfig": get_function_recursion_config,
    "ListTags": list_tags,
    "PutFunctionConcurrency": put_function_concurrency,
    "PutFunctionRecursionConfig": put_function_recursion_config,
    "TagResource": tag_resource,
    "UntagResource": untag_resource,
}
