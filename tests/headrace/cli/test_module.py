"""The command as a module, for who has several Pythons."""

import subprocess
import sys

from headrace import __version__


def test_python_dash_m_headrace_is_the_command() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "headrace", "--version"], capture_output=True, text=True, check=True
    ).stdout
    assert told.split()[-1] == __version__


def test_it_names_itself_as_it_was_called() -> None:
    told = subprocess.run(
        [sys.executable, "-m", "headrace", "--help"], capture_output=True, text=True, check=True
    ).stdout
    assert told.startswith("Usage: python -m headrace ")
