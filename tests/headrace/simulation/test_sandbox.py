"""The copies that a simulation works on."""

from pathlib import Path

import pytest

from headrace.config import load
from headrace.simulation.sandbox import open_sandbox, own_words


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "inbox").mkdir(parents=True)
    (folder / "inbox/a.txt").write_text("hello", encoding="utf-8")
    (folder / "headrace.toml").write_text(
        '[buckets.inbox]\nfolder = "inbox"\n[tables.orders]\ndatabase = "shop.db"\n', encoding="utf-8"
    )
    return folder


def test_what_is_told_of_copies_names_the_users_own_files(project: Path, tmp_path: Path) -> None:
    configuration = load(project / "headrace.toml")
    sandboxed = open_sandbox(configuration, tmp_path / "sandbox")
    reword = own_words(configuration, sandboxed)
    table, bucket = sandboxed.file.tables["orders"], sandboxed.file.buckets["inbox"]
    assert (bucket.folder / "a.txt").read_text(encoding="utf-8") == "hello"
    assert reword(f"waiting for {table.database}") == f"waiting for {project}/shop.db"
    assert reword(f"{bucket.folder}/a.txt is no object") == f"{project}/inbox/a.txt is no object"
    assert reword(f"{sandboxed.state} is full") == f"{project}/.headrace is full"
