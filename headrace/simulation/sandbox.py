"""What a simulation works on: copies of the buckets' folders and of the tables' databases, and a fresh state.

The user's own files are read and never changed. Function code is used where it is.
"""

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from engine.errors import HeadraceError, StoreInUse
from engine.store.state_folder import StateFolder
from headrace.config import Configuration
from headrace.sources import database_path

SAME_ADDRESS = "http://127.0.0.1:4566"  # of the endpoint in what is told, whatever its port is


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield an empty folder that nobody else uses, and remove it in the end.

    Its path is the same in every simulation, unless several run at once: it may show in what is told.
    """
    for number in itertools.count(1):
        folder = Path(tempfile.gettempdir()) / f"headrace-simulation-{number}"
        with suppress(StoreInUse), StateFolder(folder):
            shutil.rmtree(folder / "work", ignore_errors=True)  # of one that was killed
            (folder / "work").mkdir()
            try:
                yield folder / "work"
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


class SandboxError(HeadraceError):
    """A copy cannot be made; the text says of what, and why."""


def open_sandbox(configuration: Configuration, folder: Path) -> Configuration:
    """Make the copies below `folder`, which is empty; return the configuration with their places.

    A queue, a stream and everything else in the state is as at the very first start. Raises SandboxError.
    """
    file = configuration.file
    buckets = {
        name: bucket.model_copy(
            update={
                "folder": _copy_folder(
                    configuration.folder / bucket.folder.expanduser(), folder / "buckets" / name
                )
            }
        )
        for name, bucket in file.buckets.items()
    }
    databases = _copy_databases(configuration, folder / "databases")
    tables = {
        name: table.model_copy(update={"database": databases[database_path(configuration, name)]})
        for name, table in file.tables.items()
    }
    simulator = file.simulator.model_copy(update={"state": folder / "state"})
    return replace(configuration, file=replace(file, simulator=simulator, buckets=buckets, tables=tables))


def own_words(configuration: Configuration, sandboxed: Configuration) -> Callable[[str], str]:
    """Return what names the user's own files in a text where it names their copies."""
    pairs = [(sandboxed.state, configuration.state)]
    for name, bucket in sandboxed.file.buckets.items():
        original = configuration.file.buckets[name].folder.expanduser()
        pairs.append((bucket.folder, configuration.folder / original))
    pairs += [
        (table.database, database_path(configuration, name)) for name, table in sandboxed.file.tables.items()
    ]

    def reword(text: str) -> str:
        for copy, original in pairs:
            text = text.replace(str(copy), str(original))
        return text

    return reword


def _copy_folder(source: Path, copy: Path) -> Path:
    try:
        if source.is_dir():
            shutil.copytree(source, copy, symlinks=True)
        else:
            copy.mkdir(parents=True)
    except OSError as error:  # shutil.Error is one, with a list of what failed
        raise SandboxError(f"the bucket's folder {source} cannot be copied: {error}") from error
    return copy


def _copy_databases(configuration: Configuration, folder: Path) -> Mapping[Path, Path]:
    """Copy each database once, whoever is writing to it; return where the copies are, by the originals."""
    copies: dict[Path, Path] = {}
    for name in configuration.file.tables:
        source = database_path(configuration, name)
        if source not in copies:
            copies[source] = folder / str(len(copies)) / source.name
            _copy_database(source, copies[source])
        _forget_capture(copies[source], name)
    return copies


def _copy_database(source: Path, copy: Path) -> None:
    copy.parent.mkdir(parents=True)
    if not source.exists():
        return
    try:
        with (
            closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(copy)) as new,
        ):
            original.backup(new)
    except sqlite3.Error as error:
        raise SandboxError(f"the database {source} cannot be copied: {error}") from error


def _forget_capture(copy: Path, table: str) -> None:
    """Remove the copied change log: what is in it belongs to the simulator of the original."""
    if not copy.exists():
        return
    from triggers.dynamodb import capture

    with closing(sqlite3.connect(copy, isolation_level=None)) as connection:
        capture.detach(connection, table)
