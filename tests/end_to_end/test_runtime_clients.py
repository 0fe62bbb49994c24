"""One contract for both Python clients: awslambdaric, and python_runtime.py where awslambdaric is missing."""

import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.functions.invocation import InvocationResult
from engine.functions.pool import Functions
from tests.fakes.real_functions import bare_python, function, invoke, log_events

CLIENTS = ["awslambdaric", "python_runtime"]
REQUEST_ID = "8f2c1b7e-0000-4000-8000-000000000001"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="awslambdaric is made for Linux only")


class Bench:
    """Runs a handler's source under one of the clients."""

    def __init__(self, client: str, folder: Path, clock: Clock, feed: Feed) -> None:
        self.client, self.folder, self.clock, self.feed = client, folder, clock, feed
        self.state = folder / "state"
        self.functions: Functions | None = None

    async def run(self, source: str, payload: bytes = b"{}", **options: Any) -> InvocationResult:
        fields = {key: options.pop(key) for key in ("client_context", "qualifier") if key in options}
        if self.functions is None:
            python = None if self.client == "awslambdaric" else bare_python()
            definition = function(self.folder, source, python=python, **options)
            self.functions = Functions([definition], clock=self.clock, feed=self.feed, state=self.state)
            await self.functions.__aenter__()
        return await invoke(self.functions, payload, **fields)

    @property
    def log(self) -> list[str]:
        return log_events(self.state)


@pytest.fixture(params=CLIENTS)
async def bench(
    request: pytest.FixtureRequest, tmp_path: Path, clock: Clock, feed: Feed
) -> AsyncIterator[Bench]:
    bench = Bench(request.param, tmp_path, clock, feed)
    yield bench
    if bench.functions is not None:
        await bench.functions.__aexit__(None, None, None)


def returning(expression: str, header: str = "") -> str:
    return f"{header}\ndef handler(event, context):\n    return {expression}\n"


async def test_the_client_under_test_is_the_one_that_runs(bench: Bench) -> None:
    result = await bench.run(
        returning("sorted(name for name in sys.modules if 'runtime' in name)", "import sys")
    )
    assert ("awslambdaric" in bench.client) == ("runtime_client" in json.loads(result.payload))


@pytest.mark.parametrize(
    ("expression", "payload"),
    [
        pytest.param("event", b'{"key": "value"}', id="an event comes back"),
        pytest.param("None", b"null", id="nothing returned is null"),
        pytest.param("decimal.Decimal('1.10')", b"1.10", id="a Decimal is a bare number"),
        pytest.param("{'d': decimal.Decimal('NaN')}", b'{"d": NaN}', id="a Decimal that is none is NaN"),
        pytest.param("float('inf')", b"Infinity", id="infinity is allowed"),
        pytest.param("b'\\x00raw'", b"\x00raw", id="bytes pass through as they are"),
        pytest.param(
            "{'b': b'text', b'k': (1, 2)}", b'{"b": "text", "k": [1, 2]}', id="bytes inside are text"
        ),
        pytest.param(
            "collections.namedtuple('P', 'x y')(1, 2)", b'{"x": 1, "y": 2}', id="a named tuple is an object"
        ),
        pytest.param("{1: True, None: 2.5}", b'{"1": true, "null": 2.5}', id="keys become strings"),
    ],
)
async def test_a_result_is_encoded(bench: Bench, expression: str, payload: bytes) -> None:
    result = await bench.run(returning(expression, "import collections, decimal"), b'{"key": "value"}')
    assert (result.payload, result.function_error) == (payload, None)


async def test_unicode_is_escaped_before_python_3_12_and_not_since(bench: Bench) -> None:
    result = await bench.run(returning("'Grüße'"))
    since = sys.version_info >= (3, 12)
    assert result.payload == ('"Grüße"'.encode() if since else b'"Gr\\u00fc\\u00dfe"')


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        pytest.param("{1, 2}", "Object of type set is not JSON serializable", id="a set"),
        pytest.param("object()", "Object of type object is not JSON serializable", id="any object"),
        pytest.param(
            "{(1,): 1}", "keys must be str, int, float, bool or None, not tuple", id="a tuple as key"
        ),
        pytest.param(
            "handler_coroutine()", "Object of type coroutine is not JSON serializable", id="a coroutine"
        ),
    ],
)
async def test_a_result_that_is_not_json_is_a_marshal_error(
    bench: Bench, expression: str, message: str
) -> None:
    result = await bench.run(returning(expression, "async def handler_coroutine(): pass"))
    assert json.loads(result.payload) == {
        "errorMessage": f"Unable to marshal response: {message}",
        "errorType": "Runtime.MarshalError",
        "requestId": REQUEST_ID,
        "stackTrace": [],
    }
    assert result.error_type == "Runtime.MarshalError"


