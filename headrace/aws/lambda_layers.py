"""Lambda's operations on layers.

Source: Lambda API reference, PublishLayerVersion and its kin; texts as recorded on AWS by LocalStack's
test_lambda_api suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from engine.errors import InvalidParameterValue, ValidationFailed
from engine.functions.deployed import LayerVersion
from headrace.aws.lambda_code import arriving_code, location
from headrace.aws.lambda_configuration import sha256_of
from headrace.aws.lambda_errors import AccessDenied, NotFound
from headrace.aws.lambda_plane import LAYER, Answer, Parameters, Plane, page
from headrace.aws.service_model import service_model

GONE = "The resource you requested does not exist."
DESCRIBED = ("Description", "LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures")


async def publish_layer_version(plane: Plane, params: Parameters) -> Answer:
    """Publish a version of a layer; the first one makes the layer."""
    name = _name(plane, params["LayerName"])
    _check_runtimes(params.get("CompatibleRuntimes") or [])
    described = {"Description": "", **{member: params[member] for member in DESCRIBED if params.get(member)}}
    async with arriving_code(plane, params["Content"]) as code:
        number = plane.deployments.next_layer_version(name)
        version = LayerVersion(name, number, code, described, plane.now())
        await plane.deployments.save_layer(version)
    return _describe(plane, version)


async def get_layer_version(plane: Plane, params: Parameters) -> Answer:
    """Describe a version of a layer, and where its content is."""
    return _describe(plane, _version(plane, params))


async def get_layer_version_by_arn(plane: Plane, params: Parameters) -> Answer:
    """Describe the version of a layer that an ARN names."""
    parsed = LAYER.fullmatch(params["Arn"])
    if parsed is None or parsed["version"] is None:
        raise ValidationFailed(
            f"1 validation error detected: Value '{params['Arn']}' at 'arn' failed to satisfy constraint: "
            f"Member must satisfy regular expression pattern: {LAYER.pattern}"
        )
    return _describe(
        plane, _version(plane, {"LayerName": params["Arn"], "VersionNumber": int(parsed["version"])})
    )


async def list_layers(plane: Plane, params: Parameters) -> Answer:
    """Describe the newest version of each layer that suits what is asked for."""
    newest = [
        matching[-1]
        for _, versions in sorted(plane.deployments.layers.items())
        if (matching := [each for _, each in sorted(versions.items()) if _suits(each, params)])
    ]

    def describe(version: LayerVersion) -> dict[str, Any]:
        return {
            "LayerName": version.name,
            "LayerArn": plane.account.layer(version.name),
            "LatestMatchingVersion": _listed(plane, version),
        }

    return page("Layers", newest, params, lambda version: version.name, describe)


async def list_layer_versions(plane: Plane, params: Parameters) -> Answer:
    """Describe the versions of a layer, the newest first; of an unknown layer there are none."""
    versions = plane.deployments.layers.get(_name(plane, params["LayerName"]), {})
    matching = [each for _, each in sorted(versions.items(), reverse=True) if _suits(each, params)]
    # A marker is where the page before ended, and numbers go down here.
    return page(
        "LayerVersions",
        matching,
        params,
        lambda version: f"{2**32 - version.version:010}",
        lambda version: _listed(plane, version),
    )


async def delete_layer_version(plane: Plane, params: Parameters) -> Answer:
    """Delete a version of a layer, which functions that have it keep; one that is not there is no error."""
    name, number = _name(plane, params["LayerName"]), _number(params)
    version = plane.deployments.layers.get(name, {}).get(number)
    if version is not None:
        await plane.deployments.delete_layer(version)
    return None


def _version(plane: Plane, params: Parameters) -> LayerVersion:
    number = _number(params)
    version = plane.deployments.layers.get(_name(plane, params["LayerName"]), {}).get(number)
    if version is None:
        raise NotFound(GONE)
    return version


def _number(params: Parameters) -> int:
    number: int = params["VersionNumber"]
    if number < 1:
        raise InvalidParameterValue("Layer Version Cannot be less than 1")
    return number


def _name(plane: Plane, given: str) -> str:
    """Return the name of a layer that is given by it, or by its ARN."""
    parsed = LAYER.fullmatch(given)
    if parsed is None:
        return given
    if parsed["account"] != plane.account.account_id:
        raise AccessDenied(
            f"{given} is in another account than this simulator's, {plane.account.account_id}."
        )
    plane.check_region(parsed["region"], "Layers")
    return parsed["name"]


def _check_runtimes(runtimes: list[str]) -> None:
    known = service_model("lambda", "2015-03-31")["shapes"]["Runtime"]["enum"]
    if any(runtime not in known for runtime in runtimes):
        raise ValidationFailed(
            f"1 validation error detected: Value '[{', '.join(runtimes)}]' at 'compatibleRuntimes' failed to "
            f"satisfy constraint: Member must satisfy enum value set: [{', '.join(known)}]"
        )


def _suits(version: LayerVersion, params: Parameters) -> bool:
    return all(
        params.get(asked) is None or params[asked] in version.described.get(member, [params[asked]])
        for asked, member in (
            ("CompatibleRuntime", "CompatibleRuntimes"),
            ("CompatibleArchitecture", "CompatibleArchitectures"),
        )
    )


def _listed(plane: Plane, version: LayerVersion) -> dict[str, Any]:
    return {
        "LayerVersionArn": plane.account.layer(version.name, version.version),
        "Version": version.version,
        "CreatedDate": version.created,
        **version.described,
    }


def _describe(plane: Plane, version: LayerVersion) -> dict[str, Any]:
    return {
        **_listed(plane, version),
        "LayerArn": plane.account.layer(version.name),
        "Content": {
            "Location": location(plane, version.code),
            "CodeSha256": sha256_of(version.code),
            "CodeSize": version.code.size,
        },
    }


OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    "DeleteLayerVersion": delete_layer_version,
    "GetLayerVersion": get_layer_version,
    "GetLayerVersionByArn": get_layer_version_by_arn,
    "ListLayerVersions": list_layer_versions,
    "ListLayers": list_layers,
    "PublishLayerVersion": publish_layer_version,
}
