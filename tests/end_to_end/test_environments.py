"""Execution environments with everything real: processes, signals, files, the clock on the wall."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
import zipfile
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from engine.clock import Clock
from engine.feed import EnvironmentStopped, Fact, Feed
from engine.functions.definition import define
from engine.functions.pool import INIT_LIMIT, Functions
from engine.functions.settings import FunctionSettings
from engine.watching import FolderWatcher
from tests.end_to_end.headrace_process import HeadraceProcess, write_function
from tests.fakes.real_functions import function, invoke, log_events, write_code
from tests.fakes.waiting import until

ROOT = Path(__file__).parent.parent.parent

SIMULATOR = """
    import asyncio, sys
    from pathlib import Path
    from engine.clock import run, running_clock
    from engine.feed import Feed
    from engine.functions.pool import INIT_LIMIT, Functions
    from tests.fakes.real_functions import function, invoke

    async def main():
        definition = function(Path(sys.argv[1]), Path(sys.argv[2]).read_text(), timeout=900)
        async with Functions([definition], clock=running_clock(), feed=Feed()) as functions:
            print((await invoke(functions)).payload.decode(), flush=True)
            await invoke(functions, b'{"sleep": 600}')

    run(main())
"""


def is_alive(pid: int) -> bool:
    """A stranger's child that nobody has collected yet is dead all the same."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="there are no signals")
async def test_no_process_and_no_folder_is_left_after_the_simulator_is_killed(tmp_path: Path) -> None:
    handler = """
        import os, subprocess, time
        children = [
            subprocess.Popen(["sleep", "1000"]),
            subprocess.Popen(["sleep", "1000"], start_new_session=True),
        ]
        def handler(event, context):
            time.sleep(event.get("sleep", 0))
            return [os.getpid(), *(child.pid for child in children), os.environ["TMPDIR"]]
    """
    (tmp_path / "handler.txt").write_text(handler)
    simulator = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SIMULATOR), str(tmp_path), str(tmp_path / "handler.txt")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
    )
    with simulator:
        assert simulator.stdout is not None
        *pids, temporary = json.loads(await asyncio.to_thread(simulator.stdout.readline))
        assert all(map(is_alive, pids))
        simulator.kill()
    await until(lambda: not any(map(is_alive, pids)))
    await until(lambda: not Path(temporary).parent.exists())


