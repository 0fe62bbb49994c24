"""Random lives of queues, in virtual time and with the real store, held against a naive model."""

import asyncio
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from engine.arn import Account
from engine.clock import VirtualTimeLoop, running_clock
from engine.feed import Feed
from engine.mapping.source import QueueMessage
from engine.store.database import Store
from tests.triggers.sqs.queue_model import Model, ModelMessage
from triggers.sqs.errors import InvalidParameter
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue, configured_queues
from triggers.sqs.settings import QueueSettings

MAX_RECEIVE_COUNT = 3
RETENTION = 600
VISIBILITY = 30
NO_WAIT = timedelta()
LIVES = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


class QueueLife(RuleBasedStateMachine):
    """What both kinds of queue have in common. Bodies are numbers, so each message is known by its own."""

    name: ClassVar[str]
    receipts = Bundle("receipts")

    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualTimeLoop()
        self.folder = tempfile.TemporaryDirectory()
        self.model = Model(self.name.endswith(".fifo"), MAX_RECEIVE_COUNT, RETENTION * 1000)
        self.number = 0
        self.open()

    def do(self, make: Callable[[], Any]) -> Any:
        async def main() -> Any:
            return await make()

        return self.loop.run_until_complete(main())

    def open(self) -> None:
        async def open_() -> tuple[Store, dict[str, Queue]]:
            clock = running_clock()
            store = await Store(Path(self.folder.name) / "headrace.db", clock).__aenter__()
            dead = "dead.fifo" if self.model.is_fifo else "dead"
            policy = {"dead_letter_target_arn": f"queues.{dead}", "max_receive_count": MAX_RECEIVE_COUNT}
            plain = {"message_retention_period": RETENTION, "visibility_timeout": VISIBILITY}
            tables = {self.name: plain | {"redrive_policy": policy}, dead: plain}
            models = {name: QueueSettings.model_validate(table) for name, table in tables.items()}
            return store, configured_queues(models, Account(), store, clock, Feed())

        self.store, queues = self.do(open_)
        self.queue, self.dead = queues.values()

    def teardown(self) -> None:
        self.do(lambda: self.store.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def next_body(self) -> str:
        self.number += 1
        return str(self.number)

    @rule(seconds=st.sampled_from([0, 1, 5, VISIBILITY - 1, VISIBILITY, 2 * VISIBILITY, 299, 300, RETENTION]))
    def advance(self, seconds: int) -> None:
        self.do(lambda: asyncio.sleep(seconds))
        self.model.now += seconds * 1000

    @rule(
        target=receipts,
        limit=st.integers(1, 10),
        timeout=st.sampled_from([None, 0, 5, 100]),
        by_mapping=st.booleans(),
    )
    def receive(self, limit: int, timeout: int | None, by_mapping: bool) -> Any:
        hidden = None if timeout is None else timedelta(seconds=timeout)
        found = self.received(limit, hidden, by_mapping)
        handles = self.check_received(found, limit, VISIBILITY if timeout is None else timeout, by_mapping)
        return multiple(*handles)

    def received(self, limit: int, hidden: timedelta | None, by_mapping: bool) -> list[tuple[str, str, int]]:
        """Receive by one of the two ways; return body, handle and receive count of each."""
        if by_mapping:
            records: list[QueueMessage] = self.do(
                lambda: self.queue.receive(limit, visibility_timeout=hidden, wait=NO_WAIT)
            )
            return [
                (
                    each.record["body"],
                    each.receipt_handle,
                    int(each.record["attributes"]["ApproximateReceiveCount"]),
                )
                for each in records
            ]
        messages = self.do(
            lambda: self.queue.receive_messages(limit, visibility_timeout=hidden, wait=NO_WAIT)
        )
        return [(each.body, each.receipt_handle, each.receive_count) for each in messages]

    def check_received(
        self, found: list[tuple[str, str, int]], limit: int, timeout: int, by_mapping: bool
    ) -> list[str]:
        candidates = {each.body: each for each in self.model.candidates()}
        assert len({body for body, _, _ in found}) == len(found) <= limit
        exhausted = [each for each in candidates.values() if each.receives >= MAX_RECEIVE_COUNT]
        deliverable = len(candidates) - len(exhausted)
        assert (deliverable == 0) <= (not found), "nothing may be delivered"
        assert found or deliverable == 0, "something could have been delivered"
        for body, handle, count in found:
            message = candidates[body]
            assert count == message.receives + 1 <= MAX_RECEIVE_COUNT
            message.receives += 1
            message.visible_at = self.model.now + timeout * 1000
            message.receipts.append(handle)
            message.leased = by_mapping and timeout > 0
        self.check_order([candidates[body] for body, _, _ in found], list(candidates.values()))
        for message in exhausted:
            if message.body in self.dead_bodies():
                self.model.redrive(message)
        return [handle for _, handle, _ in found]

    def check_order(self, found: list[ModelMessage], candidates: list[ModelMessage]) -> None:
        """Nothing to say of standard queues."""

    def dead_bodies(self) -> set[str]:
        return {message.body for message in self.do(lambda: self.dead.peek(10_000))}

    @rule(handle=receipts)
    def delete(self, handle: str) -> None:
        self.model.tidy()
        message = self.model.holder(handle)
        heeded = message is None or not self.model.is_fifo or self.model.in_force(message, handle)
        try:
            self.do(lambda: self.queue.delete_message(handle))
        except InvalidParameter:
            assert not heeded
        else:
            if message is not None:
                assert heeded
                self.model.messages.remove(message)

    @rule(handle=receipts, seconds=st.sampled_from([0, 10, 100]))
    def change_visibility(self, handle: str, seconds: int) -> None:
        self.model.tidy()
        message = self.model.holder(handle)
        heeded = message is not None and (not self.model.is_fifo or self.model.in_force(message, handle))
        try:
            self.do(lambda: self.queue.change_message_visibility(handle, timedelta(seconds=seconds)))
        except InvalidParameter:
            assert not heeded
        else:
            assert message is not None
            assert heeded
            message.visible_at = self.model.now + seconds * 1000
            message.leased = False

    @rule()
    def move_back(self) -> None:
        self.model.tidy()
        moved = self.do(self.dead.move_back)
        assert moved == len(self.model.dead)
        for message in self.model.dead:
            self.model.messages.append(
                ModelMessage(message.body, self.model.now, self.model.now, message.group)
            )
        self.model.dead = []

    @rule()
    def restart(self) -> None:
        self.do(lambda: self.store.__aexit__(None, None, None))
        self.open()
        self.do(self.queue.release_leases)
        for message in self.model.messages:
            if message.leased:
                message.visible_at = min(message.visible_at, self.model.now)
                message.leased = False

    @invariant()
    def nothing_is_lost_and_nothing_comes_again(self) -> None:
        self.model.tidy()
        held = [message.body for message in self.do(lambda: self.queue.peek(10_000))]
        assert sorted(held) == sorted(message.body for message in self.model.messages)
        assert self.dead_bodies() == {message.body for message in self.model.dead}


class StandardLife(QueueLife):
    """A standard queue."""

    name = "jobs"

    @rule(
        delays=st.lists(st.sampled_from([0, 0, 0, 5, 60]), min_size=1, max_size=12),
        group=st.sampled_from([None, "x", "y"]),
    )
    def send(self, delays: list[int], group: str | None) -> None:
        messages = []
        for delay in delays:
            body = self.next_body()
            self.model.send(body, delay=delay * 1000)
            messages.append(OutgoingMessage(body, delay=timedelta(seconds=delay), group_id=group))
        self.do(lambda: self.queue.send(messages))


class FifoLife(QueueLife):
    """A FIFO queue."""

    name = "jobs.fifo"

    @rule(
        drawn=st.lists(
            st.tuples(st.sampled_from("abc"), st.sampled_from(["new", "new", "x", "y"])),
            min_size=1,
            max_size=12,
        )
    )
    def send(self, drawn: list[tuple[str, str]]) -> None:
        messages = []
        for group, identity in drawn:
            body = self.next_body()
            identity = body if identity == "new" else identity
            self.model.send(body, group, identity)
            messages.append(OutgoingMessage(body, group_id=group, deduplication_id=identity))
        self.do(lambda: self.queue.send(messages))

    def check_order(self, found: list[ModelMessage], candidates: list[ModelMessage]) -> None:
        """In each group the oldest come first, and none is left out; what is exhausted stands in no way."""
        for group in {message.group for message in found}:
            first = [each for each in candidates if each.group == group and self.was_deliverable(each, found)]
            taken = [each for each in found if each.group == group]
            assert taken == first[: len(taken)]

    def was_deliverable(self, message: ModelMessage, found: list[ModelMessage]) -> bool:
        return message in found or message.receives < MAX_RECEIVE_COUNT


TestStandardQueue = StandardLife.TestCase
TestStandardQueue.settings = LIVES
TestFifoQueue = FifoLife.TestCase
TestFifoQueue.settings = LIVES
