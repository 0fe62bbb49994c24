"""What the platform itself answers when a function could not: payloads in AWS's own key order.

Source: Lambda Runtime Interface Emulator, and recorded answers of AWS (spec: function error payloads).
"""

import signal

import orjson

from engine.value import dataclass

MAX_RESPONSE_BYTES = 6_291_556  # 6 MiB and 100 bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """A failed invocation. `status` is the word of the REPORT line, None after a handled exception."""

    payload: bytes
    error_type: str | None
    message: str | None
    status: str | None = None


def timed_out(request_id: str, timeout_seconds: float) -> Fault:
    """Return the fault of a function that did not answer within its timeout."""
    message = f"RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2f} seconds"
    return _platform_fault("Sandbox.Timedout", message, "timeout")


def exited(request_id: str, returncode: int) -> Fault:
    """Return the fault of a runtime process that ended; `returncode` as subprocess gives it."""
    return _platform_fault("Runtime.ExitError", f"RequestId: {request_id} Error: {describe_exit(returncode)}")


def out_of_memory(request_id: str) -> Fault:
    """Return the fault of a process tree that was killed for its memory."""
    message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return _platform_fault("Runtime.OutOfMemory", message)


def not_started(request_id: str, reason: str) -> Fault:
    """Return the fault of a program that could not be started; `reason` is the system's own text."""
    return _platform_fault("Runtime.InvalidEntrypoint", f"RequestId: {request_id} Error: {reason}")


def response_too_large() -> Fault:
    """Return the fault of an answer over 6 MB: its keys are the other way round, the environment goes on."""
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    error_type = "Function.ResponseSizeTooLarge"
    payload = orjson.dumps({"errorMessage": message, "errorType": error_type})
    return Fault(payload, error_type, message)


def reported_by_runtime(payload: bytes, type_header: str | None, status: str | None = None) -> Fault:
    """Return the fault that a runtime client posted; its body goes to the caller byte for byte."""
    try:
        body = orjson.loads(payload)
    except orjson.JSONDecodeError:
        body = None
    found = body if isinstance(body, dict) else {}
    error_type, message = found.get("errorType", type_header), found.get("errorMessage")
    return Fault(
        payload,
        error_type if isinstance(error_type, str) else None,
        message if isinstance(message, str) else None,
        status,
    )


def describe_exit(returncode: int) -> str:
    """Say how a process ended, in the words of Go's os/exec, which Lambda is written in."""
    if returncode == 0:
        return "Runtime exited without providing a reason"
    if returncode > 0:
        return f"Runtime exited with error: exit status {returncode}"
    return f"Runtime exited with error: signal: {SIGNAL_WORDS.get(-returncode, f'signal {-returncode}')}"


SIGNAL_WORDS: dict[int, str] = {
    getattr(signal, name).value: words
    for name, words in {
        "SIGHUP": "hangup",
        "SIGINT": "interrupt",
        "SIGQUIT": "quit",
        "SIGILL": "illegal instruction",
        "SIGTRAP": "trace/breakpoint trap",
        "SIGABRT": "aborted",
        "SIGBUS": "bus error",
        "SIGFPE": "floating point exception",
        "SIGKILL": "killed",
        "SIGUSR1": "user defined signal 1",
        "SIGSEGV": "segmentation fault",
        "SIGUSR2": "user defined signal 2",
        "SIGPIPE": "broken pipe",
        "SIGALRM": "alarm clock",
        "SIGTERM": "terminated",
    }.items()
    if hasattr(signal, name)
}


def _platform_fault(error_type: str, message: str, status: str = "error") -> Fault:
    payload = orjson.dumps({"errorType": error_type, "errorMessage": message})
    return Fault(payload, error_type, message, status)
