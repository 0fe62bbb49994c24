"""What a running simulator says of its own configuration and state folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.headrace_process import HeadraceProcess, wait_until

CONFIGURATION = '[simulator]\nendpoint = "127.0.0.1:0"\n[queues.jobs]\n'


@pytest.fixture
def running(tmp_path: Path) -> Iterator[HeadraceProcess]:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    with HeadraceProcess(tmp_path) as process:
        yield process


def texts(process: HeadraceProcess) -> list[str]:
    return [fact["text"] for fact in process.of("Notice")]


def test_a_changed_configuration_is_told_once_whatever_else_is_written(
    running: HeadraceProcess, tmp_path: Path
) -> None:
    (tmp_path / "notes.txt").write_text("beside it")
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)  # saved again, and the same
    (tmp_path / "headrace.toml").write_text(CONFIGURATION + "[queues.more]\n")
    wait_until(lambda: texts(running), "it is told")
    (tmp_path / "notes.txt").write_text("again")
    assert texts(running) == ["the configuration has changed: stop and start again to apply it"]


def test_a_removed_state_folder_is_told(running: HeadraceProcess, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / ".headrace")
    wait_until(lambda: texts(running), "it is told")
    assert texts(running) == ["was removed: nothing is kept any more; stop and start again for a new one"]
