"""The configuration of a function: what a request may say, and how Lambda describes it.

Source: Lambda API reference, CreateFunction and FunctionConfiguration; texts as recorded on AWS by
LocalStack's test_lambda_api suite.
"""

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.arn import Account
from engine.errors import CodeError, InvalidParameterValue
from engine.functions.deployed import Code, DeployedFunction, DeployedVersion, Members
from engine.functions.interpreter import OWN, find_interpreter
from engine.functions.settings import (
    PROVIDED_RUNTIMES,
    PYTHON_RUNTIMES,
    RESERVED_VARIABLES,
    VARIABLES_LIMIT_BYTES,
)
from headrace.aws.service_model import service_model

NOT_SIMULATED = (
    "AcceleratorConfig",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "DurableConfig",
    "FileSystemConfigs",
    "ImageConfig",
    "PublishTo",
    "RuntimeConfig",
    "TenancyConfig",
)
CREATING = {
    "State": "Pending",
    "StateReason": "The function is being created.",
    "StateReasonCode": "Creating",
}
UPDATING = {
    "LastUpdateStatus": "InProgress",
    "LastUpdateStatusReason": "The function is being created.",
    "LastUpdateStatusReasonCode": "Creating",
}
_NOT_IN_LISTS = ("State", "LastUpdateStatus", "RuntimeVersionConfig")


def new_configuration(name: str, params: Mapping[str, Any], pythons: Mapping[str, Path]) -> dict[str, Any]:
    """Return the configuration that CreateFunction asks for, with Lambda's defaults.

    `pythons` are the interpreters that were chosen for runtimes. Raises InvalidParameterValue for what Lambda
    or this machine does not do.
    """
    if params.get("PackageType", "Zip") != "Zip" or "ImageUri" in params["Code"]:
        raise InvalidParameterValue(
            "Container images are not simulated by Headrace: give the code as a .zip file."
        )
    if not params.get("Runtime") or not params.get("Handler"):
        raise InvalidParameterValue(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    defaults = {
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "TracingConfig": "PassThrough",
        "EphemeralStorage": 512,
        "Architectures": ["x86_64"],
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"},
    }
    return changed_configuration(name, defaults, params, pythons)


def changed_configuration(
    name: str, current: Members, params: Mapping[str, Any], pythons: Mapping[str, Path]
) -> dict[str, Any]:
    """Return a configuration after a request to change it: what the request does not say stays.

    Raises InvalidParameterValue. Layers are no part of it.
    """
    refuse_not_simulated(params)
    changed = dict(current)
    for member in ("Role", "Handler", "Description", "Timeout", "MemorySize", "KMSKeyArn", "Architectures"):
        if params.get(member) is not None:
            changed[member] = params[member]
    if (runtime := params.get("Runtime")) is not None:
        _check_runtime(name, runtime, pythons)
        changed["Runtime"] = runtime
    if (environment := params.get("Environment")) is not None:
        changed["Environment"] = _variables(environment.get("Variables") or {})
    for member, inner in (
        ("TracingConfig", "Mode"),
        ("EphemeralStorage", "Size"),
        ("DeadLetterConfig", "TargetArn"),
    ):
        value = (params.get(member) or {}).get(inner)
        if value is not None:
            changed[member] = value
    if params.get("VpcConfig") is not None:
        changed["VpcConfig"] = {
            "SubnetIds": params["VpcConfig"].get("SubnetIds") or [],
            "SecurityGroupIds": params["VpcConfig"].get("SecurityGroupIds") or [],
            "VpcId": "",
        }
    if params.get("LoggingConfig") is not None:
        changed["LoggingConfig"] = _logging(name, current["LoggingConfig"], params["LoggingConfig"])
    return changed


def refuse_not_simulated(params: Mapping[str, Any]) -> None:
    """Raise InvalidParameterValue for a parameter of Lambda's that would have to do something."""
    for name in NOT_SIMULATED:
        if params.get(name) not in (None, "", [], {}):
            raise InvalidParameterValue(f"{name} is not simulated by Headrace.")
    if (params.get("SnapStart") or {}).get("ApplyOn", "None") != "None":
        raise InvalidParameterValue("SnapStart is not simulated by Headrace.")


def _check_runtime(name: str, runtime: str, pythons: Mapping[str, Path]) -> None:
    known = service_model("lambda", "2015-03-31")["shapes"]["Runtime"]["enum"]
    if runtime not in known:
        raise InvalidParameterValue(
            f"Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: "
            f"[{', '.join(known)}] or be a valid ARN"
        )
    if runtime in PROVIDED_RUNTIMES:
        return
    if runtime not in PYTHON_RUNTIMES:
        raise InvalidParameterValue(
            f"Runtime {runtime} cannot be run by Headrace without help: use {PYTHON_RUNTIMES[0]} or later, "
            f"or {' or '.join(PROVIDED_RUNTIMES)}, or declare the function in headrace.toml with a `command`."
        )
    try:
        find_interpreter(name, runtime, None, pythons)
    except CodeError:
        raise InvalidParameterValue(
            f"Runtime {runtime} cannot be run on this machine: there is no {runtime} on the PATH. "
            f"Headrace itself runs {OWN.runtime}: name an interpreter for it in headrace.toml, "
            f'`pythons = {{ "{runtime}" = "PATH" }}` in [simulator].'
        ) from None


def _variables(variables: Mapping[str, str]) -> dict[str, str]:
    reserved = [name for name in variables if name in RESERVED_VARIABLES]
    if reserved:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment variables you "
            "have provided contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(reserved)}"
        )
    if any("\0" in value for value in variables.values()):
        raise InvalidParameterValue("The value of an environment variable cannot hold a NUL character.")
    measured = orjson.dumps(variables)
    if len(measured) > VARIABLES_LIMIT_BYTES:
        raise InvalidParameterValue(
            "Lambda was unable to configure your environment variables because the environment variables you "
            f"have provided exceeded the 4KB limit. String measured: {measured.decode()}"
        )
    return dict(variables)


