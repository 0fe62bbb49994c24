"""A Lambda runtime interface client for Python in one file, for interpreters without AWS's own, awslambdaric.

It behaves as awslambdaric 4 does: error payloads, context object, JSON, log formats, what is written when.
One suite of tests runs against both. Python 3.9 or later, nothing but the standard library, and as little
of that as will do, because a cold start waits for its import.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import re
import socket
import sys
import time
import traceback

TYPE_CHECKING = False  # typing takes time to import
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any, NoReturn, TextIO

BASE = "/2018-06-01/runtime/"
RAW_NUMBER = f"\x00{os.urandom(8).hex()}:"  # marks a number that is already written as it shall be
UNHANDLED = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code. "
    "However, in rare cases, a Lambda runtime update can cause unexpected function behavior. For "
    "functions using managed runtimes, runtime updates can be triggered by a function change, or can "
    "be applied automatically. To determine if the runtime has been updated, check the runtime "
    "version in the INIT_START log entry. If this error correlates with a change in the runtime "
    "version, you may be able to mitigate this error by temporarily rolling back to the previous "
    "runtime version. For more information, see "
    "https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)
LOG_RECORD_FIELDS = frozenset(
    (
        "name",
        "msg",
        "args",
        "levelname",
        "levelno",
        "pathname",
        "filename",
        "module",
        "exc_info",
        "exc_text",
        "stack_info",
        "lineno",
        "funcName",
        "created",
        "msecs",
        "relativeCreated",
        "thread",
        "threadName",
        "processName",
        "process",
        "taskName",
        "aws_request_id",
        "tenant_id",
        "_frame_type",
    )
)


class Fault(Exception):
    """A failure that the runtime has a name for."""

    def __init__(self, error_type: str, message: str, trace: list[str] | None = None) -> None:
        super().__init__(message)
        self.error_type, self.message, self.trace = error_type, message, trace


# ------------------------------------------------------------------------------------------- Runtime API


class RuntimeApi:
    """One connection to the Runtime API, kept open."""

    def __init__(self, address: str) -> None:
        host, _, port = address.partition(":")
        self._host = address
        self._socket = socket.create_connection((host, int(port or 80)))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def call(
        self, method: str, path: str, body: bytes = b"", headers: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers (names in lower case) and body of the answer. Raises ConnectionError."""
        head = f"{method} {BASE}{path} HTTP/1.1\r\nHost: {self._host}\r\n{headers}"
        if method == "POST":
            head += f"Content-Length: {len(body)}\r\n"
        self._socket.sendall(head.encode("latin-1", "replace") + b"\r\n" + body)
        while b"\r\n\r\n" not in self._buffer:
            self._receive()
        head_bytes, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        status_line, *lines = head_bytes.decode("latin-1").split("\r\n")
        answer = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(answer.get("content-length", 0))
        while len(self._buffer) < length:
            self._receive()
        content, self._buffer = self._buffer[:length], self._buffer[length:]
        return int(status_line.split(" ")[1]), answer, content

    def _receive(self) -> None:
        data = self._socket.recv(262_144)
        if not data:
            raise ConnectionError("the Runtime API has hung up")
        self._buffer += data

    def post_result(self, request_id: str, body: bytes, content_type: str) -> None:
        """Answer an invocation."""
        path = f"invocation/{request_id}/response"
        status, _, _ = self.call("POST", path, body, f"Content-Type: {content_type}\r\n")
        if status >= 300:
            sys.stderr.write(
                f"LAMBDA_RUNTIME Failed to post handler success response. Http response code: {status}.\n"
            )
            raise RuntimeError("Failed to post invocation response")

    def post_error(self, path: str, error: dict[str, Any]) -> None:
        """Report a failed invocation or initialisation."""
        headers = (
            f"Content-Type: application/json\r\nLambda-Runtime-Function-Error-Type: {error['errorType']}\r\n"
        )
        status, _, _ = self.call("POST", path, to_json(error).encode(), headers)
        if status >= 300:
            raise RuntimeError("Failed to post invocation error")


# -------------------------------------------------------------------------------------------------- JSON


