"""Temporary folders for what is measured, which are removed at the very end.

Where many files were deleted lately, some file systems make new ones slowly: ext4 without a journal looks
through all that was deleted in the last five minutes. What one measurement left behind would slow the next.
"""

import atexit
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

MEMORY = Path("/dev/shm")


def new_folder(*, in_memory: bool = False) -> Path:
    """Return an empty folder, on the disk or, where there is such a file system, in memory."""
    return Path(tempfile.mkdtemp(dir=_root(in_memory and os.access(MEMORY, os.W_OK))))


@cache
def _root(in_memory: bool) -> str:
    root = tempfile.mkdtemp(prefix="headrace-bench-", dir=MEMORY if in_memory else None)
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    return root