def _logging(name: str, current: Mapping[str, str], params: Mapping[str, str]) -> dict[str, str]:
    group = f"/aws/lambda/{name}"
    if params.get("LogGroup", group) != group:
        raise InvalidParameterValue("LoggingConfig.LogGroup is not simulated by Headrace.")
    if params.get("SystemLogLevel", "INFO") != "INFO":
        raise InvalidParameterValue("LoggingConfig.SystemLogLevel is not simulated by Headrace.")
    merged = {**current, **params}
    if merged["LogFormat"] == "JSON":
        return {"ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **merged}
    if "ApplicationLogLevel" in params or "SystemLogLevel" in params:
        raise InvalidParameterValue(
            "Log Level cannot be set when LogFormat is Text. Set LogFormat to JSON or remove the log level."
        )
    return {"LogFormat": "Text", "LogGroup": group}


def sha256_of(code: Code) -> str:
    """Return CodeSha256: in base64."""
    return base64.b64encode(bytes.fromhex(code.digest)).decode()


def describe(
    function: DeployedFunction, version: DeployedVersion, code: Code, account: Account, qualifier: str | None
) -> dict[str, Any]:
    """Return a FunctionConfiguration; its ARN ends in the qualifier if one is given."""
    members = version.configuration
    runtime = hashlib.sha256(members["Runtime"].encode()).hexdigest()
    described: dict[str, Any] = {
        "FunctionName": function.name,
        "FunctionArn": account.function(function.name, qualifier),
        "Runtime": members["Runtime"],
        "Role": members["Role"],
        "Handler": members["Handler"],
        "CodeSize": code.size,
        "Description": members["Description"],
        "Timeout": members["Timeout"],
        "MemorySize": members["MemorySize"],
        "LastModified": version.last_modified,
        "CodeSha256": sha256_of(code),
        "Version": version.version,
        "TracingConfig": {"Mode": members["TracingConfig"]},
        "RevisionId": version.revision_id,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": members["Architectures"],
        "EphemeralStorage": {"Size": members["EphemeralStorage"]},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {
            "RuntimeVersionArn": f"arn:{account.partition}:lambda:{account.region}::runtime:{runtime}"
        },
        "LoggingConfig": members["LoggingConfig"],
    }
    if "Environment" in members:
        described["Environment"] = {"Variables": members["Environment"]}
    if members.get("DeadLetterConfig"):
        described["DeadLetterConfig"] = {"TargetArn": members["DeadLetterConfig"]}
    described |= {name: members[name] for name in ("KMSKeyArn", "VpcConfig") if members.get(name)}
    if version.layers:
        described["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.code.size} for layer in version.layers]
    return described


def as_listed(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a description as lists have it: without what changes while a function is made."""
    return {name: value for name, value in described.items() if name not in _NOT_IN_LISTS}
