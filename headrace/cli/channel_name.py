"""The names of queues and streams on the command line: of the configuration, and made over the API."""

import sqlite3
from typing import TYPE_CHECKING, Literal

from engine.store.state_folder import DATABASE
from headrace.cli.options import checked_name

if TYPE_CHECKING:
    from headrace.config import Configuration

TABLES = {"queues": "sqs_queues", "streams": "kinesis_streams"}


def channel_name(
    kind: Literal["queues", "streams"], reference: str, configuration: "Configuration", parameter: str
) -> str:
    """Return the name of a queue or a stream, of its name or its ARN. Raises a usage error."""
    configured = configuration.file.queues if kind == "queues" else configuration.file.streams
    if reference in configured:
        return reference
    return checked_name(kind, reference, [*configured, *_made(configuration, kind)], parameter)


def _made(configuration: "Configuration", kind: str) -> list[str]:
    """Return the names that are in the store, beside a running simulator or without one."""
    path = configuration.state / DATABASE
    if not path.exists():
        return []
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    try:
        rows = connection.execute(f"SELECT name FROM {TABLES[kind]} WHERE made_by_api ORDER BY name")  # noqa: S608
        return [name for (name,) in rows]
    except sqlite3.Error:  # of an older version: its next use brings it up to date
        return []
    finally:
        connection.close()
