"""Deployed functions and layers in the store: what is saved is what is loaded."""

import sqlite3
from dataclasses import replace
from functools import partial

from engine.functions import deployed_table
from engine.functions.deployed import (
    Alias,
    Code,
    DeployedFunction,
    DeployedVersion,
    LayerReference,
    LayerVersion,
)
from engine.functions.deployed_presence import deployed_names, has_deployments
from engine.store.database import Store

CODE = Code("ab" * 32, 10, 20)
LATEST = DeployedVersion(
    "$LATEST", {"Timeout": 3, "Environment": {"A": "b"}}, CODE, (LayerReference("arn", CODE),), "r", "then"
)
FUNCTION = DeployedFunction(
    "resize",
    {"$LATEST": LATEST, "1": replace(LATEST, version="1", layers=())},
    next_version=2,
    aliases={"live": Alias("live", "1", "what runs", {"$LATEST": 0.5}, "q")},
    event_invoke={"live": {"MaximumRetryAttempts": 0}},
    policies={"$LATEST": ({"Sid": "s", "Condition": {"ArnLike": {"a": "b"}}},)},
    tags={"team": "water"},
    reserved_concurrency=0,
    recursive_loop="Allow",
)
LAYER = LayerVersion("library", 3, CODE, {"Description": "", "CompatibleRuntimes": ["python3.11"]}, "then")


async def save(store: Store, function: DeployedFunction, before: DeployedFunction | None = None) -> None:
    await store.write(partial(deployed_table.save_function, function=function, before=before))


async def test_a_function_is_loaded_as_it_was_saved(store: Store) -> None:
    assert not await store.read(has_deployments)
    await save(store, FUNCTION)
    assert await store.read(deployed_table.load_functions) == [FUNCTION]
    assert await store.read(has_deployments)
    assert await store.read(deployed_names) == ["resize"]


async def test_a_change_writes_what_has_changed_and_forgets_what_is_gone(store: Store) -> None:
    await save(store, FUNCTION)
    changed = replace(FUNCTION, versions={"$LATEST": replace(LATEST, revision_id="s")}, aliases={}, tags={})
    await save(store, changed, FUNCTION)
    assert await store.read(deployed_table.load_functions) == [changed]


async def test_of_a_declared_function_its_versions_are_not_stored(store: Store) -> None:
    declared = replace(FUNCTION, is_declared=True)
    await save(store, declared)
    loaded = await store.read(deployed_table.load_functions)
    assert loaded == [replace(declared, versions={}, is_declared=False)]
    assert await store.read(deployed_names) == []


async def test_a_deleted_function_takes_its_versions_along(store: Store) -> None:
    await save(store, FUNCTION)
    await store.write(partial(deployed_table.delete_function, name="resize"))

    def versions(connection: sqlite3.Connection) -> int:
        count: int = connection.execute("SELECT count(*) FROM function_version").fetchone()[0]
        return count

    assert await store.read(deployed_table.load_functions) == []
    assert await store.read(versions) == 0


async def test_the_numbers_of_a_layer_go_on_after_all_its_versions_are_deleted(store: Store) -> None:
    await store.write(partial(deployed_table.save_layer_version, version=LAYER))
    assert await store.read(deployed_table.load_layers) == ({"library": 3}, [LAYER])
    await store.write(partial(deployed_table.delete_layer_version, name="library", version=3))
    assert await store.read(deployed_table.load_layers) == ({"library": 3}, [])
    assert await store.read(has_deployments)
