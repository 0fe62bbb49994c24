import pytest

from engine.functions import faults
from engine.functions.faults import Fault


def platform(error_type: str, message: str) -> bytes:
    return f'{{"errorType":"{error_type}","errorMessage":"RequestId: ID Error: {message}"}}'.encode()


@pytest.mark.parametrize(
    ("fault", "payload"),
    [
        pytest.param(
            faults.timed_out("ID", 1),
            platform("Sandbox.Timedout", "Task timed out after 1.00 seconds"),
            id="a timeout names the seconds configured",
        ),
        pytest.param(
            faults.exited("ID", 0),
            platform("Runtime.ExitError", "Runtime exited without providing a reason"),
            id="an exit with status 0 gives no reason",
        ),
        pytest.param(
            faults.exited("ID", 127),
            platform("Runtime.ExitError", "Runtime exited with error: exit status 127"),
            id="an exit with another status names it",
        ),
        pytest.param(
            faults.exited("ID", -11),
            platform("Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
            id="a signal is named in words",
        ),
        pytest.param(
            faults.out_of_memory("ID"),
            platform("Runtime.OutOfMemory", "Runtime exited with error: signal: killed"),
            id="too much memory is a kill",
        ),
        pytest.param(
            faults.response_too_large(),
            b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
            b'"errorType":"Function.ResponseSizeTooLarge"}',
            id="a response too large has its keys the other way round",
        ),
    ],
)
def test_the_platforms_payloads_are_lambdas_to_the_byte(fault: Fault, payload: bytes) -> None:
    assert fault.payload == payload


def test_an_unknown_signal_has_its_number() -> None:
    assert faults.describe_exit(-60) == "Runtime exited with error: signal: signal 60"


@pytest.mark.parametrize(
    ("payload", "header", "expected"),
    [
        pytest.param(b'{"errorType":"A","errorMessage":"m"}', "B", ("A", "m"), id="the body's own words"),
        pytest.param(b"{}", "B", ("B", None), id="the header's type when the body has none"),
        pytest.param(b"no json", "B", ("B", None), id="a body that is not JSON"),
        pytest.param(b'["a"]', None, (None, None), id="a body that is no object"),
        pytest.param(b'{"errorType":1,"errorMessage":[]}', None, (None, None), id="words that are none"),
    ],
)
def test_what_a_runtime_reports_is_passed_on_and_understood(
    payload: bytes, header: str | None, expected: tuple[str | None, str | None]
) -> None:
    fault = faults.reported_by_runtime(payload, header)
    assert (fault.payload, fault.status) == (payload, None)
    assert (fault.error_type, fault.message) == expected
