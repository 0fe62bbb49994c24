import zipfile
from pathlib import Path

import pytest

from engine.functions.code_watch import concerns
from engine.functions.package import Package
from engine.watching import Hint


@pytest.fixture
def code(tmp_path: Path) -> Path:
    folder = tmp_path / ".hidden" / "code"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder.parent / "code.zip", "w") as archive:
        archive.writestr("app.py", "")
    return folder


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("app.py", True, id="a module"),
        pytest.param("lib/model.json", True, id="a data file of the package"),
        pytest.param("__pycache__/app.cpython-311.pyc", False, id="bytecode"),
        pytest.param("__pycache__", False, id="the folder of the bytecode"),
        pytest.param(".git/index", False, id="what is in a hidden folder"),
        pytest.param(".app.py.swp", False, id="a hidden file"),
        pytest.param("app.py~", False, id="an editor's backup"),
        pytest.param("4913", False, id="vim's trial"),
        pytest.param("debug.log", False, id="a log"),
        pytest.param("inbox/photo.jpg", False, id="an object of a bucket inside the package"),
        pytest.param("../code.zip", False, id="a file outside"),
    ],
)
def test_only_code_concerns_a_function(code: Path, name: str, expected: bool) -> None:
    hint = Hint(
        str(Path(f"{code}/{name}")) if ".." not in name else str(code.parent / "code.zip"), written=True
    )
    assert concerns(hint, Package("fn", code), [code / "inbox"]) is expected


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        pytest.param({"written": True}, True, id="written"),
        pytest.param({"written": True, "finished": True}, True, id="written and closed"),
        pytest.param({"finished": True}, False, id="merely closed"),
        pytest.param({}, True, id="deleted"),
        pytest.param({"folder": True, "finished": True}, True, id="a folder moved in"),
        pytest.param({"overflow": True}, True, id="lost track"),
    ],
)
def test_what_happened_decides(code: Path, hint: dict[str, bool], expected: bool) -> None:
    assert concerns(Hint(str(code / "app.py"), **hint), Package("fn", code), []) is expected


@pytest.mark.parametrize(("name", "expected"), [("code.zip", True), ("other.zip", False)])
def test_of_a_zip_only_the_file_itself_counts(code: Path, name: str, expected: bool) -> None:
    package = Package("fn", code.parent / "code.zip")
    assert concerns(Hint(str(code.parent / name), written=True), package, []) is expected
