"""A deployed version of a function, ready to be run."""

from collections.abc import Mapping
from pathlib import Path

from engine.errors import CodeError
from engine.functions.code_store import CodeStore
from engine.functions.definition import FunctionDefinition
from engine.functions.deployed import DeployedFunction, DeployedVersion
from engine.functions.interpreter import find_interpreter
from engine.functions.package import Package
from engine.functions.settings import PROVIDED_RUNTIMES, PYTHON_RUNTIMES, FunctionSettings
from engine.functions.simulated_duration import parse_simulated_duration


def define_deployed(
    function: DeployedFunction, version: DeployedVersion, codes: CodeStore, pythons: Mapping[str, Path]
) -> FunctionDefinition:
    """Return what an environment needs to know; `pythons` are the interpreters chosen for runtimes.

    Raises CodeError when this machine cannot run it.

    As on AWS, a handler that its code does not have is found missing by an invocation.
    """
    assert version.code is not None, "a deployed version has its code in the store"
    name, members = function.name, version.configuration
    runtime = members["Runtime"]
    if runtime not in PYTHON_RUNTIMES + PROVIDED_RUNTIMES:
        raise CodeError(name, f"runtime: {runtime} is not one that can be started without help")
    python = None if runtime in PROVIDED_RUNTIMES else find_interpreter(name, runtime, None, pythons)
    logging = members["LoggingConfig"]
    defaults = FunctionSettings.model_construct()
    return FunctionDefinition(
        name=name,
        handler=members["Handler"],
        package=Package(name, codes.path(version.code.digest)),
        program=None,
        python=python,
        runtime=runtime,
        timeout=members["Timeout"],
        memory_mb=members["MemorySize"],
        variables=members.get("Environment", {}),
        reserved_concurrency=function.reserved_concurrency,
        idle_timeout=defaults.idle_timeout,
        log_format=logging["LogFormat"],
        log_level=logging.get("ApplicationLogLevel"),
        simulated_duration=parse_simulated_duration(defaults.simulated_duration),
        simulated_init_duration=parse_simulated_duration(defaults.simulated_init_duration),
        version=version.version,
        layers=tuple(Package(name, codes.path(layer.code.digest)) for layer in version.layers),
    )
