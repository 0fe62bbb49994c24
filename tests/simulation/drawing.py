"""Draws the scenario of a seed.

Pure: the same seed gives the same scenario. What fails is drawn with the items, so that every item has an end
that it can reach: one that always fails is drawn only where something gives it up.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from typing import Any

from tests.simulation.scenario import (
    ENVIRONMENTS,
    Give,
    Item,
    MoveBack,
    Pause,
    Reshard,
    Scenario,
    Step,
    Table,
)

ALWAYS = 1_000_000
FIRST_STEP = timedelta(seconds=5)  # by then mappings have begun to read
GRID = timedelta(seconds=1)  # of the moments of steps, so that those of several clients fall together
MOST_COMMITS = 250  # of a trial, about
DAY = 86_400
COMMAND = ["scripted"]  # never run: see scripted_runtime.py


def draw(seed: int) -> Scenario:
    """Return the scenario of a seed."""
    return _Drawing(seed).scenario()


def draw_a_little_of_everything(seed: int) -> Scenario:
    """Return a calm scenario with every kind of source, in which every client takes a single step."""
    return _Drawing(seed, most_steps=1).everything()


class _Drawing:
    def __init__(self, seed: int, most_steps: int = 10) -> None:
        self._seed = seed
        self._most_steps = most_steps
        self._chance = Random(seed)
        self._steps: list[Step] = []
        self._count = 0
        self._tables: Table = {
            "simulator": {"max_environments": ENVIRONMENTS},
            "functions": {},
            "queues": {},
            "streams": {},
            "tables": {},
            "buckets": {},
            "schedules": {},
            "event_source_mappings": [],
        }

    @property
    def _kinds(self) -> Sequence[Callable[[], None]]:
        return [self._queue, self._fifo, self._stream, self._table, self._bucket, self._events]

    def everything(self) -> Scenario:
        for kind in self._kinds:
            kind()
        self._schedule()
        return self._made(is_calm=True)

    def scenario(self) -> Scenario:
        chance, kinds = self._chance, self._kinds
        chosen = chance.sample(kinds, chance.randint(1, 4))
        for kind in kinds:
            if kind in chosen:
                kind()
        if chance.random() < 0.3:
            self._schedule()
        is_calm = chance.random() < 0.4
        if not is_calm:
            self._tables["faults"] = self._faults(crashes=chance.random() < 0.6)
        return self._made(is_calm)

    def _made(self, is_calm: bool) -> Scenario:
        self._steps.sort(key=lambda step: step.at)
        is_calm = is_calm and not any(isinstance(step.act, Pause) for step in self._steps)
        return Scenario(self._seed, self._tables, self._steps, is_calm, self._pick(0, 1, 3, 6))

    # What may go wrong.

    def _faults(self, *, crashes: bool) -> Table:
        rates = {
            "error_rate": 0.1,
            "timeout_rate": 0.05,
            "crash_rate": 0.1,
            "throttle_rate": 0.1,
            "slow_start_rate": 0.2,
            "duplicate_rate": 0.1,
            "redelivery_rate": 0.1,
            "reorder_rate": 0.3,
            "smaller_batch_rate": 0.3,
            "late_wake_up_rate": 0.2,
            "lost_wake_up_rate": 0.1,
            "store_busy_rate": 0.05,
            "store_full_rate": 0.03,
        }
        chosen: Table = {name: rate for name, rate in rates.items() if self._chance.random() < 0.4}
        if crashes:
            commits = sorted(self._chance.sample(range(1, MOST_COMMITS), self._chance.randint(1, 3)))
            cut = self._chance.randint(0, len(commits))
            chosen |= {
                "simulator_crash_before_commits": commits[:cut],
                "simulator_crash_after_commits": commits[cut:],
            }
        return {name: value for name, value in chosen.items() if value != []}

    # Sources, each with its function and its client.

    def _queue(self) -> None:
        chance = self._chance
        redrives, expires = chance.random() < 0.6, chance.random() < 0.3
        visibility = self._pick(10, 30, 90)
        queue: Table = {
            "visibility_timeout": visibility,
            "delay_seconds": self._pick(0, 0, 0, 7),
            "message_retention_period": 600 if expires else 4 * DAY,
        }
        if redrives:
            self._tables["queues"]["jobs-dead"] = {}
            queue["redrive_policy"] = _redrive("jobs-dead", chance.randint(1, 4))
        self._tables["queues"]["jobs"] = queue
        window = self._pick(0, 0, 0, 4)
        mapping = self._mapping("queues.jobs", "worker", self._pick(1, 3, 10, 10))
        if window:
            mapping |= {"maximum_batching_window_in_seconds": window, "batch_size": self._pick(2, 10, 20)}
        if chance.random() < 0.3:
            mapping["scaling_config"] = {"maximum_concurrency": chance.randint(2, 3)}
        self._function("worker", most_seconds=visibility)
        self._clients("queues.jobs", may_fail_always=redrives or expires, keys=1, together=10)
        if redrives and chance.random() < 0.3:
            self._later("moving back", MoveBack("queues.jobs-dead"))

    def _fifo(self) -> None:
        redrives = self._chance.random() < 0.6
        visibility = self._pick(10, 30)
        queue: Table = {"visibility_timeout": visibility, "content_based_deduplication": True}
        if redrives:
            self._tables["queues"]["orders-dead.fifo"] = {}
            queue["redrive_policy"] = _redrive("orders-dead.fifo", self._chance.randint(1, 3))
        self._tables["queues"]["orders.fifo"] = queue
        self._mapping("queues.orders.fifo", "clerk", self._pick(1, 3, 10))
        self._function("clerk", most_seconds=visibility)
        self._clients("queues.orders.fifo", may_fail_always=redrives, keys=3, together=5)
        if redrives and self._chance.random() < 0.2:
            self._later("moving back in order", MoveBack("queues.orders-dead.fifo"))

    def _stream(self) -> None:
        self._tables["streams"]["clicks"] = {"shards": self._chance.randint(1, 3)}
        gives_up = self._stream_mapping("streams.clicks", "counter")
        self._function("counter")
        self._clients("streams.clicks", may_fail_always=gives_up, keys=4, together=6)
        puts = [step.at for step in self._steps if step.client.startswith("streams.clicks")]
        for _ in range(self._chance.randint(0, 4)):
            act = Reshard("streams.clicks", self._chance.random() < 0.6, self._chance.random())
            self._steps.append(Step(self._chance.choice(puts), "resharding", act))  # in the midst of records

    def _table(self) -> None:
        self._tables["tables"]["entries"] = {"database": "entries.db"}
        gives_up = self._stream_mapping("tables.entries", "indexer")
        self._function("indexer")
        self._clients("tables.entries", may_fail_always=gives_up, keys=3, together=4)

    def _bucket(self) -> None:
        self._tables["buckets"]["inbox"] = {"folder": "inbox", "notifications": [{"function": "scanner"}]}
        self._asynchronous("scanner")
        self._clients("buckets.inbox", may_fail_always=True, keys=3, together=2)

    def _events(self) -> None:
        self._asynchronous("mailer")
        self._clients("functions.mailer", may_fail_always=True, keys=1, together=3)

    def _schedule(self) -> None:
        minutes = self._pick(1, 2, 5)
        self._tables["schedules"]["tick"] = {
            "expression": f"cron(0/{minutes} * * * ? *)",
            "function": "ticker",
            "missed_runs": "all",
        }
        self._asynchronous("ticker")

    def _asynchronous(self, name: str) -> None:
        retries = self._chance.randint(0, 2)
        settings: Table = {
            "maximum_retry_attempts": retries,
            "maximum_event_age_in_seconds": self._pick(60, 200, 21_600, 21_600),
        }
        for option, queue in (
            ("on_success", "successes"),
            ("on_failure", "failures"),
            ("dead_letter", "letters"),
        ):
            if self._chance.random() < 0.5:
                self._tables["queues"].setdefault(queue, {})
                settings[option] = f"queues.{queue}"
        if "on_success" in settings and self._chance.random() < 0.3:
            settings["on_success"] = "functions.auditor"
            self._function("auditor")
        self._function(name, settings)

    def _function(self, name: str, settings: Table | None = None, most_seconds: int = 60) -> None:
        timeout = self._pick(*(seconds for seconds in (2, 5, 10) if seconds <= most_seconds))
        durations = [
            "5ms",
            "100ms",
            "uniform(min=1ms, max=1s)",
            f"uniform(min=100ms, max={timeout * 1.1:.1f}s)",
        ]
        function: Table = {
            "command": COMMAND,
            "timeout": timeout,
            "simulated_duration": self._pick(*durations),
            "simulated_init_duration": self._pick("0s", "300ms"),
            "idle_timeout": self._pick(30, 300),
            **(settings or {}),
        }
        if self._chance.random() < 0.25:
            function["reserved_concurrency"] = self._chance.randint(1, 3)
        self._tables["functions"][name] = function

    # Mappings.

    def _mapping(self, source: str, function: str, batch_size: int) -> Table:
        mapping: Table = {"source": source, "function": function, "batch_size": batch_size}
        if self._chance.random() < 0.3:
            mapping["filter_criteria"] = {"filters": [{"pattern": _pattern(source)}]}
        if self._chance.random() < 0.5:
            mapping["function_response_types"] = ["ReportBatchItemFailures"]
        self._tables["event_source_mappings"].append(mapping)
        if self._chance.random() < 0.15:
            self._later(f"pausing {source}", Pause(source, self._pick(0, 5, 60) * GRID))
        return mapping

    def _stream_mapping(self, source: str, function: str) -> bool:
        """Make a mapping; say whether it gives up what fails again and again."""
        chance = self._chance
        mapping = self._mapping(source, function, self._pick(1, 3, 10, 100))
        mapping |= {
            "starting_position": "TRIM_HORIZON",
            "maximum_batching_window_in_seconds": self._pick(0, 0, 0, 3),
            "parallelization_factor": self._pick(1, 1, 2, 3),
            "bisect_batch_on_function_error": chance.random() < 0.5,
            "maximum_retry_attempts": self._pick(-1, 0, 1, 4),
            "maximum_record_age_in_seconds": self._pick(-1, -1, 60, 120),
        }
        if chance.random() < 0.35:
            mapping["parallelization_factor"] = 1
            mapping["tumbling_window_in_seconds"] = self._pick(20, 60)
        gives_up: bool = (
            mapping["maximum_retry_attempts"] >= 0 or mapping["maximum_record_age_in_seconds"] > 0
        )
        if gives_up:
            self._tables["queues"].setdefault("given-up", {})
            mapping["destination_config"] = {"on_failure": "queues.given-up"}
        return gives_up

    # Clients.

    def _clients(self, place: str, *, may_fail_always: bool, keys: int, together: int) -> None:
        """Draw what one or two clients give to a place, each under keys of its own."""
        for number in range(self._pick(1, 2)):
            names = [f"{place.rpartition('.')[2][0]}{number}{letter}" for letter in "abcde"[:keys]]
            self._client(f"{place} {number}", place, may_fail_always, names, together)

    def _client(
        self, name: str, place: str, may_fail_always: bool, keys: Sequence[str], together: int
    ) -> None:
        """Draw what a client gives: in bursts and after pauses, some of it to fail."""
        chance = self._chance
        filters = any(
            mapping["source"] == place and "filter_criteria" in mapping
            for mapping in self._tables["event_source_mappings"]
        )
        at = FIRST_STEP + chance.randrange(30) * GRID
        for _ in range(chance.randint(min(3, self._most_steps), self._most_steps)):
            items = [
                self._item(place, chance.choice(keys), may_fail_always, filters)
                for _ in range(chance.choice((1, 1, 1, 1, chance.randint(1, together))))
            ]
            delay = self._pick(None, None, None, 3, 20) if place == "queues.jobs" else None
            as_files = place.startswith("buckets.") and chance.random() < 0.3
            turns = chance.randrange(chance.choice((1, 5, 30)))
            self._steps.append(Step(at, name, Give(items, delay, as_files), turns))
            at += self._pick(0, 0, 0, 0, 0, 1, 2, 20, 90, 200) * self._pick(1, 2) * GRID

    def _later(self, client: str, act: Reshard | MoveBack | Pause) -> None:
        """Do something in the midst of all."""
        self._steps.append(Step(FIRST_STEP + self._chance.randrange(300) * GRID, client, act))

    def _item(self, place: str, key: str, may_fail_always: bool, filters: bool) -> Item:
        self._count += 1
        fails = self._pick(0, 0, 0, 0, 0, 0, 1, 1, 2, ALWAYS)
        if fails == ALWAYS and not may_fail_always:
            fails = 3
        wanted = not filters or self._chance.random() < 0.6
        return Item(f"item-{self._count}", place, key, fails, wanted)

    def _pick(self, *values: Any) -> Any:
        return self._chance.choice(values)


def _redrive(queue: str, most: int) -> Table:
    return {"dead_letter_target_arn": f"queues.{queue}", "max_receive_count": most}


def _pattern(source: str) -> Table:
    wanted = ["yes"]
    if source.startswith("queues."):
        return {"body": {"wanted": wanted}}
    if source.startswith("streams."):
        return {"data": {"wanted": wanted}}
    return {"dynamodb": {"NewImage": {"wanted": {"S": wanted}}}}
