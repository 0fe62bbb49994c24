"""The names of all functions that there are: those of the configuration, and those that the API has made."""

import sqlite3
from contextlib import closing
from pathlib import Path

from engine.functions.deployed_presence import deployed_names
from engine.store.state_folder import DATABASE
from headrace.config import Configuration


def known_functions(configuration: Configuration) -> list[str]:
    """Return them, those of the configuration first. Of a state folder that cannot be read, nothing more."""
    declared = configuration.file.functions
    return [*declared, *(name for name in _deployed(configuration.state / DATABASE) if name not in declared)]


def _deployed(database: Path) -> list[str]:
    if not database.exists():
        return []
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            return deployed_names(connection)
    except sqlite3.DatabaseError:  # it was written by an earlier version, or is none
        return []
