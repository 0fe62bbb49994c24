"""What all execution environments of a simulator share."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from engine.functions.guard import Guard
from engine.functions.pace import Pace
from engine.functions.variables import KeyPair
from engine.functions.written_files import WrittenFiles
from engine.value import dataclass

if TYPE_CHECKING:
    from engine.faults import Faults

LOOK_AFTER_SECONDS = 0.1  # between two looks at an environment that is at work


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`logs` is None when no log files are kept; `endpoint` gives the URL that AWS clients are to use.

    Their credentials are `keys`.
    """

    clock: Clock
    pace: Pace
    guard: Guard
    feed: Feed
    account: Account
    endpoint: Callable[[], str | None]
    logs: Path | None
    unpacked: Path
    written: WrittenFiles
    temporary: Path
    init_seconds: float
    stop_grace_seconds: float
    keys: KeyPair
    faults: "Faults | None" = None
