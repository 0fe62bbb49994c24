"""The functions of a configuration, as the API describes functions."""

from collections.abc import Mapping
from typing import Any

from engine.arn import Account
from engine.functions.definition import LATEST, FunctionDefinition
from engine.functions.deployed import DeployedFunction, DeployedVersion
from engine.functions.settings import FunctionSettings
from engine.random_uuid import random_uuid
from headrace.references import EVENT_KINDS, resolve

ROLE = "headrace"
EVENT_INVOKE_MEMBERS = {
    "maximum_retry_attempts": "MaximumRetryAttempts",
    "maximum_event_age_in_seconds": "MaximumEventAgeInSeconds",
    "on_success": "OnSuccess",
    "on_failure": "OnFailure",
}


def declared_version(
    settings: FunctionSettings, definition: FunctionDefinition, account: Account, last_modified: str
) -> DeployedVersion:
    """Return the one version that a configured function has."""
    configuration = {
        "Runtime": definition.runtime or "provided.al2023",
        "Role": account.role(ROLE),
        "Handler": definition.handler,
        "Description": "",
        "Timeout": settings.timeout,
        "MemorySize": settings.memory,
        "Environment": dict(settings.environment),
        "TracingConfig": "PassThrough",
        "EphemeralStorage": 512,
        "Architectures": ["x86_64"],
        "LoggingConfig": _logging(settings, definition.name),
    }
    if settings.dead_letter is not None:
        configuration["DeadLetterConfig"] = _arn(settings.dead_letter, account)
    return DeployedVersion(LATEST, configuration, None, (), random_uuid(), last_modified)


def declared_function(
    name: str, settings: FunctionSettings, version: DeployedVersion, added: DeployedFunction | None
) -> DeployedFunction:
    """Return a configured function with what the API has `added` to it: what the file says goes first."""
    added = added or DeployedFunction(name, {})
    reserved = settings.reserved_concurrency
    return DeployedFunction(
        name,
        {LATEST: version},
        aliases=added.aliases,
        event_invoke=added.event_invoke,
        policies=added.policies,
        tags=added.tags,
        reserved_concurrency=added.reserved_concurrency if reserved is None else reserved,
        recursive_loop=settings.recursive_loop
        if "recursive_loop" in settings.model_fields_set
        else added.recursive_loop,
        is_declared=True,
    )


def declared_event_invoke(settings: FunctionSettings, account: Account) -> dict[str, Any]:
    """Return what the file says of asynchronous invocation, by the API's names; destinations as ARNs."""
    found: dict[str, Any] = {}
    for name, member in EVENT_INVOKE_MEMBERS.items():
        value = getattr(settings, name)
        if name not in settings.model_fields_set or value is None:
            continue
        found[member] = _arn(value, account) if member.startswith("On") else value
    return found


def _arn(reference: str, account: Account) -> str:
    kind, name = resolve(reference, EVENT_KINDS)
    arn_of = {
        "functions": account.function,
        "queues": account.queue,
        "topics": account.topic,
        "event_buses": account.event_bus,
    }
    return arn_of[kind](name)


def _logging(settings: FunctionSettings, name: str) -> Mapping[str, str]:
    described = {"LogFormat": settings.log_format, "LogGroup": f"/aws/lambda/{name}"}
    if settings.log_format == "JSON":
        described["ApplicationLogLevel"] = settings.application_log_level or "INFO"
        described["SystemLogLevel"] = "INFO"
    return described
