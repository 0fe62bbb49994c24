import json
from datetime import UTC, datetime

import pytest

from engine.functions.log_lines import JsonLines, Report, TextLines

NOW = datetime(2026, 1, 2, 3, 4, 5, 678_000, UTC)
PLAIN = Report("ID", 3.006, 128, 36)
COLD = Report("ID", 133.61, 128, 36, 80.0)
TIMEOUT = Report("ID", 3000.0, 128, 64, None, "timeout")
COLD_CRASH = Report("ID", 1.0, 128, 64, 2.0, "error", "Runtime.ExitError")


@pytest.mark.parametrize(
    ("report", "line"),
    [
        pytest.param(
            PLAIN,
            "REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB"
            "\tMax Memory Used: 36 MB\t",
            id="a warm invocation",
        ),
        pytest.param(
            COLD,
            "REPORT RequestId: ID\tDuration: 133.61 ms\tBilled Duration: 214 ms\tMemory Size: 128 MB"
            "\tMax Memory Used: 36 MB\tInit Duration: 80.00 ms\t",
            id="a cold start is billed with its initialisation",
        ),
        pytest.param(
            TIMEOUT,
            "REPORT RequestId: ID\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 128 MB"
            "\tMax Memory Used: 64 MB\tStatus: timeout",
            id="a timeout",
        ),
        pytest.param(
            COLD_CRASH,
            "REPORT RequestId: ID\tDuration: 1.00 ms\tBilled Duration: 3 ms\tMemory Size: 128 MB"
            "\tMax Memory Used: 64 MB\tInit Duration: 2.00 ms\tStatus: error\tError Type: Runtime.ExitError",
            id="a crash in a new environment",
        ),
    ],
)
def test_the_report_line_is_lambdas(report: Report, line: str) -> None:
    assert TextLines().end(NOW, report) == [b"END RequestId: ID", line.encode()]


def test_the_other_text_lines_are_lambdas() -> None:
    lines = TextLines()
    assert lines.start(NOW, "ID") == b"START RequestId: ID Version: $LATEST"
    first = lines.init_start(NOW, "python:3.13.1", "eu-west-1").decode()
    assert first.startswith(
        "INIT_START Runtime Version: python:3.13.1\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:"
    )
    assert lines.init_report(NOW, 9999.654, "init", "timeout", None) == [
        b"INIT_REPORT Init Duration: 9999.65 ms\tPhase: init\tStatus: timeout"
    ]
    assert lines.init_report(NOW, 1, "invoke", "error", "Runtime.ImportModuleError") == [
        (
            b"INIT_REPORT Init Duration: 1.00 ms\tPhase: invoke\tStatus: error\t"
            b"Error Type: Runtime.ImportModuleError"
        )
    ]


def test_json_lines_are_platform_events() -> None:
    lines = JsonLines()
    assert json.loads(lines.start(NOW, "ID")) == {
        "time": "2026-01-02T03:04:05.678Z",
        "type": "platform.start",
        "record": {"requestId": "ID", "version": "$LATEST"},
    }
    [line] = lines.end(NOW, COLD_CRASH)
    assert json.loads(line) == {
        "time": "2026-01-02T03:04:05.678Z",
        "type": "platform.report",
        "record": {
            "requestId": "ID",
            "status": "error",
            "errorType": "Runtime.ExitError",
            "metrics": {
                "durationMs": 1.0,
                "billedDurationMs": 3,
                "memorySizeMB": 128,
                "maxMemoryUsedMB": 64,
                "initDurationMs": 2.0,
            },
        },
    }
    [line] = lines.init_report(NOW, 5.25, "init", "error", "Runtime.ExitError")
    assert json.loads(line)["record"] == {
        "initializationType": "on-demand",
        "phase": "init",
        "status": "error",
        "errorType": "Runtime.ExitError",
        "metrics": {"durationMs": 5.25},
    }
