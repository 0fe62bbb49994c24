"""Temporary folders for what is measured, which are removed at the very end.

Where many files were deleted lately, some file systems make new ones slowly: ext4 without a journal looks
through all that was deleted in the last five minutes. What one measurement left behind would slow the next.
"""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path


def new_folder() -> Path:
    """Return an empty folder."""
    return Path(tempfile.mkdtemp(dir=_root()))


@cache
def _root() -> str:
    root = tempfile.mkdtemp(prefix="headrace-bench-")
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
