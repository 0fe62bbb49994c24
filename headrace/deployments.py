"""The functions and layers that the API has made, and what it has added to configured functions.

A change is in the store before anything acts on it; then the environments, the event queue and the code on
the disk follow.
"""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from engine.arn import Account
from engine.clock import Clock
from engine.errors import CodeError
from engine.feed import Feed, Notice
from engine.functions import deployed_table
from engine.functions.code_store import CodeStore
from engine.functions.definition import LATEST, FunctionDefinition
from engine.functions.deployed import (
    Code,
    DeployedFunction,
    DeployedVersion,
    LayerVersion,
    Members,
)
from engine.functions.deployed_definition import define_deployed
from engine.functions.pool import Functions
from engine.invocation import event_table
from engine.invocation.destination import Destination
from engine.invocation.event_queue import EventQueue
from engine.invocation.retry import RetryLimits
from engine.invocation.settlement import EventInvokeConfig
from engine.store.database import Store
from headrace.config import Configuration
from headrace.declared_functions import declared_event_invoke, declared_function, declared_version

NOT_SET: Members = {}


def lambda_time(moment: datetime) -> str:
    """Return a moment as Lambda writes LastModified: `2026-01-01T00:00:00.000+0000`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}+0000"


class Deployments:
    """Owns `functions`, by name, and `layers`, by name and version. `open` it before use, `close` it last."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        store: Store,
        clock: Clock,
        feed: Feed,
        pool: Functions,
        events: EventQueue,
        destination_of: Callable[[str], Destination | None],
        configured: Callable[[str], EventInvokeConfig],
        started: datetime,
    ) -> None:
        """`configured` returns how the events of a configured function are handled by the file alone.

        `started` is when the simulator was: configured functions are as old as that.
        """
        self.functions: dict[str, DeployedFunction] = {}
        self.layers: dict[str, dict[int, LayerVersion]] = {}
        self.codes = CodeStore(configuration.state)
        self.pythons = configuration.pythons
        self._file = configuration.file
        self._definitions = configuration.functions
        self._account: Account = configuration.account
        self._store = store
        self._clock = clock
        self._feed = feed
        self._pool = pool
        self._events = events
        self._destination_of = destination_of
        self._configured = configured
        self.started = started
        self._last_layer_versions: dict[str, int] = {}
        self._hidden: set[str] = set()  # code of functions whose names a configuration file has taken
        self._arriving: Counter[str] = Counter()  # digests of code that nothing refers to yet
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Read what is stored, and have it run. Raises StoreError."""
        stored = {each.name: each for each in await self._store.read(deployed_table.load_functions)}
        for name in stored.keys() & self._file.functions.keys():
            self._hidden |= stored[name].codes()
        self._last_layer_versions, layers = await self._store.read(deployed_table.load_layers)
        for layer in layers:
            self.layers.setdefault(layer.name, {})[layer.version] = layer
        for name, settings in self._file.functions.items():
            version = declared_version(
                settings, self._definitions[name], self._account, lambda_time(self.started)
            )
            self.functions[name] = declared_function(name, settings, version, stored.get(name))
        for name, function in stored.items():
            if name not in self.functions and function.versions:
                self.functions[name] = function
        await asyncio.to_thread(self.codes.remove_all_but, self._used())
        for name, function in self.functions.items():
            if function.is_declared and name not in stored:
                continue
            try:
                self._run(None, function, await asyncio.to_thread(self.define, function))
            except CodeError as error:
                self._feed.publish(
                    Notice(self._clock.now(), "error", f"functions.{name}", f"cannot run: {error.problem}")
                )

    async def close(self) -> None:
        """Leave what is still to be removed to the next start."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def define(self, function: DeployedFunction) -> list[FunctionDefinition]:
        """Return the versions of a function as environments need them.

        Raises CodeError when this machine cannot run one. An interpreter that is asked for the first time is
        run for its version.
        """
        if function.is_declared:
            return []
        return [
            define_deployed(function, version, self.codes, self.pythons)
            for version in function.versions.values()
        ]

    @asynccontextmanager
    async def arriving(self, content: bytes) -> AsyncIterator[Code]:
        """Store a .zip file; if nothing refers to it by the end of the block, it is removed again.

        Raises BadArchive, and OSError when it cannot be stored.
        """
        code = await asyncio.to_thread(self.codes.put, content)
        self._arriving[code.digest] += 1
        try:
            yield code
        finally:
            self._arriving[code.digest] -= 1
            self._forget_unused({code.digest})

    async def save(self, function: DeployedFunction) -> None:
        """Make a function, or change it. Raises CodeError, StoreError; nothing has changed then.

        It has changed for other requests at once, so whoever reads a function to change it awaits nothing
        in between.
        """
        before = self.functions.get(function.name)
        definitions = self.define(function)
        self.functions[function.name] = function

        def operation(connection: sqlite3.Connection) -> None:
            deployed_table.save_function(connection, function, before)

        try:
            await self._store.write(operation)
        except BaseException:
            if self.functions.get(function.name) is function:
                self._put_back(function.name, before)
            raise
        self._run(before, function, definitions)
        if before is not None:
            self._forget_unused(before.codes())

    async def delete(self, name: str) -> None:
        """Delete a function with its versions, its code and its queued events. Raises StoreError."""
        function = self.functions.pop(name)

        def operation(connection: sqlite3.Connection) -> None:
            deployed_table.delete_function(connection, name)
            event_table.remove_all(connection, name)

        try:
            await self._store.write(operation)
        except BaseException:
            self.functions.setdefault(name, function)
            raise
        if self._events.knows(name):
            self._events.remove(name)
        for alias in function.aliases:
            self._pool.versions.route(name, alias, None)
        for version in function.versions:
            if self._pool.versions.get(name, version) is not None:
                self._pool.remove(name, version)
        self._forget_unused(function.codes())

    def stored_code(self, digest: str) -> Path | None:
        """Return the .zip file with this SHA-256; None when nothing refers to such a one."""
        return self.codes.path(digest) if digest in self._used() else None

    def next_layer_version(self, layer: str) -> int:
        """Return the number of the next version of a layer, and take it."""
        self._last_layer_versions[layer] = self._last_layer_versions.get(layer, 0) + 1
        return self._last_layer_versions[layer]

    async def save_layer(self, version: LayerVersion) -> None:
        """Publish a version of a layer. Raises StoreError."""
        await self._store.write(lambda connection: deployed_table.save_layer_version(connection, version))
        self.layers.setdefault(version.name, {})[version.version] = version

    async def delete_layer(self, version: LayerVersion) -> None:
        """Delete a version of a layer; functions that have it keep it. Raises StoreError."""
        await self._store.write(
            lambda connection: deployed_table.delete_layer_version(connection, version.name, version.version)
        )
        self.layers.get(version.name, {}).pop(version.version, None)
        self._forget_unused({version.code.digest})

    def _put_back(self, name: str, before: DeployedFunction | None) -> None:
        if before is None:
            del self.functions[name]
        else:
            self.functions[name] = before

    def _run(
        self,
        before: DeployedFunction | None,
        function: DeployedFunction,
        definitions: list[FunctionDefinition],
    ) -> None:
        """Have environments, aliases and the event queue follow a function that has changed."""
        name, versions = function.name, self._pool.versions
        old = before or DeployedFunction(name, {})
        for definition in definitions:
            if not _run_alike(old.versions.get(definition.version), function.versions[definition.version]):
                self._pool.put(definition)
        for version in old.versions.keys() - function.versions.keys():
            self._pool.remove(name, version)
        for alias in old.aliases.keys() - function.aliases.keys():
            versions.route(name, alias, None)
        for alias, made in function.aliases.items():
            versions.route(name, alias, made.routing)
        versions.concurrency_of(name).reserved = function.reserved_concurrency
        qualifiers = {*function.versions, *function.aliases, *function.event_invoke}
        configs = {qualifier: self._event_config(function, qualifier) for qualifier in sorted(qualifiers)}
        self._events.add(name, configs[LATEST], configs)

    def _event_config(self, function: DeployedFunction, qualifier: str) -> EventInvokeConfig:
        """Return how events are handled that were sent to a qualifier of a function."""
        name = function.name
        if function.is_declared:
            base = self._configured(name)
        else:
            version = function.find(qualifier) or function.latest
            base = EventInvokeConfig(
                arn=self._account.function(name),
                concurrency=self._file.simulator.max_environments,
                dead_letter=self._destination(name, version.configuration.get("DeadLetterConfig")),
            )
        most, reserved = self._file.simulator.max_environments, function.reserved_concurrency
        members = self.event_invoke_of(function, qualifier)
        limits = RetryLimits(
            members.get("MaximumRetryAttempts", RetryLimits().maximum_retry_attempts),
            timedelta(seconds=members["MaximumEventAgeInSeconds"])
            if "MaximumEventAgeInSeconds" in members
            else RetryLimits().maximum_event_age,
        )
        return replace(
            base,
            concurrency=most if reserved is None else min(reserved, most),
            limits=limits,
            on_success=self._destination(name, members.get("OnSuccess")),
            on_failure=self._destination(name, members.get("OnFailure")),
            recursive_loop="Allow" if function.recursive_loop == "Allow" else "Terminate",
        )

    def event_invoke_of(self, function: DeployedFunction, qualifier: str) -> Members:
        """Return how events are handled: MaximumRetryAttempts and the like, as far as it is said.

        OnSuccess and OnFailure are ARNs. What a configuration file says goes before what the API was told.
        """
        return {**function.event_invoke.get(qualifier, NOT_SET), **self.declared_event_invoke(function)}

    def declared_event_invoke(self, function: DeployedFunction) -> Members:
        """Return what the configuration file says of how events are handled; nothing of other functions."""
        if not function.is_declared:
            return NOT_SET
        return declared_event_invoke(self._file.functions[function.name], self._account)

    def fixes(self, function: DeployedFunction, option: str) -> bool:
        """Say whether the configuration file sets an option of a function."""
        return function.is_declared and option in self._file.functions[function.name].model_fields_set

    def _destination(self, function: str, arn: str | None) -> Destination | None:
        if not arn:
            return None
        try:
            destination = self._destination_of(arn)
        except (KeyError, ValueError):
            destination = None
        if destination is None:
            text = f"its destination {arn} is not there any more"
            self._feed.publish(Notice(self._clock.now(), "warning", f"functions.{function}", text))
        return destination

    def _used(self) -> set[str]:
        """Return the digests of all code that something refers to."""
        layers = (version for versions in self.layers.values() for version in versions.values())
        used = self._hidden | {version.code.digest for version in layers}
        for function in self.functions.values():
            used |= function.codes()
        return used | {digest for digest, count in self._arriving.items() if count}

    def _forget_unused(self, digests: set[str]) -> None:
        """Remove code that nothing refers to any more, once no environment has it."""
        for digest in sorted(digests - self._used()):
            self._later(self._forget(digest))

    async def _forget(self, digest: str) -> None:
        await self._pool.gone(self.codes.path(digest))
        if digest not in self._used():
            await asyncio.to_thread(self.codes.remove, digest)

    def _later(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _run_alike(before: DeployedVersion | None, after: DeployedVersion) -> bool:
    """Say whether environments of a version may stay as it changes: its revision alone is another."""
    return (
        before is not None
        and replace(before, revision_id=after.revision_id, last_modified=after.last_modified) == after
    )
