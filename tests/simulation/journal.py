"""What happened in a trial: told by its feed, noted by clients, and left in the store in the end."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson

from engine.feed import Fact, InvocationFinished, InvocationThrottled, SimulatorCrashed
from engine.value import dataclass
from tests.simulation.clients import Notes, file_name
from tests.simulation.records import Delivered, Tokens
from tests.simulation.scenario import Give, Item, Scenario


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that did not hold, and what shows it. `token` and `moment` say where to look in the feed."""

    promise: str
    text: str
    moment: datetime | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The tumbling window of an invocation. `state` are the items that the function was told of."""

    shard_id: str
    start: str
    is_final: bool
    state: Sequence[str]


@dataclass(frozen=True, slots=True)
class Run:
    """An invocation that has ended. `processed` are the items that its answer says are done."""

    function: str
    source: str
    request_id: str
    attempt: int
    started: datetime
    ended: datetime
    has_failed: bool
    size: int
    items: Sequence[Delivered]
    processed: frozenset[str]
    first_received_at: Mapping[str, datetime]  # of messages, by token
    window: Window | None


@dataclass(frozen=True, slots=True)
class LeftMessage:
    """A message that a queue holds in the end, and the items that it is about."""

    queue: str
    body: str
    is_leased: bool
    tokens: Sequence[str]


@dataclass(frozen=True, slots=True)
class GivenUp:
    """Records that a stream's mapping has sent word of: of a shard, from a sequence number to another one."""

    at: datetime
    request_id: str
    shard_id: str
    first: int
    last: int
    count: int


@dataclass(slots=True)
class Left:
    """What is there in the end, of the store and of the process."""

    messages: Sequence[LeftMessage] = ()
    events: Sequence[str] = ()  # request ids
    leased_events: int = 0
    commits: int = 0  # of the store, where faults count them
    objects: Mapping[str, bytes] = field(default_factory=dict)  # by key
    things: Sequence[str] = ()  # tasks, file handles, folders that should not be there