def to_json(value: Any) -> str:
    """Encode as the client's simplejson does: Decimal as a bare number, named tuples as objects, bytes as
    text.

    Raises TypeError and ValueError with its messages.
    """
    ascii_only = os.environ.get("AWS_EXECUTION_ENV") not in WITH_UNICODE
    text = json.dumps(_plain(value, set()), ensure_ascii=ascii_only)
    if RAW_NUMBER[1:] in text:
        text = re.sub(rf'"\\u0000{RAW_NUMBER[1:]}([^"]*)"', r"\1", text)
    return text


WITH_UNICODE = tuple(f"AWS_Lambda_python3.{minor}" for minor in (12, 13, 14, 15))
PLAIN_TYPES = (str, int, float, bool, type(None))


def _plain(value: Any, parents: set[int]) -> Any:
    if type(value) in PLAIN_TYPES or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if id(value) in parents:
        raise ValueError("Circular reference detected")
    parents.add(id(value))
    try:
        as_dict = getattr(value, "_asdict", None)
        if callable(as_dict):
            value = as_dict()
            if not isinstance(value, dict):
                raise TypeError(f"_asdict() must return a dict, not {type(value).__name__}")
        if isinstance(value, dict):
            return {_key(key): _plain(item, parents) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [_plain(item, parents) for item in value]
    finally:
        parents.discard(id(value))
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return float("nan") if value.is_nan() else f"{RAW_NUMBER}{value}"
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _key(key: Any) -> Any:
    if isinstance(key, bytes):
        return key.decode("utf-8")
    if key is not None and not isinstance(key, (str, int, float)):
        raise TypeError(f"keys must be str, int, float, bool or None, not {type(key).__name__}")
    return key


def from_json(body: bytes) -> Any:
    """Decode an event. Raises Fault."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except Exception as error:  # noqa: BLE001 - any kind of bad JSON
        raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"Expecting value: {constant}")


# ------------------------------------------------------------------------------------------------ Context


class CognitoIdentity:
    """Who called through the mobile SDK."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, values: dict[str, Any]) -> None:
        self.cognito_identity_id = values.get("cognitoIdentityId")
        self.cognito_identity_pool_id = values.get("cognitoIdentityPoolId")

    def __repr__(self) -> str:
        return _described(self)


class Client:
    """The application of a client context."""

    __slots__ = ("app_package_name", "app_title", "app_version_code", "app_version_name", "installation_id")
    order = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, values: dict[str, Any]) -> None:
        for name in self.__slots__:
            setattr(self, name, values.get(name))

    def __repr__(self) -> str:
        return _described(self, self.order)


class ClientContext:
    """What the caller sent along as `ClientContext`."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, values: dict[str, Any]) -> None:
        self.custom, self.env = values.get("custom"), values.get("env")
        client = values.get("client")
        self.client = None if client is None else Client(client)

    def __repr__(self) -> str:
        return _described(self, ("custom", "env", "client"))


class LambdaContext:
    """The second argument of a handler."""

    def __init__(self, headers: dict[str, str]) -> None:
        client = _header_json(headers, "lambda-runtime-client-context", "Client Context")
        identity = _header_json(headers, "lambda-runtime-cognito-identity", "Cognito Identity")
        self.aws_request_id = headers.get("lambda-runtime-aws-request-id")
        self.log_group_name = os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME")
        self.log_stream_name = os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME")
        self.function_name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
        self.memory_limit_in_mb = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
        self.function_version = os.environ.get("AWS_LAMBDA_FUNCTION_VERSION")
        self.invoked_function_arn = headers.get("lambda-runtime-invoked-function-arn")
        self.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        self._w3c_fields = _trace_context(client)
        self.client_context = None if client is None else ClientContext(client)
        self.identity = CognitoIdentity(identity or {})
        self._deadline_ms = int(headers.get("lambda-runtime-deadline-ms", 0))

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the function may still run."""
        return max(0, self._deadline_ms - int(time.time() * 1000))  # noqa: TID251 - the deadline is in real time

    def w3c(self) -> dict[str, str]:
        """Return the W3C trace context at the time of the call."""
        return dict(self._w3c_fields)

    def log(self, message: object) -> None:
        """Write to the log as it is, without a line end."""
        sys.stdout.write(str(message))

    def __repr__(self) -> str:
        names = (
            "aws_request_id",
            "log_group_name",
            "log_stream_name",
            "function_name",
            "memory_limit_in_mb",
            "function_version",
            "invoked_function_arn",
            "client_context",
            "identity",
            "tenant_id",
        )
        return _described(self, names)


