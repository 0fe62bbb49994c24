import threading
from datetime import timedelta

import pytest

from engine.clock import VIRTUAL_START
from engine.feed import Fact, FactsLost, Feed, InvocationFinished, Notice
from tests.fakes.facts import finished


def notice(number: int) -> Notice:
    return Notice(VIRTUAL_START + timedelta(seconds=number), "info", "test", str(number))


def test_a_reader_takes_facts_in_order_and_ends_when_closed(feed: Feed) -> None:
    with feed.read() as reader:
        for number in range(3):
            feed.publish(notice(number))
        assert reader.take() == [notice(0), notice(1), notice(2)]
        feed.publish(notice(3))
    assert reader.take() == [notice(3)]
    assert reader.take() == []


def test_a_slow_reader_loses_its_oldest_facts_and_is_told_how_many(feed: Feed) -> None:
    with feed.read(limit=2) as reader:
        for number in range(5):
            feed.publish(notice(number))
        assert reader.take() == [FactsLost(notice(3).time, 3), notice(3), notice(4)]


def test_a_reader_waits_in_its_own_thread_for_the_next_fact(feed: Feed) -> None:
    taken: list[Fact] = []
    with feed.read() as reader:
        thread = threading.Thread(target=lambda: taken.extend(reader.take()))
        thread.start()
        feed.publish(notice(1))
        thread.join(10)
    assert taken == [notice(1)]


def test_a_reader_keeps_no_large_payloads(feed: Feed) -> None:
    with feed.read() as reader:
        feed.publish(finished(event=b"x" * 100_000))
        feed.publish(finished(event=b"small"))
        large, small = reader.take()
    assert isinstance(large, InvocationFinished)
    assert isinstance(small, InvocationFinished)
    assert (large.event, small.event) == (b"", b"small")


async def test_a_failing_tap_is_logged_and_the_others_go_on(
    feed: Feed, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[Fact] = []

    def failing(fact: Fact) -> None:
        raise ValueError("a bug in a reader")

    feed.tap(failing)
    feed.tap(seen.append)
    feed.publish(notice(1))
    assert seen == [notice(1)]
    assert "a bug in a reader" in caplog.text


async def test_an_ended_tap_sees_nothing_more(feed: Feed) -> None:
    seen: list[Fact] = []
    untap = feed.tap(seen.append)
    untap()
    untap()
    feed.publish(notice(1))
    assert seen == []


async def test_log_lines_are_wanted_only_while_somebody_reads_them(feed: Feed) -> None:
    wanted = [feed.wants_log_lines]
    with feed.read(log_lines=True):
        wanted.append(feed.wants_log_lines)
    wanted.append(feed.wants_log_lines)
    assert wanted == [False, True, False]
