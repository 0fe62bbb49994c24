"""Bytes that wait aside, and their way into the bucket's folder."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from triggers.s3 import files
from triggers.s3.former_file import FormerFile
from triggers.s3.keys import path_of
from triggers.s3.settle import FileState
from triggers.s3.spare_files import new_file
from triggers.s3.upload import KeyRefused, Upload


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Return a folder of another file system."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system to write to")
    with TemporaryDirectory(dir=memory) as folder:
        yield Path(folder)


def put(upload: Upload, inbox: Path, key: str, body: bytes) -> FileState:
    upload.write(body)
    return upload.move_to(inbox, key, FormerFile(inbox, path_of(inbox, key)))


@pytest.mark.parametrize("key", ["photo.jpg", "2026/11/photo.jpg"])
def test_nothing_but_the_object_is_ever_in_the_folder(tmp_path: Path, inbox: Path, key: str) -> None:
    state = put(Upload(partial(new_file, tmp_path / "aside")), inbox, key, b"some bytes")
    assert (inbox / key).read_bytes() == b"some bytes"
    assert state == files.state_of((inbox / key).stat())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inbox / key]


@pytest.mark.parametrize("key", ["photo.jpg", "2026/11/photo.jpg"])
def test_another_file_system_is_crossed_by_a_copy(elsewhere: Path, inbox: Path, key: str) -> None:
    state = put(Upload(partial(new_file, elsewhere)), inbox, key, b"x" * 100_000)
    assert (inbox / key).read_bytes() == b"x" * 100_000
    assert state == files.state_of((inbox / key).stat())
    assert [path for path in inbox.rglob("*") if path.is_file()] == [inbox / key]
    assert list(elsewhere.iterdir()) == []


def test_an_empty_file_is_as_old_as_its_upload(tmp_path: Path, inbox: Path) -> None:
    path, descriptor = new_file(tmp_path / "aside")
    os.utime(path, (0, 0))  # it was made long ago
    put(Upload(lambda: (path, descriptor)), inbox, "marker", b"")
    assert (inbox / "marker").stat().st_mtime > 1_000_000_000


def test_what_is_in_the_way_stays_after_a_copy_too(elsewhere: Path, inbox: Path) -> None:
    (inbox / "a").mkdir()
    (inbox / "a" / "b").write_bytes(b"other")
    upload = Upload(partial(new_file, elsewhere))
    with pytest.raises(KeyRefused):
        put(upload, inbox, "a", b"some bytes")
    upload.discard()
    assert [path for path in inbox.rglob("*") if path.is_file()] == [inbox / "a" / "b"]
    assert list(elsewhere.iterdir()) == []
