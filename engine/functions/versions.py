"""The versions of functions that can be run, and the aliases that stand for them."""

from collections.abc import Iterable, Iterator
from dataclasses import field
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING

from engine.functions.code_watch import CodeWatch
from engine.functions.definition import LATEST, FunctionDefinition, version_key
from engine.functions.routing import Routing
from engine.value import dataclass

if TYPE_CHECKING:
    from engine.functions.environment import Environment


@dataclass(slots=True)
class Concurrency:
    """What all versions of a function share: how many invocations run, and how many may; None is no limit."""

    reserved: int | None
    running: int = 0


@dataclass(slots=True, eq=False)
class Version:
    """The environments of one version of a function; `idle` has the most recently used one last.

    `started_at`, on the stopwatch, is when the last one had been started.
    """

    definition: FunctionDefinition
    concurrency: Concurrency
    idle: "list[Environment]" = field(default_factory=list)
    environments: int = 0
    started_at: float = 0.0
    watch: CodeWatch | None = None
    to_be_watched: bool = True


class Versions:
    """Finds versions by a function's name and a qualifier: `$LATEST` or None, a number, an alias.

    `begun` counts the invocations of all.
    """

    def __init__(self, definitions: Iterable[FunctionDefinition], chance: Random) -> None:
        """Aliases choose between versions by `chance`."""
        self.begun = 0
        self._versions: dict[str, Version] = {}
        self._concurrency: dict[str, Concurrency] = {}
        self._routing: dict[str, Routing] = {}
        self._chance = chance
        for definition in definitions:
            self.add(definition)

    def add(self, definition: FunctionDefinition) -> None:
        """Take a version that is not there. The first of a function says how much concurrency is reserved."""
        concurrency = self._concurrency.setdefault(
            definition.name, Concurrency(definition.reserved_concurrency)
        )
        self._versions[definition.key] = Version(definition, concurrency)

    def remove(self, function: str, version: str) -> Version:
        """Forget a version and return it. Raises KeyError when it is not there."""
        removed = self._versions.pop(version_key(function, version))
        if not any(each.definition.name == function for each in self):
            del self._concurrency[function]
        return removed

    def __iter__(self) -> Iterator[Version]:
        return iter(self._versions.values())

    def get(self, function: str, version: str = LATEST) -> Version | None:
        """Return a version by its own name; None when it is not there."""
        return self._versions.get(version_key(function, version))

    def choose(self, function: str, qualifier: str | None) -> Version | None:
        """Return what an invocation runs in; an alias may stand for several versions."""
        if qualifier is None or qualifier == LATEST:
            return self._versions.get(function)
        routing = self._routing.get(version_key(function, qualifier))
        return self.get(function, qualifier if routing is None else routing.choose(self._chance.random()))

    def names(self) -> list[str]:
        """Return the names of all functions."""
        return list(self._concurrency)

    def concurrency_of(self, function: str) -> Concurrency:
        """Return what all versions of a function share. Raises KeyError when there is none."""
        return self._concurrency[function]

    def running(self) -> int:
        """Return how many invocations run."""
        return sum(concurrency.running for concurrency in self._concurrency.values())

    def route(self, function: str, alias: str, routing: Routing | None) -> None:
        """Make an alias stand for a version, or for one of several; None removes it."""
        if routing is None:
            self._routing.pop(version_key(function, alias), None)
        else:
            self._routing[version_key(function, alias)] = routing

    def timeout_of(self, function: str, qualifier: str | None = None) -> timedelta | None:
        """Return the timeout of what a qualifier stands for; None when it is not there."""
        routing = self._routing.get(version_key(function, qualifier or LATEST))
        version = self.get(function, (qualifier or LATEST) if routing is None else routing.version)
        return None if version is None else timedelta(seconds=version.definition.timeout)
