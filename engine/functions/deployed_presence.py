"""Whether the API has made functions or layers: all that a simulator without any has to know of them."""

import sqlite3


def has_deployments(connection: sqlite3.Connection) -> bool:
    """Say whether anything is stored, if only what was added to a configured function."""
    return bool(
        connection.execute("SELECT EXISTS (SELECT 1 FROM function UNION ALL SELECT 1 FROM layer)").fetchone()[
            0
        ]
    )


def deployed_names(connection: sqlite3.Connection) -> list[str]:
    """Return the names of all functions that the API has made."""
    rows = connection.execute("SELECT DISTINCT function FROM function_version ORDER BY function")
    return [name for (name,) in rows]
