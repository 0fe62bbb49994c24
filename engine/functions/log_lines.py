"""The lines Lambda itself writes into a function's log, in the text and in the JSON format. Pure.

Source: Lambda developer guide, "Working with Lambda function logs", and the Telemetry API's event schema.
"""

import hashlib
import math
from datetime import datetime
from typing import Any, Literal

import orjson

from engine.arn import partition_of
from engine.clock import iso_millis
from engine.value import dataclass

Phase = Literal["init", "invoke"]


@dataclass(frozen=True, slots=True)
class Report:
    """The figures of one invocation. `status` and `error_type` are set when the platform had to step in."""

    request_id: str
    duration_ms: float
    memory_size_mb: int
    memory_used_mb: int
    init_ms: float | None = None
    status: str | None = None
    error_type: str | None = None

    @property
    def billed_ms(self) -> int:
        """Whole milliseconds; a cold start's initialisation counts, as since August 2025."""
        return math.ceil(round(self.duration_ms + (self.init_ms or 0.0), 2))


class TextLines:
    """Lines of the text format."""

    def __init__(self, version: str = "$LATEST") -> None:
        self._version = version.encode()

    def init_start(self, _now: datetime, runtime: str, region: str) -> bytes:
        """Return the first line of an environment."""
        digest = hashlib.sha256(runtime.encode()).hexdigest()
        arn = f"arn:{partition_of(region)}:lambda:{region}::runtime:{digest}"
        return f"INIT_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}".encode()

    def init_report(
        self, _now: datetime, init_ms: float, phase: Phase, status: str, error_type: str | None
    ) -> list[bytes]:
        """Return the line about a failed initialisation."""
        line = f"INIT_REPORT Init Duration: {init_ms:.2f} ms\tPhase: {phase}\tStatus: {status}"
        return [(line if error_type is None else f"{line}\tError Type: {error_type}").encode()]

    def start(self, _now: datetime, request_id: str) -> bytes:
        """Return the line before the handler's own."""
        return b"START RequestId: %b Version: %b" % (request_id.encode(), self._version)

    def end(self, _now: datetime, report: Report) -> list[bytes]:
        """Return the lines after the handler's own: END and REPORT."""
        line = (
            f"REPORT RequestId: {report.request_id}\tDuration: {report.duration_ms:.2f} ms"
            f"\tBilled Duration: {report.billed_ms} ms\tMemory Size: {report.memory_size_mb} MB"
            f"\tMax Memory Used: {report.memory_used_mb} MB\t"
        )
        if report.init_ms is not None:
            line += f"Init Duration: {report.init_ms:.2f} ms\t"
        if report.status is not None:
            line += f"Status: {report.status}"
        if report.error_type is not None:
            line += f"\tError Type: {report.error_type}"
        return [b"END RequestId: %b" % report.request_id.encode(), line.encode()]


class JsonLines:
    """Lines of the JSON format: platform events, without START, END and REPORT."""

    def __init__(self, version: str = "$LATEST") -> None:
        self._version = version

    def init_start(self, now: datetime, runtime: str, region: str) -> bytes:
        """Return the first line of an environment."""
        digest = hashlib.sha256(runtime.encode()).hexdigest()
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": runtime,
            "runtimeVersionArn": f"arn:{partition_of(region)}:lambda:{region}::runtime:{digest}",
        }
        return _event(now, "platform.initStart", record)

    def init_report(
        self, now: datetime, init_ms: float, phase: Phase, status: str, error_type: str | None
    ) -> list[bytes]:
        """Return the line about a failed initialisation."""
        record: dict[str, Any] = {"initializationType": "on-demand", "phase": phase, "status": status}
        if error_type is not None:
            record["errorType"] = error_type
        record["metrics"] = {"durationMs": round(init_ms, 3)}
        return [_event(now, "platform.initReport", record)]

    def start(self, now: datetime, request_id: str) -> bytes:
        """Return the line before the handler's own."""
        return _event(now, "platform.start", {"requestId": request_id, "version": self._version})

    def end(self, now: datetime, report: Report) -> list[bytes]:
        """Return the line after the handler's own."""
        metrics: dict[str, Any] = {
            "durationMs": round(report.duration_ms, 3),
            "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_size_mb,
            "maxMemoryUsedMB": report.memory_used_mb,
        }
        if report.init_ms is not None:
            metrics["initDurationMs"] = round(report.init_ms, 3)
        record: dict[str, Any] = {"requestId": report.request_id, "status": report.status or "success"}
        if report.error_type is not None:
            record["errorType"] = report.error_type
        return [_event(now, "platform.report", {**record, "metrics": metrics})]


def _event(now: datetime, kind: str, record: dict[str, Any]) -> bytes:
    return orjson.dumps({"time": iso_millis(now), "type": kind, "record": record})
