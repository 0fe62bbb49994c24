"""What declared faults make of an invocation: not run, answered too late, or ended before its answer."""

import orjson

from engine.faults import Faults, Spoiling
from engine.functions.pace import Pace
from engine.functions.runtime import Exited, Signal, TimedOut
from engine.functions.runtime_api import Answered, Failed, TooLarge

ERROR_TYPE = "DeclaredFault"
ERROR_MESSAGE = "[faults] error_rate: the handler was not run"
EXIT_STATUS = 1


class Spoiled:
    """One invocation of `function` that a fault is going to strike. `timeout_ms` is the function's."""

    def __init__(
        self, faults: Faults, kind: Spoiling, function: str, request_id: str, timeout_ms: float
    ) -> None:
        self._faults = faults
        self._kind = kind
        self._function = function
        self._request_id = request_id
        self._timeout_ms = timeout_ms

    @property
    def is_not_run(self) -> bool:
        """Whether the handler does not see the event."""
        return self._kind == "error"

    def not_run(self) -> Failed:
        """Return what comes instead of the handler's answer."""
        self._tell()
        error = {
            "errorMessage": ERROR_MESSAGE,
            "errorType": ERROR_TYPE,
            "requestId": self._request_id,
            "stackTrace": [],
        }
        return Failed(orjson.dumps(error), ERROR_TYPE, in_init=False)

    async def after_work(self, signal: Signal, duration_ms: float, pace: Pace) -> tuple[Signal, float]:
        """Return what comes of an invocation whose handler has done its work, and after how long."""
        if self._kind == "error" or not isinstance(signal, Answered | Failed | TooLarge):
            return signal, duration_ms
        self._tell()
        if self._kind == "crash":
            return Exited(EXIT_STATUS, at_work=True), duration_ms
        await pace.pass_time(max(0.0, self._timeout_ms - duration_ms) / 1000)
        return TimedOut(), self._timeout_ms

    def _tell(self) -> None:
        self._faults.tell(self._kind, f"functions.{self._function}", self._request_id)