async def test_an_exception_is_reported_with_its_frames_and_the_process_goes_on(bench: Bench) -> None:
    source = """
        calls = 0
        def deeper():
            raise ValueError("no such thing: é")
        def handler(event, context):
            global calls
            calls += 1
            if calls == 1:
                deeper()
            return calls
    """
    result = await bench.run(source)
    app = bench.folder / "fn/app.py"
    body = json.loads(result.payload)
    assert list(body) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert body["stackTrace"] == [
        f'  File "{app}", line 9, in handler\n    deeper()\n',
        f'  File "{app}", line 4, in deeper\n    raise ValueError("no such thing: é")\n',
    ]
    assert (result.function_error, result.error_type, result.error_message) == (
        "Unhandled",
        "ValueError",
        "no such thing: é",
    )
    again = await bench.run(source)
    assert (again.payload, again.environment) == (b"2", result.environment)
    error = next(line for line in bench.log if line.startswith("[ERROR]"))
    assert error.split("\r") == [
        "[ERROR] ValueError: no such thing: é",
        "Traceback (most recent call last):",
        f'\u00a0\u00a0File "{app}", line 9, in handler',
        "\u00a0\u00a0\u00a0\u00a0deeper()",
        f'\u00a0\u00a0File "{app}", line 4, in deeper',
        '\u00a0\u00a0\u00a0\u00a0raise ValueError("no such thing: é")',
    ]
    assert not any("Status:" in line for line in bench.log)


@pytest.mark.parametrize(
    ("source", "error_type", "message"),
    [
        pytest.param(
            "import missing_module",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'missing_module'",
            id="a missing module",
        ),
        pytest.param(
            "def handler(:",
            "Runtime.UserCodeSyntaxError",
            "Syntax error in module 'app': invalid syntax (app.py, line 1)",
            id="a syntax error",
        ),
        pytest.param(
            "x = 1",
            "Runtime.HandlerNotFound",
            "Handler 'handler' missing on module 'app'",
            id="a missing function",
        ),
        pytest.param("raise KeyError('at import')", "KeyError", "'at import'", id="an exception at import"),
        pytest.param(
            "import engine.clock",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'engine'",
            id="the simulator's own packages",
        ),
    ],
)
async def test_a_failed_initialisation_is_tried_again_and_answered(
    bench: Bench, source: str, error_type: str, message: str
) -> None:
    result = await bench.run(source)
    body = json.loads(result.payload)
    assert (body["errorType"], body["errorMessage"], body["requestId"]) == (error_type, message, "")
    assert (result.error_type, result.function_error, result.init_ms) == (error_type, "Unhandled", None)
    marks = [re.sub(r"[\d.]+ ms|[\d.]+ MB", "N", line) for line in bench.log]
    assert [line for line in marks if line.startswith(("INIT_REPORT", "START", "END", "REPORT"))] == [
        f"INIT_REPORT Init Duration: N\tPhase: init\tStatus: error\tError Type: {error_type}",
        f"INIT_REPORT Init Duration: N\tPhase: invoke\tStatus: error\tError Type: {error_type}",
        f"START RequestId: {REQUEST_ID} Version: $LATEST",
        f"END RequestId: {REQUEST_ID}",
        (
            f"REPORT RequestId: {REQUEST_ID}\tDuration: N\tBilled Duration: N\tMemory Size: N"
            f"\tMax Memory Used: N\tStatus: error\tError Type: {error_type}"
        ),
    ]
    warning = next(line for line in bench.log if line.startswith("[WARNING]"))
    assert re.match(
        r"\[WARNING\]\t[\d-]{10}T[\d:.]+Z\t\tLAMBDA_WARNING: Unhandled exception\. The most", warning
    )


async def test_an_exception_at_import_shows_the_import_machinery(bench: Bench) -> None:
    result = await bench.run("raise KeyError('at import')")
    trace = json.loads(result.payload)["stackTrace"]
    assert "importlib/__init__.py" in trace[0]
    assert (
        trace[-1]
        == f"  File \"{bench.folder}/fn/app.py\", line 1, in <module>\n    raise KeyError('at import')\n"
    )


