"""Recording a session and playing it again, with the commands a user types."""

import json
import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from headrace.fixture_files import fixtures
from tests.end_to_end.headrace_process import HEADRACE, PATIENCE_SECONDS, HeadraceProcess, headrace

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.feeling]
handler = "handler.handler"
code = "{functions}/feeling"
"""
FLAKY = """
[functions.flaky]
handler = "handler.handler"
code = "{functions}/flaky"
"""
GLAD = {"emoji_type": 0, "message": "hi"}
INVOKE = str(fixtures() / "lambda" / "invoke.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with one configured function, `feeling`."""
    functions = (fixtures() / "functions").as_posix()
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(functions=functions))
    return tmp_path


@pytest.fixture
def two_functions(folder: Path) -> Path:
    """The same with a second function, `flaky`."""
    configuration = folder / "headrace.toml"
    flaky = FLAKY.format(functions=(fixtures() / "functions").as_posix())
    configuration.write_text(configuration.read_text() + flaky)
    return folder


def recording(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_session_is_recorded_and_played_again(two_functions: Path) -> None:
    first, second = two_functions / "first.jsonl", two_functions / "second.jsonl"
    with HeadraceProcess(two_functions, "--record", str(first)) as running:
        running.invoke("feeling", GLAD)
        running.invoke("flaky", {"fail": "on purpose"})
        lines = recording(first)  # each line is there when its answer is
        assert [(line["function"], line["event"]) for line in lines] == [
            ("feeling", GLAD),
            ("flaky", {"fail": "on purpose"}),
        ]
        assert lines[0]["result"] == {"payload": {"feeling": "positive", "message": "hi"}}
        assert isinstance(lines[1]["result"], dict)
        assert lines[1]["result"]["function_error"] == "Unhandled"
        running.kill()
    with HeadraceProcess(two_functions, "--record", str(second)):
        replayed = headrace(two_functions, "replay", str(first), "--speed", "max", "--json")
        summary = json.loads(replayed.stdout)
    assert replayed.returncode == 1  # a function failed, as it did when it was recorded
    assert (summary["sent"], summary["succeeded"], summary["failed"]) == (2, 1, 1)
    assert b"flaky: RuntimeError: on purpose" in replayed.stderr
    events = sorted(json.dumps([line["function"], line["event"]]) for line in recording(second))
    assert events == sorted(json.dumps([line["function"], line["event"]]) for line in lines)


def test_a_plain_event_goes_to_the_only_function_without_a_running_simulator(folder: Path) -> None:
    replayed = headrace(folder, "replay", INVOKE)
    assert replayed.returncode == 0, replayed.stderr
    assert replayed.stdout.startswith(b"sent 1, succeeded 1, failed 0, p50 ")
    assert replayed.stderr == b""


def test_a_folder_is_played_and_its_bad_files_are_named(two_functions: Path) -> None:
    events = two_functions / "events"
    events.mkdir()
    (events / "1.json").write_text(json.dumps(GLAD))
    (events / "2.json").write_text('{"emoji_type": 0,\n "message"}')
    (events / "3.json").write_text(json.dumps(GLAD))
    replayed = headrace(two_functions, "replay", "events", "--function", "feeling", "--json")
    assert replayed.returncode == 0
    summary = json.loads(replayed.stdout)
    assert (summary["sent"], summary["succeeded"], summary["skipped"]) == (2, 2, 1)
    assert b"2.json:2:11: Expecting ':' delimiter" in replayed.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        pytest.param([INVOKE], "there are: feeling, flaky", id="which function"),
        pytest.param(["missing.json"], "missing.json: there is no such file", id="no such file"),
        pytest.param(["bad.json"], "bad.json:1:2: Expecting property name", id="malformed"),
        pytest.param([INVOKE, "--speed", "0"], "neither a number from 0.001", id="no speed"),
        pytest.param([INVOKE, "--through", "queue"], "is not one of", id="through nothing there is"),
    ],
)
def test_what_cannot_be_replayed_is_explained_with_status_2(
    two_functions: Path, arguments: list[str], problem: str
) -> None:
    (two_functions / "bad.json").write_text("{,}")
    replayed = headrace(two_functions, "replay", *arguments)
    assert replayed.returncode == 2
    assert problem in replayed.stderr.decode()
    assert replayed.stdout == b""


def test_ctrl_c_ends_a_replay_with_the_summary_so_far(folder: Path) -> None:
    lines = [{"offset": offset, "function": "feeling", "event": GLAD} for offset in (0, 3600)]
    (folder / "long.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    with HeadraceProcess(folder) as running:
        command: list[str | Path] = [HEADRACE, "replay", "long.jsonl", "--json"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as replay:
            running.wait_for("InvocationFinished")
            replay.send_signal(signal.SIGINT)
            shown, _ = replay.communicate(timeout=PATIENCE_SECONDS)
    assert replay.returncode == 1
    summary = json.loads(shown)
    assert summary["sent"] <= 1
    assert summary["failed"] == 0


def test_an_earlier_recording_is_kept(folder: Path) -> None:
    (folder / "old.jsonl").write_text("precious\n")
    refused = headrace(folder, "run", "--record", "old.jsonl")
    assert refused.returncode == 1
    assert b"old.jsonl: it holds something already" in refused.stderr
    assert (folder / "old.jsonl").read_text() == "precious\n"


def test_a_terminal_shows_progress_on_stderr(folder: Path) -> None:
    terminal, stderr = pty.openpty()
    try:
        replayed = subprocess.run(
            [HEADRACE, "replay", INVOKE, INVOKE],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=stderr,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        shown = os.read(terminal, 65_536)
    finally:
        os.close(stderr)
        os.close(terminal)
    assert b"2/2" in shown
    assert replayed.stdout.startswith(b"sent 2, succeeded 2")
