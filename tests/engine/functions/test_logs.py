from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.clock import Clock
from engine.feed import Fact, Feed, LogLine, Notice
from engine.functions.logs import LogStream


@pytest.fixture
def facts(feed: Feed) -> Iterator[list[Fact]]:
    facts: list[Fact] = []
    untap = feed.tap(facts.append, log_lines=True)
    yield facts
    untap()


async def test_a_stream_is_a_file_named_as_in_cloudwatch_logs(
    tmp_path: Path, clock: Clock, feed: Feed
) -> None:
    log = LogStream("resize", tmp_path, clock, feed)
    log.write([b"one", "zwölf".encode()])
    log.write([b"bad \xff byte\rsame event"])
    log.close()
    assert (log.group, log.name) == ("/aws/lambda/resize", f"2026/01/01/[$LATEST]{log.environment}")
    assert len(log.environment) == 32
    assert (tmp_path / "aws/lambda/resize" / f"{log.name}.log").read_bytes().decode() == (
        "2026-01-01T00:00:00.000Z one\n"
        "2026-01-01T00:00:00.000Z zwölf\n"
        "2026-01-01T00:00:00.000Z bad \ufffd byte\rsame event\n"
    )


async def test_the_tail_is_the_last_4_kb_of_the_invocation(clock: Clock, feed: Feed) -> None:
    log = LogStream("resize", None, clock, feed)
    log.write([b"of the invocation before"])
    log.begin()
    log.write([b"short"])
    assert log.tail() == b"short\n"
    for number in range(10_000):
        log.write([b"line %05d" % number])
    assert log.tail() == b"".join(b"line %05d\n" % number for number in range(10_000))[-4096:]


async def test_lines_are_facts_while_somebody_reads_them(clock: Clock, feed: Feed, facts: list[Fact]) -> None:
    log = LogStream("resize", None, clock, feed)
    log.write([b"one", b"two"])
    assert facts == [LogLine(clock.now(), "resize", log.environment, text) for text in ("one", "two")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
async def test_a_full_disk_is_told_once_and_the_rest_goes_on(
    tmp_path: Path, clock: Clock, feed: Feed, facts: list[Fact]
) -> None:
    log = LogStream("resize", tmp_path, clock, feed)
    file = tmp_path / "aws/lambda/resize" / f"{log.name}.log"
    file.parent.mkdir(parents=True)
    file.symlink_to("/dev/full")
    log.begin()
    log.write([b"one"])
    log.write([b"two"])
    notices = [fact for fact in facts if isinstance(fact, Notice)]
    assert [notice.text.split(": ")[1] for notice in notices] == ["No space left on device"]
    assert log.tail() == b"one\ntwo\n"
