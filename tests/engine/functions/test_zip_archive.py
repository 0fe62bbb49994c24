"""Unpacking archives: whatever is in them, nothing gets out of the target folder."""

import io
import os
import struct
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.functions.zip_archive import UNPACKED_LIMIT_BYTES, ArchiveTooLarge, BadArchive, unpack

SYMLINK = 0o120777 << 16
PARTS = st.sampled_from(["a", "b.py", "..", ".", "", "/", "\\", "C:", "~", "a\\..\\..\\x", "ü", "\x00", " "])
NAMES = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
ENTRIES = st.lists(
    st.tuples(NAMES, st.binary(max_size=20), st.sampled_from([0, 0o100644 << 16, 0o40755 << 16, SYMLINK])),
    max_size=6,
)


def archive_of(entries: list[tuple[str, bytes, int]]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, data, attributes in entries:
            member = zipfile.ZipInfo("x")
            member.filename = name  # as it is: the constructor would tidy it
            member.external_attr = attributes
            archive.writestr(member, data)
    return content.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(max_examples=200)
@given(entries=ENTRIES)
@example(entries=[("../out", b"x", 0)])
@example(entries=[("a", b"x", 0), ("a/b", b"y", 0)])
@example(entries=[("link", b"/etc", SYMLINK), ("link/passwd", b"x", 0)])
def test_nothing_gets_out_of_the_target(entries: list[tuple[str, bytes, int]]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "code.zip").write_bytes(archive_of(entries))
        target = folder / "in" / "target"
        try:
            size = unpack(folder / "code.zip", target)
        except BadArchive:
            assert not target.exists()
        else:
            assert size == sum(len(data) for _, data, _ in entries)
        assert {path.name for path in folder.iterdir()} <= {"code.zip", "in"}
        assert {path.name for path in (folder / "in").iterdir()} <= {"target"}
        assert not any(path.is_symlink() for path in folder.rglob("*"))


@settings(max_examples=200)
@given(
    position=st.integers(min_value=0, max_value=10_000),
    damage=st.binary(min_size=1, max_size=8),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]),
)
def test_a_damaged_archive_is_refused_or_unpacked_and_nothing_else(
    position: int, damage: bytes, method: int
) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        archive.writestr("app.py", b"value = 1\n" * 50)
        archive.writestr("folder/other.py", b"value = 2\n" * 50)
    damaged = bytearray(content.getvalue())
    position %= len(damaged)
    damaged[position : position + len(damage)] = damage
    with TemporaryDirectory() as name:
        path, target = Path(name) / "code.zip", Path(name) / "target"
        path.write_bytes(damaged)
        try:
            unpack(path, target)
        except BadArchive:
            assert [each.name for each in Path(name).iterdir()] == ["code.zip"]
        else:
            assert target.is_dir()


def test_what_says_it_is_too_large_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    content = bytearray(archive_of([("large", b"x" * 100, 0)]))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, UNPACKED_LIMIT_BYTES + 1)
    (tmp_path / "code.zip").write_bytes(content)
    with pytest.raises(ArchiveTooLarge):
        unpack(tmp_path / "code.zip", tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_what_is_larger_than_it_says_is_refused(tmp_path: Path) -> None:
    content = bytearray(archive_of([("small", b"x" * 1000, 0)]))
    directory = content.index(b"PK\x01\x02")
    struct.pack_into("<I", content, directory + 24, 10)
    (tmp_path / "code.zip").write_bytes(content)
    with pytest.raises(BadArchive):
        unpack(tmp_path / "code.zip", tmp_path / "target")


def test_programs_stay_executable_and_everything_is_readable(tmp_path: Path) -> None:
    entries = [("bootstrap", b"#!", 0o100700 << 16), ("app.py", b"", 0o100000 << 16), ("empty/", b"", 0)]
    (tmp_path / "code.zip").write_bytes(archive_of(entries))
    unpack(tmp_path / "code.zip", tmp_path / "target")
    assert os.access(tmp_path / "target/bootstrap", os.X_OK)
    assert (tmp_path / "target/app.py").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "target/empty").is_dir()


def test_who_comes_second_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "code.zip").write_bytes(archive_of([("app.py", b"1", 0)]))
    unpack(tmp_path / "code.zip", tmp_path / "target")
    (tmp_path / "target/used").touch()
    assert unpack(tmp_path / "code.zip", tmp_path / "target") == 1
    assert (tmp_path / "target/used").exists()
