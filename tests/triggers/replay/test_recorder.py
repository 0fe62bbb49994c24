import json
import os
import resource
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.feed import EventNeverRan, Fact, Feed, InvocationStarted, Notice
from tests.fakes.recordings import finished
from triggers.replay.plan import make_plan
from triggers.replay.recorder import CannotRecord, Recorder


async def test_records_every_finished_attempt_and_nothing_else(
    clock: Clock, feed: Feed, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    with Recorder(path, feed, clock) as recorder:
        began = clock.now()
        feed.publish(InvocationStarted(began, "f", "id", "s3", 1, "e", cold_start=True))
        feed.publish(finished(b'{"n": 1}', started=began + timedelta(seconds=0.5)))
        feed.publish(finished(b'{"n": 1}', started=began + timedelta(seconds=60.5), attempt=2))
        assert len(path.read_bytes().splitlines()) == 2  # written at once, not when it ends
    feed.publish(finished(b'{"n": 2}'))
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [(line["offset"], line["attempt"], line["event"]) for line in lines] == [
        (0.5, 1, {"n": 1}),
        (60.5, 2, {"n": 1}),
    ]
    assert recorder.recorded == 2


async def test_an_event_that_never_ran_is_recorded_and_replayed(
    clock: Clock, feed: Feed, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    with Recorder(path, feed, clock) as recorder:
        now = clock.now()
        feed.publish(EventNeverRan(now, "f", "id", "invoke", now, "ZeroReservedConcurrency", b'{"n": 1}'))
    assert recorder.recorded == 1
    assert make_plan([path]).total == 1


async def test_an_earlier_recording_is_never_overwritten(clock: Clock, feed: Feed, tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    path.write_bytes(b"precious\n")
    with pytest.raises(CannotRecord, match="holds something already"), Recorder(path, feed, clock):
        pass
    assert path.read_bytes() == b"precious\n"


async def test_a_folder_that_is_not_there_is_named(clock: Clock, feed: Feed, tmp_path: Path) -> None:
    path = tmp_path / "missing" / "session.jsonl"
    with (
        pytest.raises(CannotRecord, match=r"missing.session\.jsonl: no such file"),
        Recorder(path, feed, clock),
    ):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
async def test_a_full_device_is_noticed_at_the_first_line(clock: Clock, feed: Feed) -> None:
    notices: list[Fact] = []
    feed.tap(notices.append)
    with Recorder(Path("/dev/full"), feed, clock) as recorder:
        feed.publish(finished())
    assert recorder.recorded == 0
    assert any(isinstance(fact, Notice) and "no space left" in fact.text for fact in notices)


async def test_a_full_disk_ends_the_recording_with_a_whole_line(
    clock: Clock, feed: Feed, tmp_path: Path
) -> None:
    path = tmp_path / "session.jsonl"
    notices: list[Notice] = []
    feed.tap(lambda fact: notices.append(fact) if isinstance(fact, Notice) else None)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with Recorder(path, feed, clock) as recorder:
            feed.publish(finished())
            resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 50, hard))
            feed.publish(finished())  # fits in part
            feed.publish(finished())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert recorder.recorded == 1
    assert [(notice.level, notice.place) for notice in notices] == [("error", str(path))]
    assert "ended after 1 lines" in notices[0].text
    assert json.loads(path.read_bytes())["attempt"] == 1


WRITER = """
import sys
from pathlib import Path
from engine.clock import run, running_clock
from engine.feed import Feed
from tests.fakes.recordings import finished
from triggers.replay.recorder import Recorder

async def main():
    feed = Feed()
    with Recorder(Path(sys.argv[1]), feed, running_clock()):
        print("ready", flush=True)
        while True:
            feed.publish(finished(b'{"text": "' + b"x" * 5000 + b'"}'))

run(main())
"""


def is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def test_after_kill_9_the_recording_is_complete_up_to_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "session.jsonl"
    command = [sys.executable, "-c", WRITER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        while path.stat().st_size < 1_000_000:
            os.sched_yield()
        writer.kill()
    *lines, last = path.read_bytes().splitlines()
    assert len(lines) > 100
    assert all(map(is_json, lines))
    plan = make_plan([path])  # the kernel ends a write that is killed between two pages
    assert plan.total == len(lines) + is_json(last)
    reasons = ["the last line was not written to its end"] * (not is_json(last))
    assert [skipped.reason for skipped in plan.skipped] == reasons
