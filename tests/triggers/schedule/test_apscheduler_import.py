"""APScheduler is imported without its search for plugins, and is whole all the same."""

import subprocess
import sys

from apscheduler.triggers.interval import IntervalTrigger

from triggers.schedule.apscheduler_import import AsyncIOScheduler

LISTED = """
from importlib import metadata

search, asked = metadata.entry_points, []

def note(**chosen):
    asked.append(chosen.get("group"))
    return search(**chosen)

metadata.entry_points = note
import triggers.schedule.trigger
print(asked)
from triggers.schedule.apscheduler_import import base
print(base.BaseScheduler._trigger_plugins["cron"].name, asked)
print(metadata.entry_points is note)
"""


def test_nothing_is_searched_for_until_somebody_names_a_plugin() -> None:
    told = subprocess.run([sys.executable, "-c", LISTED], capture_output=True, text=True, check=True).stdout
    assert told.splitlines() == ["[]", "cron ['apscheduler.triggers']", "True"]


def test_plugins_are_found_by_their_names() -> None:
    job = AsyncIOScheduler().add_job(print, "interval", seconds=5)
    assert isinstance(job.trigger, IntervalTrigger)