AWAY = """
    import json, os, subprocess
    def handler(event, context):
        own_session = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        orphan = int(subprocess.check_output(["sh", "-c", "setsid sleep 1000 >&2 & echo $!"]))
        pids = [own_session.pid, orphan]
        if event.get("exit"):
            with open({file!r}, "w") as file:
                json.dump(pids, file)
            os._exit(1)
        bare = subprocess.Popen(["sleep", "1000"], start_new_session=True, env={{"PATH": os.environ["PATH"]}})
        return [*pids, bare.pid]
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells who was given which TMPDIR")
@pytest.mark.parametrize("event", [{}, {"exit": True}], ids=["SIGTERM", "exit"])
async def test_what_a_handler_has_sent_away_ends_with_its_environment(
    tmp_path: Path, clock: Clock, feed: Feed, event: dict[str, bool]
) -> None:
    file = tmp_path / "pids"
    definition = function(tmp_path, AWAY.format(file=str(file)), timeout=30, idle_timeout=0.3)
    async with Functions([definition], clock=clock, feed=feed) as functions:
        result = await invoke(functions, json.dumps(event).encode())
        pids = json.loads(file.read_text() if event else result.payload)
        assert all(map(is_alive, pids))
        await until(lambda: not any(map(is_alive, pids)))
        assert functions.figures("fn")["environments"] == 0


async def test_a_flood_in_the_log_leaves_the_simulator_responsive(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    flood = """
        import time
        def handler(event, context):
            end = time.time() + event["seconds"]
            lines = 0
            while time.time() < end:
                print("x" * 100)
                lines += 1
            return lines
    """
    quick = "def handler(event, context): return 1"
    definitions = [function(tmp_path, flood, "flood"), function(tmp_path, quick, "quick")]
    async with Functions(definitions, clock=clock, feed=feed, state=tmp_path / "state") as functions:
        await invoke(functions, name="quick")
        flooding = asyncio.create_task(invoke(functions, b'{"seconds": 1}', name="flood"))
        await asyncio.sleep(0.3)
        durations = []
        while not flooding.done():
            watch = clock.stopwatch()
            await invoke(functions, name="quick")
            durations.append(clock.stopwatch() - watch)
        lines = json.loads((await flooding).payload)
        assert sorted(durations)[len(durations) // 2] < 0.1
        assert len([line for line in log_events(tmp_path / "state", "flood") if line == "x" * 100]) == lines


async def test_a_forked_child_that_keeps_the_pipe_open_holds_nobody_up(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    forking = """
        import os, time
        def handler(event, context):
            if os.fork() == 0:
                time.sleep(100)
            if event.get("exit"):
                os._exit(1)
            return "back"
    """
    async with Functions([function(tmp_path, forking)], clock=clock, feed=feed) as functions:
        watch = clock.stopwatch()
        assert (await invoke(functions)).payload == b'"back"'
        assert (await invoke(functions, b'{"exit": true}')).error_type == "Runtime.ExitError"
        assert (await invoke(functions)).payload == b'"back"'
    assert clock.stopwatch() - watch < 10


async def test_a_slow_initialisation_is_done_again_within_the_invocation(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    slow = f"""
        import os, time
        marker = {str(tmp_path / "tried")!r}
        if not os.path.exists(marker):
            open(marker, "w").close()
            time.sleep(60)
        def handler(event, context): return "at last"
    """
    state = tmp_path / "state"
    limit = timedelta(milliseconds=400)
    async with Functions(
        [function(tmp_path, slow)], clock=clock, feed=feed, state=state, init_limit=limit
    ) as functions:
        result = await invoke(functions)
    assert (result.payload, result.init_ms) == (b'"at last"', None)
    reports = [line for line in log_events(state) if line.startswith("INIT_REPORT")]
    assert len(reports) == 1
    assert reports[0].endswith(" ms\tPhase: init\tStatus: timeout")
    lasted = float(reports[0].removeprefix("INIT_REPORT Init Duration: ").partition(" ")[0])
    assert 400 <= lasted < 20_000, "the limit is what ended it, not the minute that it would have slept"
    assert timedelta(seconds=10) == INIT_LIMIT, "Lambda's own, which others have by default"


async def test_an_initialisation_that_never_ends_is_the_functions_timeout(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    endless = function(tmp_path, "import time; time.sleep(600)", timeout=1)
    limit = timedelta(milliseconds=300)
    async with Functions([endless], clock=clock, feed=feed, init_limit=limit) as functions:
        result = await invoke(functions)
    assert (result.error_type, str(result.error_message)[-33:]) == (
        "Sandbox.Timedout",
        "Task timed out after 1.00 seconds",
    )


async def test_saved_code_is_what_runs_next(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    stopped: list[Fact] = []
    feed.tap(lambda fact: stopped.append(fact) if isinstance(fact, EnvironmentStopped) else None)
    definition = function(tmp_path, "def handler(event, context): return 1")
    async with (
        FolderWatcher(clock, feed) as watcher,
        Functions([definition], clock=clock, feed=feed, watcher=watcher) as functions,
    ):
        for number in range(1, 4):
            assert (await invoke(functions)).payload == str(number).encode()
            # Same size, same second: what Python itself would take for unchanged.
            write_code(tmp_path / "fn", f"def handler(event, context): return {number + 1}")
            count = number
            await until(lambda: len(stopped) == count)  # noqa: B023
        (tmp_path / "fn/.app.py.swp").touch()
        (tmp_path / "fn/__pycache__").mkdir(exist_ok=True)
        (tmp_path / "fn/__pycache__/app.pyc").touch()
        warm = await invoke(functions)
        await asyncio.sleep(0.4)
        assert (await invoke(functions)).environment == warm.environment


async def test_a_damaged_zip_is_the_answer_of_an_invocation(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    package = tmp_path / "code.zip"
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", "def handler(event, context): pass  # xxxx")
    package.write_bytes(package.read_bytes().replace(b"xxxx", b"yyyy", 1))
    definition = define("fn", FunctionSettings(handler="handler.handler", code=package), tmp_path)
    async with Functions([definition], clock=clock, feed=feed) as functions:
        result = await invoke(functions)
    assert result.error_type == "Runtime.InvalidEntrypoint"
    assert "code.zip cannot be unpacked: Bad CRC-32" in str(result.error_message)


async def test_a_zip_is_unpacked_and_a_new_one_is_noticed(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    package = tmp_path / "code.zip"

    def pack(value: int) -> None:
        with zipfile.ZipFile(tmp_path / "new.zip", "w") as archive:
            archive.writestr("app.py", f"def handler(event, context): return [{value}, __file__]")
        (tmp_path / "new.zip").replace(package)

    pack(1)
    definition = define("fn", FunctionSettings(handler="app.handler", code=package), tmp_path)
    stopped: list[Fact] = []
    feed.tap(lambda fact: stopped.append(fact) if isinstance(fact, EnvironmentStopped) else None)
    async with (
        FolderWatcher(clock, feed) as watcher,
        Functions(
            [definition], clock=clock, feed=feed, watcher=watcher, state=tmp_path / "state"
        ) as functions,
    ):
        value, file = json.loads((await invoke(functions)).payload)
        assert (value, Path(file).parent.parent) == (1, tmp_path / "state/code")
        pack(2)
        await until(lambda: bool(stopped))
        assert json.loads((await invoke(functions)).payload)[0] == 2


BOOTSTRAP = """\
#!/bin/sh
echo "booting in $PWD" >&2
while true; do
    head=$(mktemp)
    event=$(curl -sS -D "$head" "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/next") || exit 1
    id=$(grep -i '^lambda-runtime-aws-request-id:' "$head" | tr -d '\\r' | cut -d' ' -f2)
    printf '{"got": %s}' "$event" | curl -sS -H 'Transfer-Encoding: chunked' -H 'Expect: 100-continue' \\
        --data-binary @- \\
        "http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation/$id/response" > /dev/null
