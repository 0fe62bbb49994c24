import os
import stat
import zipfile
from pathlib import Path

import pytest

from engine.errors import CodeError
from engine.functions.package import Package

SYMLINK = stat.S_IFLNK << 16


def zip_of(path: Path, files: dict[str, bytes], **modes: int) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name)
            member.external_attr = modes.get(name, 0o644) << 16
            archive.writestr(member, content)
    return path


def test_a_folder_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "app.py").touch()
    package = Package("fn", tmp_path)
    assert package.folder(tmp_path / "unpacked") == tmp_path
    assert Package("fn", tmp_path / "app.py").path == tmp_path
    assert not (tmp_path / "unpacked").exists()


def test_a_zip_is_unpacked_once_for_each_content(tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "code.zip", {"app.py": b"1", "lib/x.py": b"2", "bootstrap": b"#!"}, bootstrap=0o755
    )
    package = Package("fn", path)
    folder = package.folder(tmp_path / "unpacked")
    assert (folder / "lib/x.py").read_bytes() == b"2"
    assert os.access(folder / "bootstrap", os.X_OK)
    assert not os.access(folder / "app.py", os.X_OK)
    (folder / "marker").touch()
    assert (package.folder(tmp_path / "unpacked") / "marker").exists()
    zip_of(path, {"app.py": b"2"})
    assert package.folder(tmp_path / "unpacked") != folder
    assert len(list((tmp_path / "unpacked").iterdir())) == 2


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("../evil.py", id="a parent folder"),
        pytest.param("a/../../evil.py", id="a parent folder further in"),
        pytest.param("/evil.py", id="an absolute path"),
        pytest.param("..\\evil.py", id="a parent folder as Windows writes it"),
        pytest.param("C:\\evil.py", id="a drive"),
    ],
)
def test_a_path_out_of_the_zip_is_refused_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    package = Package("fn", zip_of(tmp_path / "code.zip", {"app.py": b"1", name: b"2"}))
    with pytest.raises(CodeError, match=r"functions\.fn: code: .*leads out of it"):
        package.check()
    with pytest.raises(CodeError, match=r"functions\.fn: code: .*leads out of it"):
        package.folder(tmp_path / "unpacked")
    assert list((tmp_path / "unpacked").iterdir()) == []
    assert not (tmp_path / "evil.py").exists()


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        member = zipfile.ZipInfo("link")
        member.external_attr = SYMLINK | 0o777 << 16
        archive.writestr(member, "/etc/passwd")
    with pytest.raises(CodeError, match="symbolic link, link"):
        Package("fn", tmp_path / "code.zip").folder(tmp_path / "unpacked")


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    path = zip_of(tmp_path / "code.zip", {"app.py": b"x" * 1000})
    path.write_bytes(path.read_bytes().replace(b"xxxx", b"yyyy", 1))
    with pytest.raises(CodeError, match=r"code\.zip cannot be unpacked: Bad CRC-32"):
        Package("fn", path).folder(tmp_path / "unpacked")
    assert list((tmp_path / "unpacked").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param("missing", "missing does not exist; paths are relative", id="a path that is not there"),
        pytest.param("text.txt", "neither a folder nor a .zip file", id="another kind of file"),
    ],
)
def test_what_is_no_code_is_named(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "text.txt").write_text("not a zip")
    with pytest.raises(CodeError, match=message):
        Package("fn", tmp_path / name)


def test_a_package_knows_which_files_it_holds(tmp_path: Path) -> None:
    (tmp_path / "src/app").mkdir(parents=True)
    (tmp_path / "src/app/__init__.py").touch()
    folder = Package("fn", tmp_path)
    assert folder.holds(*folder.module_names("src.app"))
    assert folder.holds(*folder.module_names("src/app"))
    assert not folder.holds(*folder.module_names("src.other"))
    zipped = Package("fn", zip_of(tmp_path / "code.zip", {"src/app.py": b""}))
    assert zipped.holds(*zipped.module_names("src.app"))
    assert not zipped.holds("bootstrap")
