import os
import subprocess
import sys

import pytest

from headrace.simulation.one_processor import stay_on_one_processor

SCRIPT = """
import os, subprocess, sys
from headrace.simulation.one_processor import stay_on_one_processor
before = os.sched_getaffinity(0)
stay_on_one_processor()
here = os.sched_getaffinity(0)
assert len(here) == 1 and here <= before
child = "import os; print(sorted(os.sched_getaffinity(0)))"
assert subprocess.check_output([sys.executable, "-c", child], text=True).strip() == str(sorted(here))
"""


@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to a processor here"
)
def test_it_and_its_children_stay_where_it_is() -> None:
    subprocess.run([sys.executable, "-c", SCRIPT], check=True)


def test_where_it_cannot_be_done_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_setaffinity", raising=False)
    stay_on_one_processor()
