"""Send what a failed run has sent to a new simulator: `python -m tests.fuzz.repeat JOURNAL`.

Prints the last answer, and what the simulator said on standard error. Ids that the simulator makes up are
other ones each time, so that what hangs on one of them may not happen again.
"""

import json
import sys
import tempfile
from pathlib import Path

from tests.fuzz.fuzzed_simulator import Fuzzed, told
from tests.fuzz.wire import Request


def repeat(journal: Path) -> None:
    """Send each request of a journal, in order, and stop where the simulator fails."""
    entries = [json.loads(line) for line in journal.read_text(encoding="utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder, Fuzzed(Path(folder)) as simulator:
        for number, entry in enumerate(entries, start=1):
            if "raw" in entry:
                answers = simulator.send_raw(told(entry["raw"]), seconds=entry["seconds"])
            else:
                body = told(entry["body"])
                request = Request(entry["method"], entry["path"], entry["headers"], body)
                answers = [simulator.send(request)]
            if number == len(entries):
                print(entry, *answers, sep="\n")


if __name__ == "__main__":
    repeat(Path(sys.argv[1]))
