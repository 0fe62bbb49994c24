"""Tries many seeds in parallel processes, until one breaks a promise: `make soak SEEDS=100000`."""

import argparse
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from tests.simulation.trial import how_to_repeat, try_seed

SEEDS = 10_000
SEEDS_OF_A_PROCESS = 500  # then a fresh one takes over, so that none grows

Failure = tuple[int, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit status: 0 when all promises held, 1 when not, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.soak", description=__doc__)
    parser.add_argument("seeds", type=int, nargs="?", default=SEEDS, help="how many (default: %(default)s)")
    parser.add_argument("--from", dest="first", type=int, default=0, metavar="SEED", help="the first of them")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="default: one for each processor"
    )
    options = parser.parse_args(arguments)
    seeds = range(options.first, options.first + options.seeds)
    try:
        failure = _first_failure(seeds, options.processes)
    except KeyboardInterrupt:
        print("\nStopped; no promise was broken so far.", file=sys.stderr)
        return 130
    if failure is None:
        print(f"All promises held in {options.seeds} trials, seeds {seeds[0]} to {seeds[-1]}.")
        return 0
    print(failure[1])
    return 1


def _first_failure(seeds: Sequence[int], processes: int) -> Failure | None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _leave_interrupts_to_parent, maxtasksperchild=SEEDS_OF_A_PROCESS) as pool:
        return next(filter(None, _shown(pool.imap_unordered(_try, seeds), len(seeds))), None)


def _try(seed: int) -> Failure | None:
    try:
        trial = try_seed(seed)
    except Exception:  # noqa: BLE001 - whatever it is, it is the finding
        return seed, f"seed {seed} raises:\n{traceback.format_exc()}\n{how_to_repeat(seed)}"
    return (seed, trial.explanation()) if trial.broken else None


def _leave_interrupts_to_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _shown(results: Iterable[Failure | None], total: int) -> Iterable[Failure | None]:
    columns = (
        TextColumn("seeds"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(results, total=total)


if __name__ == "__main__":
    sys.exit(main())
