"""AWS's schedule expressions as a trigger of APScheduler, and APScheduler on the simulator's clock.

Imported only where there is a schedule to run: APScheduler takes a tenth of a second to import.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, tzinfo

from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.triggers.base import BaseTrigger

from engine.clock import SimulatorLoop, running_clock
from triggers.schedule.apscheduler_import import AsyncIOScheduler, base
from triggers.schedule.expression import Timing


class ScheduleTrigger(BaseTrigger):  # type: ignore[misc]
    """Fires when `timing` says so, beginning with the first run after `settled`."""

    __slots__ = ("_settled", "_timing")

    def __init__(self, timing: Timing, settled: datetime) -> None:
        self._timing = timing
        self._settled = settled

    def get_next_fire_time(
        self,
        previous_fire_time: datetime | None,
        now: datetime,  # noqa: ARG002 - a run that is already past is still a run
    ) -> datetime | None:
        """Return the run after the previous one."""
        return self._timing.next_after(previous_fire_time or self._settled)


class NominalTimesExecutor(BaseExecutor):  # type: ignore[misc]
    """Calls a job's function with the job's id and the moments at which it was due, however long ago."""

    def _do_submit_job(self, job: Job, run_times: Sequence[datetime]) -> None:
        job.func(job.id, run_times)
        asyncio.get_running_loop().call_soon(self._run_job_success, job.id, ())


class SimulatorScheduler(AsyncIOScheduler):  # type: ignore[misc]
    """APScheduler whose timers wake up often enough to notice that the machine was asleep."""

    def _start_timer(self, wait_seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        if wait_seconds is not None and isinstance(loop, SimulatorLoop):
            wait_seconds = min(wait_seconds, loop.longest_nap())
        super()._start_timer(wait_seconds)


class _ClockDatetime(datetime):
    """The present moment of the running simulator, and of the machine for whoever else uses APScheduler."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        try:
            return running_clock().now().astimezone(tz)
        except RuntimeError:
            return super().now(tz)


base.datetime = _ClockDatetime
