"""What earlier simulators left in the state folder and nobody needs any more: unpacked code, old logs."""

import re
import shutil
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from engine.functions.package import Package

LOGS_KEPT = timedelta(days=14)
_UNPACKED = re.compile(r"[0-9a-f]{32}|\.unpacking-.*")


def remove_leftovers(state: Path, packages: Iterable[Package], now: datetime) -> None:
    """Remove from the state folder what none of these packages needs, and old logs. Takes a while."""
    remove_unused_code(state / "code", packages)
    remove_old_logs(state / "logs", now)


def remove_unused_code(unpacked: Path, packages: Iterable[Package]) -> None:
    """Remove unpacked .zip files that are the content of none of these packages."""
    try:
        # Listed first: what is unpacked from now on is not in the list.
        found = [path for path in unpacked.iterdir() if _UNPACKED.fullmatch(path.name)]
    except OSError:
        return
    if not found:
        return
    used = set()
    for package in packages:
        if package.zipped:
            with suppress(OSError):
                used.add(package.unpacked_name())
    for path in found:
        if path.name not in used:
            shutil.rmtree(path, ignore_errors=True)


def remove_old_logs(logs: Path, now: datetime) -> None:
    """Remove log streams that have not been written to for 14 days before `now`, a time of the real clock."""
    oldest = (now - LOGS_KEPT).timestamp()
    for path in list(logs.rglob("*.log")):
        with suppress(OSError):
            if path.stat().st_mtime < oldest:
                path.unlink()
                _remove_empty(path.parent, logs)


def _remove_empty(folder: Path, logs: Path) -> None:
    """Remove folders from here upwards until one holds something. Raises OSError then."""
    while folder != logs:
        folder.rmdir()
        folder = folder.parent
