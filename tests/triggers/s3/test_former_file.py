"""What lay in an object's place comes back, or is gone for good."""

import errno
import os
from pathlib import Path

import pytest

from triggers.s3.former_file import FormerFile


def replace(path: Path, former: FormerFile) -> None:
    """Put a new file in its place, as an upload does."""
    former.keep()
    new = path.with_name("new")
    new.write_text("new")
    new.replace(path)


@pytest.fixture(params=["links", "no links"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on a file system with or without hard links."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    if request.param == "no links":
        monkeypatch.setattr(os, "link", refuse)
    return tmp_path


def test_a_replaced_file_comes_back_as_it_was(folder: Path) -> None:
    path = folder / "k"
    path.write_text("old")
    before = path.stat()
    former = FormerFile(folder, str(path))
    replace(path, former)
    assert path.read_text() == "new"

    former.put_back()

    after = path.stat()
    assert path.read_text() == "old"
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [each.name for each in folder.iterdir()] == ["k"]


def test_a_file_that_was_not_replaced_after_all_stays_alone(folder: Path) -> None:
    path = folder / "k"
    path.write_text("old")
    former = FormerFile(folder, str(path))
    former.keep()

    former.put_back()

    assert [(each.name, each.read_text()) for each in folder.iterdir()] == [("k", "old")]


def test_where_nothing_was_nothing_is_again(folder: Path) -> None:
    former = FormerFile(folder, str(folder / "k"))
    replace(folder / "k", former)

    former.put_back()

    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("stored", [True, False])
def test_a_file_that_is_taken_away_is_gone_once_that_is_stored(folder: Path, stored: bool) -> None:
    path = folder / "k"
    path.write_text("old")
    former = FormerFile(folder, str(path))
    former.take_away()
    assert not path.exists()

    if not stored:
        former.put_back()
    former.forget()

    assert [each.name for each in folder.iterdir()] == ([] if stored else ["k"])


def test_a_folder_is_left_alone(folder: Path) -> None:
    (folder / "k").mkdir()
    former = FormerFile(folder, str(folder / "k"))
    former.keep()
    former.take_away()
    former.put_back()

    assert (folder / "k").is_dir()
    assert not former.is_kept
