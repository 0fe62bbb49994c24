"""From queue to function: batches, windows, filters, failures, throttling, concurrency; in virtual time."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from engine.clock import Clock
from engine.errors import ServiceFailure, StoreFull
from engine.feed import (
    BatchClosed,
    InvocationThrottled,
    Notice,
    RecordsFiltered,
    RecordsReturned,
)
from engine.functions.invocation import Throttled
from engine.store.database import Store
from tests.fakes.faulty_queue import FaultyQueue
from tests.fakes.queue_bench import Bench, bench, bodies_of
from tests.fakes.scripted_functions import Answer, raised, returned
from triggers.sqs.message import MessageAttribute, OutgoingMessage

REPORTS = ["ReportBatchItemFailures"]
MEGABYTE = 1024 * 1024


@pytest.fixture
async def made(clock: Clock, store: Store) -> Bench:
    """A bench with a standard queue."""
    return bench(clock, store)


@pytest.fixture
async def fifo(clock: Clock, store: Store) -> Bench:
    """A bench with a FIFO queue."""
    return bench(clock, store, name="jobs.fifo")


def reasons(made: Bench) -> list[tuple[int, str]]:
    return [(fact.records, fact.reason) for fact in made.told(BatchClosed)]


async def test_what_the_queue_holds_is_cut_into_batches_and_deleted(made: Bench) -> None:
    await made.send(*"abcdefghijkl")
    async with made.running():
        await made.clock.idle()
    assert sorted(map(len, made.batches())) == [2, 10]
    assert sorted(reasons(made)) == [(2, "received"), (10, "batch_size")]
    assert await made.queue.count() == 0


async def test_a_message_that_comes_later_needs_no_timer(made: Bench) -> None:
    async with made.running():
        await asyncio.sleep(1000)
        sent_at = made.clock.now()
        await made.send("a")
        await made.clock.idle()
        assert [attempt.at for attempt in made.functions.attempts] == [sent_at]


async def test_the_function_gets_the_records_and_the_resource_they_come_from(made: Bench) -> None:
    (message_id,) = await made.send("a")
    async with made.running():
        await made.clock.idle()
    invocation = made.functions.attempts[0].invocation
    (record,) = orjson.loads(invocation.payload)["Records"]
    assert (record["messageId"], record["body"]) == (message_id, "a")
    assert "md5OfMessageAttributes" not in record
    assert invocation.source == "queues.jobs"
    assert invocation.request_id == made.told(BatchClosed)[0].request_id


async def test_six_messages_within_a_window_are_one_invocation(made: Bench) -> None:
    async with made.running(MaximumBatchingWindowInSeconds=5):
        await asyncio.sleep(3)
        for body in "abcdef":
            await made.send(body)
            await asyncio.sleep(0.8)
        await asyncio.sleep(0.3)
        assert made.batches() == [["a", "b", "c", "d", "e", "f"]]
    assert reasons(made) == [(6, "window")]


async def test_a_window_begins_with_the_first_message_and_ends_early_when_the_batch_is_full(
    made: Bench,
) -> None:
    async with made.running(MaximumBatchingWindowInSeconds=20, BatchSize=3):
        await asyncio.sleep(100)
        await made.send("a")
        await asyncio.sleep(19)
        assert made.batches() == []
        await made.send("b", "c", "d")
        await made.clock.idle()
        assert made.batches() == [["a", "b", "c"]]
        await asyncio.sleep(19.9)
        assert len(made.batches()) == 1
        await asyncio.sleep(0.2)
        assert made.batches()[1] == ["d"]
    assert reasons(made) == [(3, "batch_size"), (1, "window")]


async def test_with_a_window_absent_attributes_have_a_null_digest_at_its_place(made: Bench) -> None:
    attributes = {"n": MessageAttribute("String", "x")}
    await made.queue.send([OutgoingMessage("a"), OutgoingMessage("b", attributes)])
    async with made.running(MaximumBatchingWindowInSeconds=1):
        await asyncio.sleep(2)
    records = orjson.loads(made.functions.attempts[0].invocation.payload)["Records"]
    assert list(records[0]) == list(records[1])
    assert records[0]["md5OfMessageAttributes"] is None
    assert records[1]["md5OfMessageAttributes"] is not None


async def test_a_window_hides_messages_for_longer_when_the_queue_would_not(
    clock: Clock, store: Store
) -> None:
    made = bench(clock, store, visibility_timeout=timedelta(seconds=10))
    made.script(lambda records: raised("Error", "no"))
    await made.send("a")
    async with made.running(MaximumBatchingWindowInSeconds=8, timeout=5):
        await asyncio.sleep(60)
    assert made.times()[1] == pytest.approx(8 + 5 + 30, abs=0.01)  # 43 s hidden, and a window of 8 s each


async def test_a_batch_closes_before_six_megabytes(made: Bench) -> None:
    for letter in "abcdefg":
        await made.send(letter * (MEGABYTE - 100))
    async with made.running():
        await made.clock.idle()
    assert [[body[0] for body in batch] for batch in made.batches()] == [list("abcde"), list("fg")]
    assert reasons(made) == [(5, "received"), (2, "received")]
    assert all(len(each.invocation.payload) <= 6 * MEGABYTE for each in made.functions.attempts)


async def test_messages_wait_in_the_queue_when_they_are_more_than_fit_into_the_batches(
    clock: Clock, store: Store
) -> None:
    made = bench(clock, store, max_receive_count=1)
    made.functions.seconds = 20
    for number in range(60):
        await made.send(str(number % 10) * (MEGABYTE - 100))
    async with made.running(
        timeout=25,
        BatchSize=1000,
        MaximumBatchingWindowInSeconds=1,
        ScalingConfig={"MaximumConcurrency": 2},
    ):
        await asyncio.sleep(300)
    assert list(map(len, made.batches())) == [5] * 12
    assert await made.dead_letters.count() == 0


async def test_what_a_batch_left_over_waits_for_its_window_in_the_queue(made: Bench) -> None:
    made.script(
        lambda records: Throttled("Reserved") if len(made.functions.attempts) < 20 else returned(None)
    )
    for number in range(32):
        await made.send(str(number % 10) * (MEGABYTE - 100))
    async with made.running(BatchSize=100, MaximumBatchingWindowInSeconds=300):
        await asyncio.sleep(1000)
    assert await made.queue.count() == 0
    assert made.told(RecordsReturned) == []
    assert sum(map(len, made.batches()[19:])) == 32


async def test_six_megabytes_end_a_window_at_once(made: Bench) -> None:
    async with made.running(MaximumBatchingWindowInSeconds=100):
        for letter in "abcdef":
            await made.send(letter * (MEGABYTE - 100))
        await made.clock.idle()
        assert reasons(made) == [(5, "payload")]
        await asyncio.sleep(101)
    assert reasons(made) == [(5, "payload"), (1, "window")]


async def test_what_the_filter_keeps_back_is_deleted_at_once(made: Bench) -> None:
    criteria = {"Filters": [{"Pattern": '{"body": {"n": [{"numeric": [">", 1]}]}}'}]}
    await made.send('{"n": 1}', '{"n": 2}', "text")
    async with made.running(FilterCriteria=criteria):
        await made.clock.idle()
    assert made.batches() == [['{"n": 2}']]
    assert [fact.records for fact in made.told(RecordsFiltered)] == [2]
    assert await made.queue.count() == 0


async def test_a_window_does_not_begin_with_a_message_that_is_filtered_out(made: Bench) -> None:
    criteria = {"Filters": [{"Pattern": '{"body": ["yes"]}'}]}
    async with made.running(FilterCriteria=criteria, MaximumBatchingWindowInSeconds=10):
        await made.send("no")
        await asyncio.sleep(9)
        await made.send("yes")
        await asyncio.sleep(9)
        assert made.batches() == []
        await asyncio.sleep(1.1)
        assert made.batches() == [["yes"]]


async def test_a_failed_batch_shows_again_after_the_visibility_timeout_of_the_queue(made: Bench) -> None:
    counts: list[str] = []

    def fail_once(records: list[dict[str, Any]]) -> Answer:
        counts.extend(record["attributes"]["ApproximateReceiveCount"] for record in records)
        return raised("Error", "no") if len(counts) < 4 else returned(None)

    made.script(fail_once)
    await made.send("a", "b")
    async with made.running():
        await asyncio.sleep(100)
    assert made.times() == pytest.approx([0, 30], abs=0.01)
    assert counts == ["1", "1", "2", "2"]
    assert await made.queue.count() == 0
    (fact,) = made.told(RecordsReturned)
    assert (fact.records, fact.visible_at - fact.time) == (2, timedelta(seconds=30))


async def test_only_what_is_reported_shows_again(made: Bench) -> None:
    def report(records: list[dict[str, Any]]) -> Answer:
        bad = [record["messageId"] for record in records if record["body"] == "b"]
        return returned({"batchItemFailures": [{"itemIdentifier": each} for each in bad]})

    made.script(report)
    await made.send("a", "b", "c")
    async with made.running(FunctionResponseTypes=REPORTS):
        await asyncio.sleep(31)
    assert made.batches() == [["a", "b", "c"], ["b"]]


async def test_a_report_that_makes_no_sense_fails_all_and_is_told(made: Bench) -> None:
    made.script(lambda records: returned({"batchItemFailures": [{"messageId": "a"}]}))
    await made.send("a", "b")
    async with made.running(FunctionResponseTypes=REPORTS):
        await asyncio.sleep(1)
    (fact,) = made.told(RecordsReturned)
    assert (fact.records, fact.reason) == (2, "batchItemFailures[0] has no itemIdentifier")


async def test_a_report_is_ignored_when_it_was_not_asked_for(made: Bench) -> None:
    made.script(lambda records: returned({"batchItemFailures": [{"itemIdentifier": ""}]}))
    await made.send("a")
    async with made.running():
        await made.clock.idle()
    assert await made.queue.count() == 0


async def test_a_throttled_batch_is_tried_again_until_its_messages_show_again(made: Bench) -> None:
    made.script(lambda records: Throttled("ReservedFunctionConcurrentInvocationLimitExceeded"))
    await made.send("a", "b")
    async with made.running():
        await asyncio.sleep(29.9)
        tries = len(made.functions.attempts)
        assert made.times()[-1] > 25
        assert len(made.told(BatchClosed)) == 1
        assert len(made.told(InvocationThrottled)) == tries
        made.script(were_received_twice)
        await asyncio.sleep(0.2)
    assert await made.queue.count() == 0
    assert [fact.records for fact in made.told(RecordsReturned)] == [2]
    assert len(set(made.functions.request_ids())) == len(made.functions.attempts)


def were_received_twice(records: list[dict[str, Any]]) -> Answer:
    assert {record["attributes"]["ApproximateReceiveCount"] for record in records} == {"2"}
    return returned(None)


async def test_throttling_lowers_how_many_batches_are_on_their_way(made: Bench) -> None:
    made.functions.seconds = 0.5

    def one_at_a_time(records: list[dict[str, Any]]) -> Answer:
        return Throttled("Reserved") if made.functions.running > 1 else returned(None)

    made.script(one_at_a_time)
    await made.send(*map(str, range(80)))
    async with made.running(BatchSize=1):
        await asyncio.sleep(29)
        settled = len(made.told(InvocationThrottled))
        await asyncio.sleep(25)
    assert settled <= 25
    assert len(made.told(InvocationThrottled)) == settled
    assert made.told(RecordsReturned) == []


async def test_five_batches_are_on_their_way_at_first_then_more(made: Bench) -> None:
    made.functions.seconds = 10
    await made.send(*map(str, range(200)))
    async with made.running(BatchSize=1):
        await made.clock.idle()
        assert made.functions.running == 5
        await asyncio.sleep(1)
        assert 9 <= made.functions.running <= 10
        await asyncio.sleep(5)
        assert 34 <= made.functions.running <= 35


async def test_concurrency_stays_within_its_maximum(made: Bench) -> None:
    made.functions.seconds = 1
    await made.send(*map(str, range(20)))
    async with made.running(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2}):
        await asyncio.sleep(11)
    assert made.functions.most_running == 2
    assert await made.queue.count() == 0


@pytest.mark.parametrize(("types", "expected"), [([], 1), (REPORTS, 5)])
async def test_function_errors_lower_the_concurrency_unless_failures_are_reported(
    made: Bench, types: list[str], expected: int
) -> None:
    made.functions.seconds = 1
    made.script(lambda records: raised("Error", "no"))
    await made.send(*map(str, range(40)))
    async with made.running(
        BatchSize=1, ScalingConfig={"MaximumConcurrency": 5}, FunctionResponseTypes=types
    ):
        await asyncio.sleep(6.5)
        assert made.functions.running == expected


async def test_a_few_bad_messages_do_not_slow_the_others_down(made: Bench) -> None:
    made.functions.seconds = 1
    made.script(
        lambda records: raised("Error", "no") if int(records[0]["body"]) % 25 == 0 else returned(None)
    )
    await made.send(*map(str, range(400)))
    async with made.running(BatchSize=1, ScalingConfig={"MaximumConcurrency": 5}):
        await asyncio.sleep(1.5)
        assert made.functions.running == 4
        await asyncio.sleep(19)
        assert made.functions.running == 5
    assert made.told(RecordsReturned) != []


async def test_stopping_lets_invocations_end_and_gives_the_rest_back(made: Bench) -> None:
    made.functions.seconds = 10
    await made.send("a")
    task = asyncio.create_task(made.mapping(MaximumBatchingWindowInSeconds=2).run())
    await asyncio.sleep(3)
    await made.send("b")
    await asyncio.sleep(1)
    task.cancel()
    await asyncio.sleep(1)
    assert not task.done()
    assert (await made.queue.counts()).visible == 1
    await asyncio.wait([task])
    assert task.cancelled()
    assert made.batches() == [["a"]]
    assert [message.body for message in await made.queue.peek(10)] == ["b"]


async def test_what_stopping_gives_back_was_not_received(clock: Clock, store: Store) -> None:
    made = bench(clock, store, max_receive_count=1)
    await made.send("a")
    async with made.running(MaximumBatchingWindowInSeconds=10):
        await asyncio.sleep(5)
    async with made.running():
        await made.clock.idle()
    assert made.batches() == [["a"]]
    assert await made.dead_letters.count() == 0


async def test_stopping_gives_a_throttled_batch_back(made: Bench) -> None:
    made.script(lambda records: Throttled("Reserved"))
    await made.send("a")
    async with made.running():
        await asyncio.sleep(5)
    assert (await made.queue.counts()).visible == 1
    assert made.told(RecordsReturned) == []


async def test_stopping_twice_abandons_what_runs(made: Bench) -> None:
    made.functions.seconds = 1000
    await made.send("a")
    task = asyncio.create_task(made.mapping().run())
    await made.clock.idle()
    task.cancel()
    await made.clock.idle()
    task.cancel()
    await asyncio.wait([task], timeout=1)
    assert task.done()
    assert await made.queue.count() == 1


async def test_groups_run_side_by_side_and_each_in_order(fifo: Bench) -> None:
    fifo.functions.seconds = 1
    for body in ("a1", "b1", "a2", "b2"):
        await fifo.send(body, group=body[0])
    async with fifo.running(BatchSize=1):
        await asyncio.sleep(2.5)
    assert list(map(sorted, fifo.batches())) == [["a1"], ["b1"], ["a2"], ["b2"]]
    assert fifo.functions.most_running == 2


async def test_what_follows_a_failed_message_waits_for_it(fifo: Bench) -> None:
    seen: list[str] = []

    def fail_first(records: list[dict[str, Any]]) -> Answer:
        seen.extend(bodies_of(records))
        return raised("Error", "no") if seen == ["a1"] else returned(None)

    fifo.script(fail_first)
    await fifo.send("a1", "a2", group="a")
    async with fifo.running(BatchSize=1):
        await asyncio.sleep(40)
    assert seen == ["a1", "a1", "a2"]


async def test_what_does_not_fit_beside_a_failed_message_of_its_group_waits_too(fifo: Bench) -> None:
    def fail_the_first_time(records: list[dict[str, Any]]) -> Answer:
        count = records[0]["attributes"]["ApproximateReceiveCount"]
        return raised("Error", "no") if count == "1" and records[0]["body"][0] == "a" else returned(None)

    fifo.script(fail_the_first_time)
    for letter in "abcdefg":
        await fifo.send(letter * (MEGABYTE - 100), group="vowel" if letter in "aef" else "consonant")
    async with fifo.running():
        await asyncio.sleep(60)
    batches = ["".join(body[0] for body in batch) for batch in fifo.batches()]
    # The first five that fit are those of the group a, e, f, then two of the other group.
    assert batches == ["aefbc", "aefbc", "dg"]
    assert await fifo.queue.count() == 0


async def test_a_group_that_has_not_failed_goes_on_beside_one_that_has(fifo: Bench) -> None:
    def fail_the_first_time(records: list[dict[str, Any]]) -> Answer:
        count = records[0]["attributes"]["ApproximateReceiveCount"]
        return raised("Error", "no") if count == "1" and records[0]["body"][:2] == "a0" else returned(None)

    fifo.script(fail_the_first_time)
    for number, letter in enumerate("aaaaaab"):
        await fifo.send(f"{letter}{number}" * (MEGABYTE // 2 - 100), group=letter)
    async with fifo.running():
        await asyncio.sleep(60)
    assert ["".join(body[0] for body in batch) for batch in fifo.batches()] == ["aaaaa", "b", "aaaaa", "a"]
    assert [fact.records for fact in fifo.told(RecordsReturned)] == [5]
    assert await fifo.queue.count() == 0


async def test_what_does_not_fit_into_a_batch_is_not_run_twice_when_that_takes_long(fifo: Bench) -> None:
    fifo.functions.seconds = 20
    for letter in "abcdefghijkl":
        await fifo.send(letter * (MEGABYTE - 100), group="one")
    async with fifo.running(timeout=25):
        await asyncio.sleep(100)
    assert ["".join(body[0] for body in batch) for batch in fifo.batches()] == ["abcde", "fghij", "kl"]


async def test_messages_stay_hidden_while_their_invocation_waits_for_an_environment(fifo: Bench) -> None:
    fifo.functions.seconds = 300
    await fifo.send("a1", "a2", group="a")
    async with fifo.running(BatchSize=1):
        await asyncio.sleep(700)
    assert fifo.batches() == [["a1"], ["a2"]]
    assert await fifo.queue.count() == 0


async def test_batches_that_begin_one_after_the_other_all_stay_hidden(made: Bench) -> None:
    made.functions.seconds = 300
    async with made.running(BatchSize=1):
        for body in ("first", "second", "third"):
            await made.send(body)
            await asyncio.sleep(7)
        await asyncio.sleep(400)
    assert made.batches() == [["first"], ["second"], ["third"]]
    assert await made.queue.count() == 0


async def test_a_function_that_takes_its_whole_timeout_fails_once_a_visibility_timeout(made: Bench) -> None:
    made.functions.seconds = 30
    made.script(lambda records: raised("Sandbox.Timedout", "Task timed out"))
    await made.send("a")
    async with made.running(timeout=30):
        await asyncio.sleep(100)
    assert [round(moment / 31) for moment in made.times()] == [0, 1, 2, 3]


async def test_a_store_that_fails_is_told_of_once_and_loses_nothing(made: Bench) -> None:
    faulty = FaultyQueue(made.queue)
    await made.send("a")
    async with made.running(faulty):
        await made.clock.idle()
        faulty.failure = StoreFull(None)
        await made.send("b")
        await asyncio.sleep(5)
        told = len(made.told(Notice))
        await asyncio.sleep(15)
        assert len(made.told(Notice)) == told > 0
        faulty.failure = None
        await asyncio.sleep(40)
    assert sorted(body for batch in made.batches() for body in batch) == ["a", "b"]
    assert await made.queue.count() == 0


async def test_what_could_not_be_deleted_is_deleted_later_and_not_run_again(made: Bench) -> None:
    faulty = FaultyQueue(made.queue)

    def break_the_store(records: list[dict[str, Any]]) -> Answer:
        faulty.failure = StoreFull(None)
        return returned(None)

    made.script(break_the_store)
    await made.send("a")
    async with made.running(faulty):
        await asyncio.sleep(10)
        faulty.failure = None
        await asyncio.sleep(60)
    assert made.batches() == [["a"]]
    assert await made.queue.count() == 0


async def test_a_function_that_could_not_be_run_is_tried_again(made: Bench) -> None:
    answers: list[Answer] = [ServiceFailure("no room"), ServiceFailure("no room"), returned(None)]
    made.script(lambda records: answers.pop(0))
    await made.send("a")
    async with made.running():
        await asyncio.sleep(5)
    assert made.batches() == [["a"]] * 3
    assert [notice.text for notice in made.told(Notice)] == ["the function could not be run: no room"]
    assert await made.queue.count() == 0
