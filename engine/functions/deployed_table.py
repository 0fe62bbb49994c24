"""The statements on the tables of deployed functions and layers, inside a transaction of the caller's."""

import sqlite3
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from engine.functions.deployed import (
    Alias,
    Code,
    DeployedFunction,
    DeployedVersion,
    LayerReference,
    LayerVersion,
)

_OF_THE_ROW = ("name", "versions", "is_declared")


def load_functions(connection: sqlite3.Connection) -> list[DeployedFunction]:
    """Return all functions, by name. Of those that a configuration declares, versions are not stored."""
    versions: dict[str, dict[str, DeployedVersion]] = {}
    rows = connection.execute("SELECT function, document FROM function_version ORDER BY rowid")
    for function, document in rows:
        version = _version(orjson.loads(document))
        versions.setdefault(function, {})[version.version] = version
    rows = connection.execute("SELECT name, document FROM function ORDER BY name")
    return [_function(name, orjson.loads(document), versions.get(name, {})) for name, document in rows]


def save_function(
    connection: sqlite3.Connection, function: DeployedFunction, before: DeployedFunction | None
) -> None:
    """Store a function; `before` is what is stored, so that only what has changed is written."""
    document = {name: value for name, value in asdict(function).items() if name not in _OF_THE_ROW}
    connection.execute(
        "INSERT INTO function (name, document) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET document = excluded.document",
        (function.name, _text(document)),
    )
    if function.is_declared:
        return
    stored = {} if before is None else before.versions
    for name in stored.keys() - function.versions.keys():
        connection.execute(
            "DELETE FROM function_version WHERE function = ? AND version = ?", (function.name, name)
        )
    for name, version in function.versions.items():
        if stored.get(name) != version:
            connection.execute(
                "INSERT INTO function_version (function, version, document) VALUES (?, ?, ?)"
                " ON CONFLICT (function, version) DO UPDATE SET document = excluded.document",
                (function.name, name, _text(asdict(version))),
            )


def delete_function(connection: sqlite3.Connection, name: str) -> None:
    """Forget a function with all its versions."""
    connection.execute("DELETE FROM function WHERE name = ?", (name,))


def load_layers(connection: sqlite3.Connection) -> tuple[dict[str, int], list[LayerVersion]]:
    """Return the last version number of each layer, and all versions that are not deleted, in order."""
    last = dict(connection.execute("SELECT name, last_version FROM layer ORDER BY name").fetchall())
    rows = connection.execute("SELECT document FROM layer_version ORDER BY layer, version")
    return last, [_layer_version(orjson.loads(document)) for (document,) in rows]


def save_layer_version(connection: sqlite3.Connection, version: LayerVersion) -> None:
    """Store a new version of a layer, which may be its first."""
    connection.execute(
        "INSERT INTO layer (name, last_version) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET last_version = excluded.last_version",
        (version.name, version.version),
    )
    connection.execute(
        "INSERT INTO layer_version (layer, version, document) VALUES (?, ?, ?)",
        (version.name, version.version, _text(asdict(version))),
    )


def delete_layer_version(connection: sqlite3.Connection, name: str, version: int) -> None:
    """Forget a version of a layer."""
    connection.execute("DELETE FROM layer_version WHERE layer = ? AND version = ?", (name, version))


def _text(document: Mapping[str, Any]) -> str:
    return orjson.dumps(document).decode()


def _function(
    name: str, document: dict[str, Any], versions: Mapping[str, DeployedVersion]
) -> DeployedFunction:
    aliases = {alias: Alias(**members) for alias, members in document.pop("aliases").items()}
    policies = {qualifier: tuple(statements) for qualifier, statements in document.pop("policies").items()}
    return DeployedFunction(name=name, versions=versions, aliases=aliases, policies=policies, **document)


def _version(document: dict[str, Any]) -> DeployedVersion:
    code, layers = document.pop("code"), document.pop("layers")
    return DeployedVersion(
        code=None if code is None else Code(**code),
        layers=tuple(LayerReference(layer["arn"], Code(**layer["code"])) for layer in layers),
        **document,
    )


def _layer_version(document: dict[str, Any]) -> LayerVersion:
    return LayerVersion(code=Code(**document.pop("code")), **document)