async def test_the_context_has_what_lambda_gives(bench: Bench) -> None:
    source = """
        def handler(event, context):
            client = context.client_context
            return {
                "names": sorted(name for name in vars(context) if not name.startswith("_")),
                "id": context.aws_request_id, "function": context.function_name,
                "version": context.function_version, "arn": context.invoked_function_arn,
                "memory": context.memory_limit_in_mb, "group": context.log_group_name,
                "stream": context.log_stream_name, "left": context.get_remaining_time_in_millis(),
                "identity": context.identity.cognito_identity_id, "repr": repr(context),
                "client": [client.client.app_title, client.custom, client.env], "w3c": context.w3c(),
                "tenant": context.tenant_id,
            }
    """
    client_context = '{"client": {"app_title": "tést"},\n "custom": {"a": 1}, "w3c": {"baggage": "x"}}'
    result = await bench.run(
        source, client_context=client_context, qualifier="$LATEST", memory=256, timeout=7
    )
    context = json.loads(result.payload)
    stream, arn = context["stream"], "arn:aws:lambda:us-east-1:000000000000:function:fn:$LATEST"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert context.pop("repr") == (
        f"LambdaContext([aws_request_id={REQUEST_ID},log_group_name=/aws/lambda/fn,log_stream_name={stream},"
        f"function_name=fn,memory_limit_in_mb=256,function_version=$LATEST,invoked_function_arn={arn},"
        "client_context=ClientContext([custom={'a': 1},env=None,client=Client([installation_id=None,"
        "app_title=tést,app_version_name=None,app_version_code=None,app_package_name=None])]),"
        "identity=CognitoIdentity([cognito_identity_id=None,cognito_identity_pool_id=None]),tenant_id=None])"
    )
    assert 5000 < context.pop("left") <= 7000
    assert context == {
        "names": [
            "aws_request_id",
            "client_context",
            "function_name",
            "function_version",
            "identity",
            "invoked_function_arn",
            "log_group_name",
            "log_stream_name",
            "memory_limit_in_mb",
            "tenant_id",
        ],
        "id": REQUEST_ID,
        "function": "fn",
        "version": "$LATEST",
        "arn": arn,
        "memory": "256",
        "group": "/aws/lambda/fn",
        "stream": stream,
        "identity": None,
        "client": ["tést", {"a": 1}, None],
        "w3c": {"baggage": "x"},
        "tenant": None,
    }


async def test_a_client_context_that_is_not_json_is_refused_by_the_runtime(bench: Bench) -> None:
    result = await bench.run(returning("1"), client_context="{no\njson")
    assert result.error_type == "Runtime.LambdaContextUnmarshalError"
    assert str(result.error_message).startswith("Unable to parse Client Context JSON: ")


async def test_text_logging_is_lambdas(bench: Bench) -> None:
    source = """
        import logging, sys
        print("at import")
        def handler(event, context):
            print("one\\ntwo\\rstill two")
            logging.getLogger("app").warning("careful %s", 1)
            logging.info("not seen")
            sys.stderr.write("to stderr\\n")
            context.log("as it is")
    """
    await bench.run(source)
    log = bench.log
    start, end = (
        log.index(f"START RequestId: {REQUEST_ID} Version: $LATEST"),
        log.index(f"END RequestId: {REQUEST_ID}"),
    )
    assert log.index("at import") < start
    careful = log[start + 3]
    assert re.fullmatch(rf"\[WARNING\]\t[\d-]{{10}}T[\d:]{{8}}\.\d{{3}}Z\t{REQUEST_ID}\tcareful 1", careful)
    assert log[start + 1 : end] == ["one", "two\rstill two", careful, "to stderr", "as it is"]


async def test_json_logging_is_lambdas(bench: Bench) -> None:
    source = """
        import logging
        def handler(event, context):
            log = logging.getLogger("app")
            log.info("hello %s", "é", extra={"order": {"id": 1}})
            log.debug("not seen")
            log.warning({"as": "it is"})
            try:
                raise ValueError("caught")
            except ValueError:
                log.exception("with trace")
            raise KeyError("uncaught")
    """
    await bench.run(source, log_format="JSON")
    entries = [json.loads(line) for line in bench.log]
    ours = [entry for entry in entries if "type" not in entry]
    for entry in ours:
        assert re.fullmatch(r"[\d-]{10}T[\d:]{8}Z", entry.pop("timestamp"))
    app = bench.folder / "fn/app.py"
    assert ours[:2] == [
        {"level": "INFO", "message": "hello é", "logger": "app", "requestId": REQUEST_ID, "order": {"id": 1}},
        {"level": "WARNING", "message": {"as": "it is"}, "logger": "app", "requestId": REQUEST_ID},
    ]
    assert list(ours[2].items()) == [
        ("level", "ERROR"),
        ("message", "with trace"),
        ("logger", "app"),
        ("stackTrace", [f'  File "{app}", line 9, in handler\n    raise ValueError("caught")\n']),
        ("errorType", "ValueError"),
        ("errorMessage", "caught"),
        ("requestId", REQUEST_ID),
        ("location", f"{app}:handler:11"),
    ]
    assert list(ours[3]) == ["level", "errorMessage", "errorType", "requestId", "stackTrace"]
    assert (ours[3]["level"], ours[3]["errorMessage"]) == ("ERROR", "'uncaught'")
    assert [entry["type"] for entry in entries if "type" in entry] == [
        "platform.initStart",
        "platform.start",
        "platform.report",
    ]


