"""Which folders can be buckets beside each other: a file belongs to one bucket, and to nobody's state."""

import os
from collections.abc import Iterator, Mapping
from itertools import combinations
from pathlib import Path


def problems_of_folders(folders: Mapping[str, Path], state: Path) -> list[str]:
    """Return what is wrong with the folders of the named buckets, each problem beginning with its path.

    `state` is the simulator's own folder. It may lie in a bucket, which then leaves it out.
    """
    problems = [problem for name, folder in folders.items() for problem in problem_of_folder(name, folder)]
    real = {name: Path(os.path.realpath(folder)) for name, folder in folders.items()}
    own = Path(os.path.realpath(state))
    problems += [
        f"buckets.{name}.folder: {folders[name]} is in the state folder, which is the simulator's own"
        for name, folder in real.items()
        if folder.is_relative_to(own)
    ]
    return [*problems, *_overlaps(real)]


def problem_of_folder(name: str, folder: Path) -> Iterator[str]:
    """Yield what is wrong with a bucket's folder by itself."""
    if folder.exists() and not folder.is_dir():
        yield f"buckets.{name}.folder: {folder} is a file: a bucket is a folder"


def _overlaps(real: Mapping[str, Path]) -> Iterator[str]:
    for (one, folder), (other, its_folder) in combinations(real.items(), 2):
        if folder == its_folder:
            yield f"buckets.{other}.folder: {its_folder} is that of buckets.{one}, too: give each its own"
        elif its_folder.is_relative_to(folder):
            yield _inside(other, its_folder, one, folder)
        elif folder.is_relative_to(its_folder):
            yield _inside(one, folder, other, its_folder)


def _inside(name: str, folder: Path, other: str, its_folder: Path) -> str:
    return (
        f"buckets.{name}.folder: {folder} lies in {its_folder}, the folder of buckets.{other}: "
        "a file belongs to one bucket"
    )
