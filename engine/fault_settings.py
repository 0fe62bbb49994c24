"""`[faults]`: what goes wrong on purpose, and how often."""

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, PlainValidator, model_validator

from engine.duration import parse_duration
from engine.functions.settings import FunctionName
from engine.settings import Settings


def _duration(value: object) -> timedelta:
    """Read a duration such as "5s"."""
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str):
        raise ValueError(f'a duration such as "5s" or "1m30s" is needed, got {value!r}')
    return parse_duration(value)


Rate = Annotated[float, Field(ge=0, le=1)]
# A start takes a few commits, and one that hardly ever succeeds would show nothing.
CrashRate = Annotated[float, Field(ge=0, le=0.1)]
Commit = Annotated[int, Field(ge=1)]
Duration = Annotated[timedelta, PlainValidator(_duration)]

SPOILING = ("error_rate", "timeout_rate", "crash_rate")


class FaultSettings(Settings):
    """Declared faults. A rate is the chance, from 0 to 1, that one strikes where it could.

    `functions` limits the faults of functions to some of them. The numbers of commits count those of the
    store from 1, from the beginning of a simulation.
    """

    functions: tuple[FunctionName, ...] | None = None
    error_rate: Rate = 0
    timeout_rate: Rate = 0
    crash_rate: Rate = 0
    throttle_rate: Rate = 0
    slow_start_rate: Rate = 0
    slow_start: Duration = timedelta(seconds=3)

    duplicate_rate: Rate = 0
    redelivery_rate: Rate = 0
    reorder_rate: Rate = 0
    smaller_batch_rate: Rate = 0

    late_wake_up_rate: Rate = 0
    late_wake_up: Duration = timedelta(seconds=1)
    lost_wake_up_rate: Rate = 0

    store_busy_rate: Rate = 0
    store_full_rate: Rate = 0

    simulator_crash_rate: CrashRate = 0
    simulator_crash_before_commits: tuple[Commit, ...] = ()
    simulator_crash_after_commits: tuple[Commit, ...] = ()

    @model_validator(mode="after")
    def _rates_of_one_place_add_up(self) -> Self:
        together = sum(getattr(self, name) for name in SPOILING)
        if together > 1:
            raise ValueError(
                f"an invocation meets one fault: {', '.join(SPOILING)} are {together:g} together"
            )
        if self.late_wake_up_rate + self.lost_wake_up_rate > 1:
            raise ValueError("a wake-up is late or lost: the two rates are more than 1 together")
        if self.store_busy_rate + self.store_full_rate > 1:
            raise ValueError("the store is busy or full: the two rates are more than 1 together")
        return self

    @property
    def crashes_the_simulator(self) -> bool:
        """Whether the simulator itself is to crash."""
        return bool(self.crash_options)

    @property
    def crash_options(self) -> tuple[str, ...]:
        """The options that make the simulator itself crash."""
        names = (
            "simulator_crash_rate",
            "simulator_crash_before_commits",
            "simulator_crash_after_commits",
        )
        return tuple(name for name in names if getattr(self, name))

    def summary(self) -> str:
        """Return what is declared, in a line: `error_rate 0.1, late_wake_up_rate 0.2`."""
        names = [name for name in type(self).model_fields if name.endswith("_rate")]
        told = [f"{name} {getattr(self, name):g}" for name in names if getattr(self, name)]
        return ", ".join(told) or "none"