done
"""


@pytest.mark.parametrize("how", ["bootstrap", "command"])
async def test_any_runtime_client_works(tmp_path: Path, clock: Clock, feed: Feed, how: str) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / how).write_text(BOOTSTRAP)
    (code / how).chmod(0o755)
    options = {"runtime": "provided.al2023"} if how == "bootstrap" else {"command": ("./command",)}
    settings = FunctionSettings.model_validate({"code": code, **options})
    state = tmp_path / "state"
    async with Functions(
        [define("fn", settings, tmp_path)], clock=clock, feed=feed, state=state
    ) as functions:
        results = [await invoke(functions, payload) for payload in (b'{"a":1}', b"[2]")]
    assert [result.payload for result in results] == [b'{"got": {"a":1}}', b'{"got": [2]}']
    assert f"booting in {code}" in log_events(state)


async def test_a_command_that_does_not_exist_is_an_exit_with_127(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    settings = FunctionSettings(code=tmp_path, command=("no-such-program",))
    async with Functions([define("fn", settings, tmp_path)], clock=clock, feed=feed) as functions:
        result = await invoke(functions)
    assert str(result.error_message).endswith("Runtime exited with error: exit status 127")
    assert b"no-such-program: No such file or directory" in result.log_tail


async def test_a_wrapper_script_starts_the_runtime(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    wrapper = tmp_path / "wrapper"
    wrapper.write_text('#!/bin/sh\nexport WRAPPED=yes\n"$@"\n')
    wrapper.chmod(0o755)
    definition = function(
        tmp_path,
        "import os\ndef handler(event, context): return os.environ['WRAPPED']",
        environment={"AWS_LAMBDA_EXEC_WRAPPER": str(wrapper)},
    )
    async with Functions([definition], clock=clock, feed=feed) as functions:
        assert (await invoke(functions)).payload == b'"yes"'


async def test_a_handler_may_have_packages_called_like_the_simulators(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    write_code(tmp_path / "fn/engine", "VALUE = 'a namespace package of the handler'", "parts")
    write_code(tmp_path / "fn/triggers", "VALUE = 'a package'", "__init__")
    source = """
        import engine.parts, triggers
        def handler(event, context): return [engine.parts.VALUE, triggers.VALUE]
    """
    async with Functions([function(tmp_path, source)], clock=clock, feed=feed) as functions:
        result = await invoke(functions)
    assert json.loads(result.payload) == ["a namespace package of the handler", "a package"]


async def test_sigterm_lets_a_runtime_end_by_itself(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    source = f"""
        import signal, sys
        def leave(number, frame):
            open({str(tmp_path / "left")!r}, "w").close()
            sys.exit(0)
        signal.signal(signal.SIGTERM, leave)
        def handler(event, context): pass
    """
    async with Functions([function(tmp_path, source)], clock=clock, feed=feed) as functions:
        await invoke(functions)
    # awslambdaric up to Python 3.11 waits in its compiled part, where no Python handler runs.
    assert (tmp_path / "left").exists() or sys.version_info < (3, 12)


async def test_leaving_the_pool_ends_what_still_runs(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    source = "import time\ndef handler(event, context): time.sleep(60)"
    functions = Functions(
        [function(tmp_path, source, timeout=60)], clock=clock, feed=feed, max_environments=1
    )
    async with functions:
        running = asyncio.create_task(invoke(functions))
        waiting = asyncio.create_task(invoke(functions))
        await asyncio.sleep(0.3)
    result = await running
    assert str(result.error_message).endswith("signal: terminated")
    with pytest.raises(RuntimeError, match="stopping"):
        await waiting
    with pytest.raises(RuntimeError, match="stopping"):
        await invoke(functions)


async def test_a_log_that_cannot_be_written_stops_nothing(tmp_path: Path, clock: Clock, feed: Feed) -> None:
    notices: list[Fact] = []
    feed.tap(lambda fact: notices.append(fact) if type(fact).__name__ == "Notice" else None)
    (tmp_path / "state").mkdir()
    (tmp_path / "state/logs").write_text("a file where a folder should be")
    definition = function(tmp_path, "def handler(event, context): return 1")
    async with Functions([definition], clock=clock, feed=feed, state=tmp_path / "state") as functions:
        result = await invoke(functions)
    assert result.payload == b"1"
    assert len(notices) == 1


def test_a_function_that_calls_another_one_and_waits_gets_its_answer_without_room(tmp_path: Path) -> None:
    write_function(tmp_path, "callee", "def handler(event, context): return event['number'] + 1")
    calling = """
        import boto3, json
        client = boto3.client("lambda")
        def handler(event, context):
            answer = client.invoke(FunctionName="callee", Payload=json.dumps({"number": 1}))
            with open("answer", "wb") as file:
                file.write(answer["Payload"].read())
    """
    write_function(tmp_path, "caller", textwrap.dedent(calling))
    configuration = '[simulator]\nendpoint = "127.0.0.1:0"\nmax_environments = 1\n'
    for name in ("caller", "callee"):
        configuration += (
            f'[functions.{name}]\nhandler = "handler.handler"\ncode = "functions/{name}"\ntimeout = 30\n'
        )
    (tmp_path / "headrace.toml").write_text(configuration)
    with HeadraceProcess(tmp_path) as running:
        assert running.invoke("caller", {}) == 200
    assert (tmp_path / "functions/caller/answer").read_text() == "2"
