"""A simulation and its functions stay on one processor.

They take turns, so that a second one would only ever wake up for its turn, which takes longer than the turn.
"""

import os
from contextlib import suppress
from pathlib import Path

STAT = Path("/proc/self/stat")  # see proc(5)
PROCESSOR = 36  # the 39th field; the third is the first one after the name in brackets


def stay_on_one_processor() -> None:
    """Keep this process, and all that it starts from now on, where it is, if the system can do that."""
    if not hasattr(os, "sched_setaffinity"):
        return
    with suppress(OSError, IndexError, ValueError):
        processor = int(STAT.read_text().rpartition(")")[2].split()[PROCESSOR])
        os.sched_setaffinity(0, {processor})
