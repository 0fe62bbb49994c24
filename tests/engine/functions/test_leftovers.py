"""What is removed from the state folder at start."""

import os
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.functions.leftovers import remove_old_logs, remove_unused_code
from engine.functions.package import Package

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_unpacked_code_stays_while_a_configured_zip_file_has_that_content(tmp_path: Path) -> None:
    path, unpacked = tmp_path / "code.zip", tmp_path / "state" / "code"
    folders = []
    for content in ("first", "second"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("app.py", content)
        folders.append(Package("fn", path).folder(unpacked))
    (unpacked / ".unpacking-torn").mkdir()
    (unpacked / "a users own").mkdir()
    (tmp_path / "plain").mkdir()
    remove_unused_code(unpacked, [Package("plain", tmp_path / "plain"), Package("fn", path)])
    assert sorted(folder.name for folder in unpacked.iterdir()) == sorted(["a users own", folders[1].name])
    remove_unused_code(unpacked, [])
    assert [folder.name for folder in unpacked.iterdir()] == ["a users own"]


def test_nothing_unpacked_is_no_problem(tmp_path: Path) -> None:
    remove_unused_code(tmp_path / "missing", [])
    remove_old_logs(tmp_path / "missing", NOW)


def test_log_streams_go_after_fourteen_days_and_their_empty_folders_with_them(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    ages = {"aws/lambda/fn/2026/01/01/[$LATEST]old.log": 15, "aws/lambda/fn/2026/02/20/[$LATEST]new.log": 13}
    for name, days in ages.items():
        path = logs / name
        path.parent.mkdir(parents=True)
        path.touch()
        written = (NOW - timedelta(days=days)).timestamp()
        os.utime(path, (written, written))
    remove_old_logs(logs, NOW)
    assert [str(path.relative_to(logs)) for path in logs.rglob("*.log")] == [
        "aws/lambda/fn/2026/02/20/[$LATEST]new.log"
    ]
    assert not (logs / "aws/lambda/fn/2026/01").exists()
