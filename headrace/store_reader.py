"""Reading a state folder from a second process, beside a running simulator or without one."""

import sqlite3
from pathlib import Path

from engine.errors import HeadraceError
from engine.store.state_folder import DATABASE
from headrace.config import load


class NothingYet(HeadraceError):
    """No simulator has ever run on this state folder."""

    def __init__(self, state: Path) -> None:
        super().__init__(f"there is no state in {state} yet: start with `headrace run`")


def read_only(config_path: Path) -> sqlite3.Connection:
    """Open the store of a configuration for reading. Raises NothingYet before the first run."""
    state = load(config_path, with_code=False).state
    path = state / DATABASE
    if not path.exists():
        raise NothingYet(state)
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
