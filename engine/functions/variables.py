"""The environment variables of a runtime process. Pure.

Source: Lambda developer guide, "Defined runtime environment variables"; recorded:
test_lambda_init_environment.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.functions.definition import FunctionDefinition
from engine.functions.settings import PROVIDED_RUNTIMES
from engine.value import dataclass

SESSION_TOKEN = "headrace"  # noqa: S105 - made up
XRAY_HOST, XRAY_PORT = "127.0.0.1", "2000"  # whatever an X-Ray SDK sends there stays on this machine


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An access key and its secret; made-up ones unless the simulator's own endpoint asks for others."""

    access_key_id: str = "LKIAQAAAAAAAHEADRACE"
    secret_access_key: str = "headrace"  # noqa: S105 - made up


MADE_UP = KeyPair()


def runtime_variables(
    function: FunctionDefinition,
    host: Mapping[str, str],
    *,
    region: str,
    folder: Path,
    temporary: Path,
    api: str,
    log_group: str,
    log_stream: str,
    endpoint: str | None,
    layers: Sequence[Path] = (),
    keys: KeyPair = MADE_UP,
) -> dict[str, str]:
    """Return all variables of the process: Lambda's, the function's own, and as little of the host's as it
    needs.

    Credentials are those of `keys`, of no real account, and the user's own AWS files and the instance
    metadata are out of reach, so that a handler never talks to a real account by accident. Of `layers`, a
    later one comes before an earlier one.
    """
    variables = python_variables(host, temporary) | {
        "PWD": str(folder),
        "SHLVL": "0",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{XRAY_HOST}:{XRAY_PORT}",
        "_AWS_XRAY_DAEMON_ADDRESS": XRAY_HOST,
        "_AWS_XRAY_DAEMON_PORT": XRAY_PORT,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    if endpoint is not None:
        variables["AWS_ENDPOINT_URL"] = endpoint
    variables |= function.variables
    variables |= {
        "_HANDLER": function.handler,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": function.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": log_stream,
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "AWS_SESSION_TOKEN": SESSION_TOKEN,
        "LAMBDA_TASK_ROOT": str(folder),
        "LAMBDA_RUNTIME_DIR": str(Path(__file__).parent),
        "TMPDIR": str(temporary),  # whatever the function says: the guard knows its processes by it
    }
    if function.runtime is not None and function.runtime not in PROVIDED_RUNTIMES:
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{function.runtime}"
    if layers:
        variables |= _layer_variables(layers, variables)
    if function.log_format == "JSON":
        variables["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        variables["AWS_LAMBDA_LOG_LEVEL"] = function.log_level or "INFO"
    return variables


def python_variables(host: Mapping[str, str], temporary: Path) -> dict[str, str]:
    """Return what any process starts with, before it is known whose it is."""
    return {
        "PATH": host.get("PATH", os.defpath),
        "LANG": "en_US.UTF-8",
        "LC_CTYPE": "C.UTF-8",
        "TZ": ":UTC",
        "TMPDIR": str(temporary),
    } | {name: host[name] for name in ("HOME", "LD_LIBRARY_PATH", "SYSTEMROOT") if name in host}


def _layer_variables(layers: Sequence[Path], variables: Mapping[str, str]) -> dict[str, str]:
    """Return where the layers are, and the search paths on which Lambda has `/opt`.

    `LAMBDA_LAYERS` lists their folders, those that come first at the front; the launcher of Python runtimes
    looks for modules there.
    """
    first = [str(layer) for layer in reversed(layers)]
    found = {
        "LAMBDA_LAYERS": os.pathsep.join(first),
        "PATH": os.pathsep.join([variables["PATH"], *(f"{layer}/bin" for layer in first)]),
        "LD_LIBRARY_PATH": os.pathsep.join(f"{layer}/lib" for layer in first),
    }
    if "LD_LIBRARY_PATH" in variables:
        found["LD_LIBRARY_PATH"] = variables["LD_LIBRARY_PATH"] + os.pathsep + found["LD_LIBRARY_PATH"]
    return found