def _described(thing: Any, names: tuple[str, ...] | None = None) -> str:
    fields = ",".join(f"{name}={getattr(thing, name)}" for name in names or thing.__slots__)
    return f"{type(thing).__name__}([{fields}])"


def _header_json(headers: dict[str, str], name: str, title: str) -> Any:
    text = headers.get(name)
    if not text:
        return None
    try:
        return json.loads(text.encode("latin-1"))
    except Exception as error:  # noqa: BLE001 - any kind of bad JSON
        message = f"Unable to parse {title} JSON: {error}"
        raise Fault("Runtime.LambdaContextUnmarshalError", message) from None


def _trace_context(client: Any) -> dict[str, str]:
    fields = client.pop("w3c", None) if isinstance(client, dict) else None
    if not isinstance(fields, dict):
        return {}
    return {
        name: fields[name]
        for name in ("traceparent", "tracestate", "baggage")
        if isinstance(fields.get(name), str)
    }


# ---------------------------------------------------------------------------------------------------- Log


class Unbuffered:
    """A text stream whose every write is seen at once."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> None:
        """Write and flush."""
        self.stream.write(text)
        self.stream.flush()

    def writelines(self, lines: list[str]) -> None:
        """Write and flush."""
        self.stream.writelines(lines)
        self.stream.flush()


class Present:
    """Whose invocation the log lines belong to."""

    request_id = ""
    tenant_id: str | None = None


class LogHandler(logging.Handler):
    """Writes records of the `logging` module to the function's log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        sys.stdout.write(self.format(record))

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the request id; let everything pass that the handler's own filters let pass."""
        record.aws_request_id = Present.request_id
        record.tenant_id = Present.tenant_id
        return bool(super().filter(record))


class JsonFormatter(logging.Formatter):
    """The JSON log format."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one object and a line feed."""
        record.levelno = min(50, max(0, record.levelno)) // 10 * 10
        record.levelname = logging.getLevelName(record.levelno)
        as_it_is = isinstance(record.msg, dict) and not record.args
        entry: dict[str, Any] = {
            "timestamp": self.formatTime(record, "%Y-%m-%dT%H:%M:%SZ"),
            "level": record.levelname,
            "message": record.msg if as_it_is else record.getMessage(),
            "logger": record.name,
            **self._exception(record),
        }
        if Present.tenant_id is not None:
            entry["tenantId"] = Present.tenant_id
        for name, value in record.__dict__.items():
            if name not in LOG_RECORD_FIELDS and name not in entry:
                entry[name] = value
        kept = {name: value for name, value in entry.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, default=str) + "\n"

    def _exception(self, record: logging.LogRecord) -> dict[str, Any]:
        request_id = getattr(record, "aws_request_id", None)
        if not record.exc_info:
            names = ("stackTrace", "errorType", "errorMessage", "requestId", "location")
            return {**dict.fromkeys(names), "requestId": request_id}
        kind, error, trace = record.exc_info
        return {
            "stackTrace": traceback.format_tb(trace),
            "errorType": None if kind is None else kind.__name__,
            "errorMessage": str(error),
            "requestId": request_id,
            "location": f"{record.pathname}:{record.funcName}:{record.lineno}",
        }


def set_up_logging() -> None:
    """Give the root logger the function's log, in its format and level."""
    logging.Formatter.converter = time.gmtime
    handler = LogHandler()
    if _logs_json():
        handler.setFormatter(JsonFormatter())
    else:
        line = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        handler.setFormatter(logging.Formatter(line, "%Y-%m-%dT%H:%M:%S"))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "")
    level = "DEBUG" if level == "TRACE" else level.upper()
    if level in ("CRITICAL", "FATAL", "ERROR", "WARN", "WARNING", "INFO", "DEBUG", "NOTSET"):
        logging.getLogger().setLevel(level)
    logging.getLogger().addHandler(handler)


def _logs_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def log_error(error: dict[str, Any]) -> None:
    """Write an unhandled error: in the text format one event whose lines are joined by carriage returns."""
    if _logs_json():
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        sys.stdout.write(to_json({"timestamp": stamp, "level": "ERROR", **error}) + "\n")
        return
    title = " ".join(filter(None, ("[ERROR]", error["errorType"])))
    if error["errorMessage"]:
        title += f"{':' if error['errorType'] else ''} {error['errorMessage']}"
    lines = [title, "Traceback (most recent call last):"]
    for entry in error["stackTrace"]:
        for line in entry.splitlines() or [""]:
            text = line.lstrip(" ")
            lines.append("\u00a0" * (len(line) - len(text)) + text)
    sys.stdout.write("\r".join(lines) + "\n")


