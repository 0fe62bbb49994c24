"""What docs/testing-your-functions.md shows is run as it stands there."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

from headrace.fixture_files import example_configuration, fixtures

PAGE = Path(__file__).parents[2] / "docs" / "testing-your-functions.md"


def test_the_tests_of_the_page_pass_on_the_example(tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n)+", PAGE.read_text(), re.MULTILINE)
    fixture, *tests = (textwrap.dedent(block) for block in blocks if block.strip())
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "conftest.py").write_text(fixture)
    (tmp_path / "tests" / "test_page.py").write_text("\n".join(tests))
    (tmp_path / "headrace.toml").write_text(example_configuration().read_text())
    shutil.copytree(fixtures() / "functions", tmp_path / "functions")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