@pytest.mark.parametrize(
    ("statement", "error_type", "ending"),
    [
        pytest.param(
            "sys.exit(0)", "Runtime.ExitError", "Runtime exited without providing a reason", id="exit 0"
        ),
        pytest.param(
            "sys.exit(3)", "Runtime.ExitError", "Runtime exited with error: exit status 3", id="exit 3"
        ),
        pytest.param(
            "os._exit(9)", "Runtime.ExitError", "Runtime exited with error: exit status 9", id="hard exit"
        ),
        pytest.param(
            "os.kill(os.getpid(), 11)",
            "Runtime.ExitError",
            "Runtime exited with error: signal: segmentation fault",
            id="a segmentation fault",
        ),
        pytest.param(
            "os.abort()", "Runtime.ExitError", "Runtime exited with error: signal: aborted", id="an abort"
        ),
        pytest.param(
            "time.sleep(60)", "Sandbox.Timedout", "Task timed out after 1.00 seconds", id="a timeout"
        ),
        pytest.param(
            "x = b'x' * 400_000_000; time.sleep(60)",
            "Runtime.OutOfMemory",
            "Runtime exited with error: signal: killed",
            id="too much memory",
        ),
    ],
)
async def test_a_lost_process_is_told_as_lambda_tells_it_and_replaced_in_the_same_environment(
    bench: Bench, statement: str, error_type: str, ending: str
) -> None:
    source = f"""
        import os, sys, tempfile, time
        calls = 0
        def handler(event, context):
            global calls
            calls += 1
            seen = os.path.exists(os.path.join(tempfile.gettempdir(), "kept"))
            open(os.path.join(tempfile.gettempdir(), "kept"), "w").close()
            print("before the end")
            if not seen:
                {statement}
            return [calls, seen]
    """
    result = await bench.run(source, timeout=1 if error_type == "Sandbox.Timedout" else 10)
    message = f"RequestId: {REQUEST_ID} Error: {ending}"
    assert (
        result.payload
        == json.dumps({"errorType": error_type, "errorMessage": message}, separators=(",", ":")).encode()
    )
    status = "timeout" if error_type == "Sandbox.Timedout" else f"error\tError Type: {error_type}"
    assert re.search(
        rf"Max Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\tStatus: {status}\n$", result.log_tail.decode()
    )
    assert bench.log.index("before the end") < bench.log.index(f"END RequestId: {REQUEST_ID}")
    again = await bench.run(source)
    assert (again.payload, again.environment) == (b"[1, true]", result.environment)
    assert again.init_ms is None


async def test_a_response_over_the_limit_is_an_error_and_the_environment_goes_on(bench: Bench) -> None:
    result = await bench.run(returning("'x' * event['size']"), b'{"size": 6291555}')
    assert result.payload == (
        b'{"errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes).",'
        b'"errorType":"Function.ResponseSizeTooLarge"}'
    )
    largest = await bench.run(returning(""), b'{"size": 6291554}')
    assert (len(largest.payload), largest.environment) == (6_291_556, result.environment)


async def test_a_handler_may_do_what_it_likes_with_its_streams(bench: Bench) -> None:
    source = """
        import os, sys
        def handler(event, context):
            os.write(1, b"\\xff\\x00binary\\n")
            child = os.fork()
            if child == 0:
                print("from a child", flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            return sys.stdin.read()
    """
    result = await bench.run(source)
    assert result.payload == b'""'
    assert "\ufffd\x00binary" in bench.log
    assert "from a child" in bench.log
    assert result.log_tail.decode().count("from a child") == 1


async def test_the_environment_variables_are_lambdas(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "the-users-own")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "the-users-own")
    source = returning("[dict(os.environ), os.getcwd(), sys.path[0]]", "import os, sys")
    result = await bench.run(source, environment={"STAGE": "test"})
    variables, folder, first = json.loads(result.payload)
    code = str(bench.folder / "fn")
    assert (folder, first, variables["LAMBDA_TASK_ROOT"]) == (code, code, code)
    expected = {
        "_HANDLER": "app.handler",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
        "AWS_LAMBDA_FUNCTION_NAME": "fn",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn",
        "TZ": ":UTC",
        "STAGE": "test",
    }
    assert {name: variables[name] for name in expected} == expected
    assert re.fullmatch(
        r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=0;Lineage=1:[0-9a-f]{8}:0",
        variables["_X_AMZN_TRACE_ID"],
    )
    assert variables["AWS_ACCESS_KEY_ID"] != "the-users-own"
    assert "AWS_PROFILE" not in variables