class Journal:
    """All of it."""

    def __init__(
        self,
        scenario: Scenario,
        facts: Sequence[Fact],
        notes: Notes,
        left: Left,
        began: datetime,
        ended: datetime,
        latest_end: datetime,
    ) -> None:
        self.scenario = scenario
        self.facts = facts
        self.notes = notes
        self.left = left
        self.began = began
        self.ended = ended
        self.latest_end = latest_end
        self.crashes = [fact.time for fact in facts if isinstance(fact, SimulatorCrashed)]
        self._tokens = Tokens(scenario.items)
        gives = [step.act for step in scenario.steps if isinstance(step.act, Give) and step.act.as_files]
        self._files = {item.token for give in gives for item in give.items}

    @cached_property
    def runs(self) -> Sequence[Run]:
        """All invocations that have ended, in the order in which they began."""
        found = [self._run(fact) for fact in self.facts if isinstance(fact, InvocationFinished)]
        return sorted(found, key=lambda run: run.started)

    @cached_property
    def runs_of(self) -> Mapping[str, Sequence[Run]]:
        """The invocations that an item was part of, by its token."""
        found: defaultdict[str, list[Run]] = defaultdict(list)
        for run in self.runs:
            for each in run.items:
                found[each.token].append(run)
        return found

    @cached_property
    def throttled(self) -> Sequence[InvocationThrottled]:
        """The invocations that were refused."""
        return [fact for fact in self.facts if isinstance(fact, InvocationThrottled)]

    @cached_property
    def given_up(self) -> Sequence[tuple[GivenUp, Sequence[str]]]:
        """What stream mappings have given up, the first one first, and the items that this was.

        Records of other lanes may lie between the first and the last of a batch; their ends are others.
        """
        found: list[tuple[GivenUp, Sequence[str]]] = []
        told = [_given_up(message.body) for message in self.left.messages if message.queue == "given-up"]
        for given_up in sorted(told, key=lambda each: each.at):
            tokens = self._within(given_up)
            if len(tokens) > given_up.count:
                known = {token for _, others in found for token in others}
                tokens = [token for token in tokens if not self.processed_at(token) and token not in known]
            found.append((given_up, tokens))
        return found

    def _within(self, given_up: GivenUp) -> Sequence[str]:
        """Return the items of a shard between two sequence numbers; where any were invoked, those."""
        ran = [run for run in self.runs if run.request_id == given_up.request_id]
        invoked = {each.token for run in ran for each in run.items}
        found: list[str] = []
        for token, item in self.scenario.items.items():
            shard_id, number = self.notes.places.get(token, ("", 0))
            if (
                shard_id == given_up.shard_id
                and given_up.first <= number <= given_up.last
                and item.is_wanted
                and (token in invoked or not ran)
            ):
                found.append(token)
        return found

    def processed_at(self, token: str) -> Sequence[datetime]:
        """Return when invocations ended that have processed an item."""
        return [run.ended for run in self.runs_of.get(token, ()) if token in run.processed]

    @property
    def may_repeat(self) -> bool:
        """Whether something may be delivered again after it was processed."""
        faults = self.scenario.tables.get("faults", {})
        return bool(self.crashes or "duplicate_rate" in faults or "redelivery_rate" in faults)

    def events(self) -> Sequence[tuple[str, str]]:
        """Return the items that are asynchronous events, also runs of schedules, with their functions."""
        items = [
            (item.token, self.function_of(item.place))
            for item in self.scenario.items.values()
            if item.place.startswith(("buckets.", "functions."))
        ]
        for settings in self.scenario.tables["schedules"].values():
            function = settings["function"]
            ticks = {run.items[0].token: None for run in self.runs if run.function == function}
            items += [(token, function) for token in ticks]
        return items

    def function_of(self, place: str) -> str:
        """Return the function that gets the items of a place."""
        kind, _, name = place.partition(".")
        if kind == "functions":
            return name
        if kind == "buckets":
            function: str = self.scenario.tables["buckets"][name]["notifications"][0]["function"]
        else:
            function = self.scenario.mapping_of(place)["function"]
        return function

    def key_of(self, item: Item) -> str:
        """Return what order is kept by."""
        return file_name(item) if item.token in self._files else item.key

    def queue(self, place: str) -> Mapping[str, Any]:
        """Return a queue's table of the configuration."""
        settings: Mapping[str, Any] = self.scenario.tables["queues"][place.removeprefix("queues.")]
        return settings

    def dead_letter_queue(self, place: str) -> str | None:
        """Return the name of a queue's dead-letter queue, None without one."""
        policy = self.queue(place).get("redrive_policy")
        return None if policy is None else str(policy["dead_letter_target_arn"]).removeprefix("queues.")

    def messages_about(self, token: str, queue: str) -> int:
        """Return how many messages a queue holds in the end that are about an item."""
        return sum(left.queue == queue and token in left.tokens for left in self.left.messages)

    def settings_of(self, function: str) -> Mapping[str, Any]:
        """Return a function's table of the configuration."""
        settings: Mapping[str, Any] = self.scenario.tables["functions"][function]
        return settings

    def was_spared(self, begin: datetime, end: datetime) -> bool:
        """Say whether the simulator did not crash between two moments."""
        return not any(begin <= crash <= end for crash in self.crashes)

    def _run(self, fact: InvocationFinished) -> Run:
        items = self._tokens.of_event(fact.event)
        return Run(
            fact.function,
            fact.source,
            fact.request_id,
            fact.attempt,
            fact.started,
            fact.time,
            fact.function_error is not None,
            len(fact.event),
            items,
            frozenset() if fact.function_error is not None else self._processed(fact, items),
            _first_received(fact, items) if fact.source.startswith("queues.") else {},
            _window(fact),
        )

    def _processed(self, fact: InvocationFinished, items: Sequence[Delivered]) -> frozenset[str]:
        failed = {each["itemIdentifier"] for each in orjson.loads(fact.payload).get("batchItemFailures", ())}
        if fact.source.startswith(("streams.", "tables.")):  # what follows the first failure is not done
            index = next((i for i, each in enumerate(items) if each.identifier in failed), len(items))
            return frozenset(each.token for each in items[:index])
        return frozenset(each.token for each in items if each.identifier not in failed)


def _first_received(fact: InvocationFinished, items: Sequence[Delivered]) -> Mapping[str, datetime]:
    return {
        each.token: datetime.fromtimestamp(
            int(record["attributes"]["ApproximateFirstReceiveTimestamp"]) / 1000, UTC
        )
        for each, record in zip(items, orjson.loads(fact.event)["Records"], strict=True)
    }


def _window(fact: InvocationFinished) -> Window | None:
    event = orjson.loads(fact.event)
    if "window" not in event:
        return None
    known = event["state"].get("tokens", ())
    return Window(event["shardId"], event["window"]["start"], event["isFinalInvokeForWindow"], known)


def _given_up(body: str) -> GivenUp:
    document = orjson.loads(body)
    batch = document.get("KinesisBatchInfo") or document["DDBStreamBatchInfo"]
    return GivenUp(
        datetime.fromisoformat(document["timestamp"]),
        document["requestContext"]["requestId"],
        batch["shardId"],
        int(batch["startSequenceNumber"]),
        int(batch["endSequenceNumber"]),
        batch["batchSize"],
    )
