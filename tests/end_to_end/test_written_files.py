"""What handlers write into watched folders by its path is known as theirs, and nothing else is."""

import sys
import time
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.feed import Feed
from engine.functions.pool import Functions
from tests.end_to_end.headrace_process import HeadraceProcess, write_function
from tests.fakes.real_functions import bare_python, function, invoke

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes")

WRITER = """
    import io, os, pathlib, shutil, tempfile, zipfile
    from os.path import join

    def handler(event, context):
        folder, elsewhere = event["folder"], tempfile.mkdtemp()
        with open(join(folder, "open"), "w") as file:
            file.write("x")
        os.close(os.open(join(folder, "os.open"), os.O_CREAT | os.O_WRONLY))
        (pathlib.Path(folder) / "pathlib ü").write_text("x")
        open(join(elsewhere, "source"), "w").close()
        shutil.copy2(join(elsewhere, "source"), join(folder, "copied"))
        os.link(join(elsewhere, "source"), join(folder, "linked"))
        shutil.move(join(elsewhere, "source"), join(folder, "moved"))
        with zipfile.ZipFile(join(folder, "zipped"), "w") as archive:
            archive.writestr("a", "b")
        os.chdir(folder)
        open(b"relative", "ab").close()
        try:
            open(join(folder, "missing", "refused"), "w")
        except FileNotFoundError:
            pass
        open(join(folder, "read")).close()
"""
WRITTEN = {"open", "os.open", "pathlib ü", "copied", "linked", "moved", "zipped", "relative"}

COPIER = """
import os, shutil, time

def handler(event, context):
    time.sleep(0.05)
    for record in event["Records"]:
        path = os.path.join(os.environ["INBOX"], record["s3"]["object"]["key"])
        if os.environ.get("COPIES"):
            shutil.copyfile(path, path + "_")
"""
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[functions.copier]
handler = "handler.handler"
code = "functions/copier"
environment = {{ INBOX = "{inbox}", COPIES = "{copies}" }}

[buckets.inbox]
folder = "inbox"

[[buckets.inbox.notifications]]
function = "copier"
events = ["s3:ObjectCreated:*"]
{notification}
"""


@pytest.mark.parametrize("client", ["awslambdaric", "python_runtime"])
async def test_what_a_handler_writes_is_known_by_its_lineage(
    client: str, tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    if client == "awslambdaric":
        pytest.importorskip("awslambdaric")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "read").touch()
    python = None if client == "awslambdaric" else str(bare_python() / "bin/python")
    definition = function(tmp_path, WRITER, python=python)
    async with Functions([definition], clock=clock, feed=feed, reported=[inbox]) as functions:
        answer = await invoke(functions, b'{"folder": "%b"}' % str(inbox).encode(), lineage=("first",))
        assert answer.function_error is None, answer.payload
        lineages = {path.name: functions.writers_of(str(path)) for path in inbox.iterdir()}
        assert lineages == {"read": ()} | dict.fromkeys(WRITTEN, ("first", "fn"))


async def test_what_others_write_is_not_taken_for_a_functions(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    handler = """
        def handler(event, context):
            try:
                open(event["path"], event["mode"]).close()
            except OSError:
                pass
    """
    async with Functions(
        [function(tmp_path, handler)], clock=clock, feed=feed, reported=[inbox]
    ) as functions:
        for name, mode in (("again", "w"), ("refused", "r+")):
            path = inbox / name
            await invoke(functions, b'{"path": "%b", "mode": "%b"}' % (str(path).encode(), mode.encode()))
            time.sleep(0.1)  # longer than the kernel's time stamps are coarse
            path.write_text("a user's, at the same path")
            assert functions.writers_of(str(path)) == ()
        (inbox / "mine").write_text("x")
        assert functions.writers_of(str(inbox / "mine")) == ()


def test_a_handler_that_writes_into_its_own_bucket_by_path_does_not_loop(tmp_path: Path) -> None:
    with running(tmp_path, copies="1") as simulator:
        (tmp_path / "inbox" / "a").write_text("dropped")
        (stopped,) = simulator.wait_for("RecursionStopped")
        assert (stopped["function"], stopped["source"], stopped["detail"]) == (
            "copier",
            "buckets.inbox",
            "a_",
        )
        (tmp_path / "inbox" / "b").write_text("dropped")
        simulator.wait_for("RecursionStopped", 2)
        assert [event["detail"] for event in simulator.of("EventEmitted")] == ["a", "b"]


def test_a_loop_that_is_asked_for_ends_after_sixteen_rounds(tmp_path: Path) -> None:
    with running(tmp_path, copies="1", notification="recursive = true") as simulator:
        (tmp_path / "inbox" / "a").write_text("dropped")
        (stopped,) = simulator.wait_for("RecursionStopped")
        assert stopped["detail"] == "a" + 16 * "_"
        assert len(simulator.of("EventEmitted")) == 16


def test_files_that_a_user_drops_while_the_function_runs_all_reach_it(tmp_path: Path) -> None:
    with running(tmp_path) as simulator:
        for number in range(20):
            (tmp_path / "inbox" / f"drop-{number}").write_text("dropped")
            simulator.wait_for("InvocationStarted", number + 1)
        simulator.wait_for("InvocationFinished", 20, function_error=None)
        assert simulator.of("RecursionStopped") == []


def running(folder: Path, copies: str = "", notification: str = "") -> HeadraceProcess:
    """A simulator with a function that writes a copy of each file beside it when it is to."""
    write_function(folder, "copier", COPIER)
    text = CONFIGURATION.format(inbox=folder / "inbox", copies=copies, notification=notification)
    (folder / "headrace.toml").write_text(text)
    return HeadraceProcess(folder)
