from pathlib import Path

import pytest

from headrace import fixture_files


def test_in_a_checkout_the_files_lie_beside_the_package() -> None:
    assert fixture_files.fixtures() == Path(__file__).parents[2] / "fixtures"
    assert (fixture_files.fixtures() / "functions" / "feeling" / "handler.py").is_file()


def test_in_a_wheel_the_files_lie_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "headrace"
    (package / "fixtures").mkdir(parents=True)
    (package / "config.example.toml").touch()
    monkeypatch.setattr(fixture_files, "PACKAGE", package)
    assert fixture_files.fixtures() == package / "fixtures"
    assert fixture_files.example_configuration() == package / "config.example.toml"
