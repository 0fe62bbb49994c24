"""Functions as the API makes them: versions, aliases and what belongs to them; and layers.

Members that are mappings have the members of the API's structures, by AWS's names.
"""

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from engine.functions.definition import LATEST
from engine.functions.routing import Routing
from engine.value import dataclass

Members = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Code:
    """A .zip file by its content: SHA-256 in hexadecimal digits, and its size as it is and unpacked."""

    digest: str
    size: int
    unpacked_size: int


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A version of a layer that a function has. Its code stays for as long, whatever becomes of the layer."""

    arn: str
    code: Code


@dataclass(frozen=True, slots=True)
class DeployedVersion:
    """One version of a function: `$LATEST`, or a number.

    `configuration` has the members of CreateFunction with their defaults. `code` is None where a
    configuration file says where the code is. `last_modified` is text, as the API has it.
    """

    version: str
    configuration: Members
    code: Code | None
    layers: tuple[LayerReference, ...]
    revision_id: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a version. `weights` are the shares of invocations that other versions get."""

    name: str
    version: str
    description: str
    weights: Mapping[str, float]
    revision_id: str

    @property
    def routing(self) -> Routing:
        """Which version it stands for."""
        return Routing(self.version, self.weights)


@dataclass(frozen=True, slots=True)
class DeployedFunction:
    """A function with its versions and aliases by name; `next_version` is the number of the next version.

    `event_invoke` and `policies` are by qualifier, `$LATEST` where none is given: the members of
    PutFunctionEventInvokeConfig, and the statements of a policy. `is_declared` says that a configuration file
    has the function; of such a one, only what the API has added is stored.
    """

    name: str
    versions: Mapping[str, DeployedVersion]
    next_version: int = 1
    aliases: Mapping[str, Alias] = field(default_factory=dict)
    event_invoke: Mapping[str, Members] = field(default_factory=dict)
    policies: Mapping[str, tuple[Members, ...]] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    reserved_concurrency: int | None = None
    recursive_loop: str = "Terminate"
    is_declared: bool = False

    @property
    def latest(self) -> DeployedVersion:
        """The version that can be changed."""
        return self.versions[LATEST]

    def find(self, qualifier: str | None) -> DeployedVersion | None:
        """Return the version that a qualifier stands for, of an alias the main one; None without any."""
        alias = self.aliases.get(qualifier or LATEST)
        return self.versions.get((qualifier or LATEST) if alias is None else alias.version)

    def with_version(self, version: DeployedVersion) -> "DeployedFunction":
        """Return the function with a version added or changed."""
        return replace(self, versions={**self.versions, version.version: version})

    def with_alias(self, alias: Alias) -> "DeployedFunction":
        """Return the function with an alias added or changed."""
        return replace(self, aliases={**self.aliases, alias.name: alias})

    def codes(self) -> set[str]:
        """Return the digests of all code that it needs, its layers' too."""
        return {
            code.digest
            for version in self.versions.values()
            for code in (version.code, *(layer.code for layer in version.layers))
            if code is not None
        }


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One version of a layer. `described` has the optional members of PublishLayerVersion."""

    name: str
    version: int
    code: Code
    described: Members
    created: str


def without(mapping: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a mapping without one of its names."""
    return {key: value for key, value in mapping.items() if key != name}
