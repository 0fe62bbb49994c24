"""The code of deployed functions on the disk."""

import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from engine.functions.code_store import CodeStore
from engine.functions.zip_archive import BadArchive


def zip_of(text: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", text)
    return content.getvalue()


def test_code_is_named_by_its_content_and_unpacked(tmp_path: Path) -> None:
    codes, content = CodeStore(tmp_path), zip_of("x = 1\n")
    code = codes.put(content)
    assert (code.digest, code.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert code.unpacked_size == len("x = 1\n")
    assert codes.path(code.digest).read_bytes() == content
    assert (tmp_path / "code" / code.digest[:32] / "app.py").read_text() == "x = 1\n"
    assert codes.put(content) == code


def test_what_cannot_be_unpacked_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(BadArchive):
        CodeStore(tmp_path).put(b"no zip")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["code", "packages"]


def test_removed_code_is_gone_as_it_was_and_unpacked(tmp_path: Path) -> None:
    codes = CodeStore(tmp_path)
    kept, gone = codes.put(zip_of("1")), codes.put(zip_of("2"))
    codes.remove(gone.digest)
    codes.remove(gone.digest)
    assert [path.stem for path in (tmp_path / "packages").iterdir()] == [kept.digest]
    assert [path.name for path in (tmp_path / "code").iterdir()] == [kept.digest[:32]]


def test_what_nothing_refers_to_is_removed_at_a_start(tmp_path: Path) -> None:
    codes = CodeStore(tmp_path)
    codes.remove_all_but(())
    kept, _ = codes.put(zip_of("1")), codes.put(zip_of("2"))
    (tmp_path / "packages/.storing-half").write_bytes(b"half")
    codes.remove_all_but({kept.digest})
    assert [path.stem for path in (tmp_path / "packages").iterdir()] == [kept.digest]
