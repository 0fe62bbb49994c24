"""The code of configured functions as .zip files."""

import hashlib
import io
import os
import zipfile
from pathlib import Path

from engine.functions.definition import define
from engine.functions.settings import FunctionSettings
from headrace.function_archive import FunctionArchives


def archives(folder: Path, *besides: Path) -> FunctionArchives:
    settings = FunctionSettings(handler="app.handler", code=Path())
    return FunctionArchives({"fn": define("fn", settings, folder)}, besides)


def names_in(content: bytes | None) -> list[str]:
    assert content is not None
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return archive.namelist()


def test_a_folder_is_packed_without_what_is_no_code(tmp_path: Path) -> None:
    for name in ("app.py", "lib/b.py", "lib/a.py", ".git/config", "__pycache__/app.pyc", "bucket/photo.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    made = archives(tmp_path, tmp_path / "bucket")
    code = made.code("fn")
    content = made.content(code.digest)
    assert names_in(content) == ["app.py", "lib/a.py", "lib/b.py"]
    assert content is not None
    assert (hashlib.sha256(content).hexdigest(), len(content)) == (code.digest, code.size)


def test_the_same_content_makes_the_same_archive_whenever_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    first = archives(tmp_path).code("fn")
    os.utime(tmp_path / "app.py", (0, 0))
    assert archives(tmp_path).code("fn") == first


def test_changed_code_has_another_digest_and_the_old_one_is_not_given_away(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text("x")
    made = archives(tmp_path)
    old = made.code("fn").digest
    (tmp_path / "app.py").write_text("other")
    assert made.content(old) is None
    new = made.code("fn").digest
    assert new != old
    assert made.content(new) is not None
    assert made.content("f" * 64) is None
