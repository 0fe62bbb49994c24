import os
from pathlib import Path

import pytest

from engine.errors import StoreError, StoreInUse
from engine.store.state_folder import StateFolder


def test_a_second_simulator_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"), pytest.raises(StoreInUse, match=f"process {os.getpid()}"):
        StateFolder(tmp_path / "state").__enter__()


def test_the_folder_is_free_again_afterwards(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"):
        pass
    with StateFolder(tmp_path / "state") as folder:
        assert folder.database.parent == tmp_path / "state"


def test_git_ignores_the_folder(tmp_path: Path) -> None:
    with StateFolder(tmp_path / "state"):
        assert (tmp_path / "state" / ".gitignore").read_text() == "*\n"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        StateFolder(tmp_path / "file" / "state").__enter__()