# -------------------------------------------------------------------------------------------- Invocation


def make_error(
    message: str, error_type: str, trace: list[str] | None, request_id: str = ""
) -> dict[str, Any]:
    """Return the body of an error, in the client's key order."""
    return {
        "errorMessage": message or "",
        "errorType": error_type or "",
        "requestId": request_id,
        "stackTrace": trace or [],
    }


def error_of(error: BaseException, request_id: str = "") -> dict[str, Any]:
    """Return the body for what was raised."""
    if isinstance(error, Fault):
        return make_error(error.message, error.error_type, error.trace, request_id)
    return make_error(str(error), type(error).__name__, _trace(error.__traceback__), request_id)


def _trace(frames: TracebackType | None) -> list[str]:
    """Format the frames from the first that is not ours."""
    entries = [(f.filename, f.lineno or 0, f.name, f.line) for f in traceback.extract_tb(frames)]
    first = next((index for index, entry in enumerate(entries) if entry[0] != __file__), 0)
    return traceback.format_list(entries[first:])


def find_handler(handler: str) -> Any:
    """Import the module and return the function. Raises Fault, and whatever the module raises."""
    try:
        module_name, function_name = handler.rsplit(".", 1)
    except ValueError as error:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{handler}': {error}") from None
    try:
        if module_name.split(".")[0] in sys.builtin_module_names:
            message = f"Cannot use built-in module {module_name} as a handler module"
            raise Fault("Runtime.BuiltInModuleConflict", message)
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise Fault("Runtime.ImportModuleError", message) from None
    except SyntaxError as error:
        trace = [f'  File "{error.filename}" Line {error.lineno}\n    {error.text}']
        message = f"Syntax error in module '{module_name}': {error}"
        raise Fault("Runtime.UserCodeSyntaxError", message, trace) from None
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise Fault("Runtime.HandlerNotFound", message) from None


def answer(api: RuntimeApi, handler: Any, headers: dict[str, str], body: bytes) -> None:
    """Run the handler on one event and post what comes of it."""
    request_id = headers.get("lambda-runtime-aws-request-id", "")
    try:
        context = LambdaContext(headers)
        event = from_json(body) if headers.get("content-type") == "application/json" else body
        result = handler(event, context)
        content, content_type = marshal(result)
    except Exception as error:  # noqa: BLE001 - whatever it raises is its answer
        described = error_of(error, request_id)
        log_error(described)
        api.post_error(f"invocation/{request_id}/error", described)
    else:
        api.post_result(request_id, content if isinstance(content, bytes) else content.encode(), content_type)


def marshal(result: Any) -> tuple[bytes | str, str]:
    """Return a handler's result as it is sent. Raises Fault."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return to_json(result), "application/json"
    except Exception as error:  # noqa: BLE001 - a result may raise anything when it is looked at
        raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from None


def main(arguments: list[str]) -> NoReturn:
    """Run the handler named by the second argument on one event after another."""
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    sys.stdout, sys.stderr = Unbuffered(sys.stdout), Unbuffered(sys.stderr)
    set_up_logging()
    try:
        handler = find_handler(arguments[1])
    except Exception as error:  # noqa: BLE001 - whatever the module raises is its answer
        logging.warning(UNHANDLED)
        described = error_of(error)
        log_error(described)
        api.post_error("init/error", described)
        sys.exit(1)
    while True:
        try:
            _, headers, body = api.call("GET", "invocation/next")
        except OSError:
            sys.exit(1)  # the simulator is gone
        Present.request_id = headers.get("lambda-runtime-aws-request-id", "")
        Present.tenant_id = headers.get("lambda-runtime-aws-tenant-id")
        trace_id = headers.get("lambda-runtime-trace-id")
        if trace_id is None:
            os.environ.pop("_X_AMZN_TRACE_ID", None)
        else:
            os.environ["_X_AMZN_TRACE_ID"] = trace_id
        answer(api, handler, headers, body)
