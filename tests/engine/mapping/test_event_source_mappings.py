"""Mappings are made, changed, deleted and kept, while they run; on the real queue and store."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.errors import ApiError, StoreFull
from engine.feed import Notice
from engine.store.database import Store
from tests.fakes.mapping_world import CLICKS, JOBS, World, from_queue, from_stream

ACCOUNT = Account()
PREFIX = "arn:aws:lambda:us-east-1:000000000000:event-source-mapping:"
WORK, OTHER = ACCOUNT.function("work"), ACCOUNT.function("other")


@pytest.fixture
async def world(clock: Clock, store: Store) -> World:
    return World(clock, store)


async def test_a_mapping_of_a_queue_is_described_as_recorded(world: World) -> None:
    async with world.running() as mappings:
        made = await mappings.create(from_queue())
    uuid = made["UUID"]
    assert made == {
        "UUID": uuid,
        "EventSourceMappingArn": PREFIX + uuid,
        "EventSourceArn": JOBS,
        "FunctionArn": WORK,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
        "LastModified": world.clock.now().timestamp(),
        "State": "Creating",
        "StateTransitionReason": "USER_INITIATED",
    }


async def test_a_mapping_of_a_stream_is_described_as_recorded(world: World) -> None:
    async with world.running() as mappings:
        made = await mappings.create(from_stream())
    assert {name: made[name] for name in made if name not in ("UUID", "EventSourceMappingArn")} == {
        "EventSourceArn": CLICKS,
        "FunctionArn": WORK,
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "MaximumRecordAgeInSeconds": -1,
        "TumblingWindowInSeconds": 0,
        "DestinationConfig": {"OnFailure": {}},
        "FunctionResponseTypes": [],
        "LastModified": world.clock.now().timestamp(),
        "State": "Creating",
        "StateTransitionReason": "User action",
        "LastProcessingResult": "No records processed",
    }


async def test_a_mapping_lives_from_creating_to_deleting(world: World) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue()))["UUID"]
        await world.clock.idle()
        assert mappings.get(uuid)["State"] == "Enabled"
        await world.bench.send("a")
        await world.clock.idle()
        assert (await mappings.update(uuid, {"Enabled": False}))["State"] == "Disabling"
        await world.clock.idle()
        await world.bench.send("b")
        await world.clock.idle()
        assert world.bench.batches() == [["a"]]
        assert (await mappings.update(uuid, {"Enabled": True}))["State"] == "Enabling"
        await world.clock.idle()
        assert world.bench.batches() == [["a"], ["b"]]
        assert (await mappings.update(uuid, {"BatchSize": 5}))["State"] == "Updating"
        await world.clock.idle()
        assert mappings.get(uuid)["BatchSize"] == 5
        assert (await mappings.delete(uuid))["State"] == "Deleting"
        await world.clock.idle()
        assert mappings.list() == []
        with pytest.raises(ApiError, match=r"^The resource you requested does not exist\.$") as caught:
            mappings.get(uuid)
    assert (caught.value.http_status, caught.value.code) == (404, "ResourceNotFoundException")
    assert world.states() == [
        *("Creating", "Enabled", "Disabling", "Disabled", "Enabling", "Enabled"),
        *("Updating", "Enabled", "Deleting"),
    ]


async def test_a_mapping_that_is_made_disabled_is_so_at_once(world: World) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue(Enabled=False)))["UUID"]
        assert mappings.get(uuid)["State"] == "Disabled"
        assert (await mappings.update(uuid, {"BatchSize": 5}))["State"] == "Updating"
        await world.clock.idle()
        assert mappings.get(uuid)["State"] == "Disabled"


async def test_a_mapping_on_its_way_cannot_be_changed(world: World) -> None:
    world.bench.functions.seconds = 100
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue()))["UUID"]
        await world.bench.send("a")
        await world.clock.idle()
        await mappings.update(uuid, {"FunctionName": "other"})
        for request in (mappings.update(uuid, {"BatchSize": 1}), mappings.delete(uuid)):
            with pytest.raises(ApiError, match="because it is in use") as caught:
                await request
            assert caught.value.code == "ResourceInUseException"
        await asyncio.sleep(101)
        await world.bench.send("b")
        await world.clock.idle()
    assert world.invoked() == ["work", "other"]


UNKNOWN = "arn:aws:sqs:us-east-1:000000000000:nothing"
NO_QUEUE = (
    "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
    "SQS Error Message: The specified queue does not exist."
)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        pytest.param({"FunctionName": "work"}, "Unrecognized event source.", id="no source"),
        pytest.param(from_queue("nobody"), "Function does not exist", id="no function"),
        pytest.param(from_queue("work:1"), "Function does not exist", id="a version"),
        pytest.param(
            from_queue("arn:aws:lambda:eu-west-1:000000000000:function:work"),
            "Function does not exist",
            id="a function elsewhere",
        ),
        pytest.param(from_queue(EventSourceArn=UNKNOWN), NO_QUEUE, id="no queue"),
        pytest.param(
            from_stream(EventSourceArn=CLICKS + "s"), f"Stream not found: {CLICKS}s", id="no stream"
        ),
        pytest.param(
            {"FunctionName": "work", "EventSourceArn": "arn:aws:kafka:us-east-1:000000000000:cluster/c/1"},
            "Amazon MSK is not simulated by Headrace.",
            id="a source that is not simulated",
        ),
        pytest.param(
            from_stream(DestinationConfig={"OnFailure": {"Destination": UNKNOWN}}),
            f"The destination ARN {UNKNOWN} is invalid.",
            id="no destination",
        ),
        pytest.param(
            from_queue("slow"),
            "Queue visibility timeout: 30 seconds is less than Function timeout: 300 seconds",
            id="a function that may take longer than messages are hidden",
        ),
    ],
)
async def test_a_mapping_needs_its_source_and_its_function(
    world: World, params: dict[str, Any], message: str
) -> None:
    async with world.running() as mappings:
        with pytest.raises(ApiError) as caught:
            await mappings.create(params)
    assert (str(caught.value), caught.value.http_status) == (message, 400)
    assert caught.value.code == "InvalidParameterValueException"
    assert mappings.list() == []


@pytest.mark.parametrize(
    ("params", "again", "message"),
    [
        pytest.param(
            from_queue(),
            from_queue(WORK),
            f'An event source mapping with SQS arn (" {JOBS} ") and function (" work ") already exists. '
            "Please update or delete the existing mapping with UUID ",
            id="of a queue",
        ),
        pytest.param(
            from_stream(),
            from_stream("work:$LATEST"),
            f'The event source arn (" {CLICKS} ") and function (" work ") provided mapping already exists. '
            "Please update or delete the existing mapping with UUID ",
            id="of a stream",
        ),
    ],
)
async def test_there_is_one_mapping_between_a_source_and_a_function(
    world: World, params: dict[str, Any], again: dict[str, Any], message: str
) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(params))["UUID"]
        other = (await mappings.create(params | {"FunctionName": "other"}))["UUID"]
        await world.clock.idle()
        for request in (mappings.create(again), mappings.update(other, {"FunctionName": "work"})):
            with pytest.raises(ApiError) as caught:
                await request
            assert (caught.value.code, caught.value.http_status) == ("ResourceConflictException", 409)
            assert str(caught.value) == message + uuid


@pytest.mark.parametrize(
    ("name", "echoed"),
    [
        ("work", WORK),
        (WORK, WORK),
        ("function:work", WORK),
        ("000000000000:function:work", WORK),
        ("000000000000:function:work:$LATEST", WORK + ":$LATEST"),
        (WORK + ":$LATEST", WORK + ":$LATEST"),
    ],
)
async def test_the_function_is_echoed_as_it_was_addressed(world: World, name: str, echoed: str) -> None:
    async with world.running() as mappings:
        made = await mappings.create(from_queue(name))
        await world.bench.send("a")
        await world.clock.idle()
    assert made["FunctionArn"] == echoed
    qualifier = "$LATEST" if echoed.endswith("$LATEST") else None
    assert [attempt.invocation.qualifier for attempt in world.bench.functions.attempts] == [qualifier]


async def test_mappings_are_listed_by_source_and_function(world: World) -> None:
    async with world.running() as mappings:
        first = (await mappings.create(from_queue()))["UUID"]
        second = (await mappings.create(from_queue("other")))["UUID"]
        third = (await mappings.create(from_stream()))["UUID"]

    def listed(**wanted: str) -> set[str]:
        return {each["UUID"] for each in mappings.list(**wanted)}

    assert listed() == {first, second, third}
    assert listed(event_source_arn=JOBS) == {first, second}
    assert listed(function_name=WORK) == {first, third}
    assert listed(function_name="work", event_source_arn=CLICKS) == {third}
    assert listed(function_name="nobody") == set()
    assert listed(event_source_arn=UNKNOWN) == set()


async def test_options_are_removed_by_updating_them_with_nothing(world: World) -> None:
    criteria = {"Filters": [{"Pattern": '{"body": ["x"]}'}]}
    async with world.running() as mappings:
        uuid = (
            await mappings.create(
                from_queue(FilterCriteria=criteria, ScalingConfig={"MaximumConcurrency": 2})
            )
        )["UUID"]
        await world.clock.idle()
        assert mappings.get(uuid)["FilterCriteria"] == criteria
        changed = await mappings.update(uuid, {"FilterCriteria": {}, "ScalingConfig": {}})
        assert changed.keys().isdisjoint(("FilterCriteria", "ScalingConfig"))
        await world.bench.send("not x")
        await world.clock.idle()
    assert world.bench.batches() == [["not x"]]


async def test_mappings_of_the_api_are_there_after_a_restart(world: World) -> None:
    async with world.running() as mappings:
        made = await mappings.create(from_queue(BatchSize=3))
        await world.clock.idle()
    await world.bench.send("a")
    async with world.running() as mappings:
        await world.clock.idle()
        (kept,) = mappings.list()
    assert kept == made | {"State": "Enabled"}
    assert world.bench.batches() == [["a"]]


async def test_a_mapping_that_was_on_its_way_comes_to_its_end_after_a_restart(world: World) -> None:
    await world.mappings.open([])
    uuid = (await world.mappings.create(from_queue()))["UUID"]
    assert world.mappings.get(uuid)["State"] == "Creating"
    async with world.running() as mappings:
        assert mappings.get(uuid)["State"] == "Enabled"
    await mappings.delete(uuid)
    async with world.running() as mappings:
        assert mappings.list() == []


async def test_mappings_of_the_configuration_have_the_same_uuid_every_time(world: World) -> None:
    async with world.running(from_queue(), from_stream()) as mappings:
        first = {each["UUID"] for each in mappings.list()}
    async with world.running(from_stream(BatchSize=7), from_queue()) as mappings:
        assert {each["UUID"] for each in mappings.list()} == first
        assert {each["BatchSize"] for each in mappings.list()} == {7, 10}
        assert {each["State"] for each in mappings.list()} == {"Enabled"}
    assert len(first) == 2


async def test_a_mapping_that_left_the_configuration_is_deleted_with_its_progress(world: World) -> None:
    world.stream.put("a")
    async with world.running(from_stream()):
        await asyncio.sleep(1)
    async with world.running():
        assert world.mappings.list() == []
    async with world.running(from_stream()):
        await asyncio.sleep(1)
    assert world.invoked() == ["work", "work"]


@pytest.mark.parametrize(
    ("change", "times"),
    [
        pytest.param({"BatchSize": 9}, 1, id="a batch size keeps the progress"),
        pytest.param({"Enabled": False}, 1, id="disabling does"),
        pytest.param(
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 0.0}, 2, id="a position"
        ),
    ],
)
async def test_progress_is_kept_unless_the_starting_position_changes(
    world: World, change: dict[str, Any], times: int
) -> None:
    world.stream.put("a")
    async with world.running(from_stream()):
        await asyncio.sleep(1)
    for params in (change, change, {**change, "Enabled": True}):
        async with world.running(from_stream(**params)):
            await asyncio.sleep(1)
    assert world.invoked() == ["work"] * times


async def test_a_disabled_mapping_goes_on_where_it_left_off(world: World) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_stream(StartingPosition="LATEST")))["UUID"]
        await world.clock.idle()
        await mappings.update(uuid, {"Enabled": False})
        await world.clock.idle()
        world.stream.put("a")
        await asyncio.sleep(5)
        assert world.invoked() == []
        await mappings.update(uuid, {"Enabled": True})
        await asyncio.sleep(1)
        assert world.invoked() == ["work"]
        assert mappings.get(uuid)["LastProcessingResult"] == "OK"
        await mappings.update(uuid, {"Enabled": False})
        await world.clock.idle()
        assert mappings.get(uuid)["LastProcessingResult"] == "OK"


async def test_a_mapping_of_a_stream_that_cannot_be_read_can_be_deleted(world: World) -> None:
    world.stream.trouble = StoreFull(None)
    async with world.running() as mappings:
        uuid = (await mappings.create(from_stream()))["UUID"]
        await asyncio.sleep(6)
        assert mappings.get(uuid)["State"] == "Enabled"
        await mappings.delete(uuid)
        await asyncio.sleep(1)
        assert mappings.list() == []


async def test_the_configuration_takes_over_what_the_api_has_made(world: World) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue(BatchSize=3)))["UUID"]
        await world.clock.idle()
    async with world.running(from_queue(BatchSize=4)) as mappings:
        assert [(each["UUID"], each["BatchSize"]) for each in mappings.list()] == [(uuid, 4)]
    async with world.running() as mappings:
        assert mappings.list() == []


async def test_a_mapping_whose_source_is_gone_stays_and_does_not_run(world: World) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue()))["UUID"]
        await world.clock.idle()
    del world.queues[JOBS]
    async with world.running() as mappings:
        assert mappings.get(uuid)["State"] == "Enabled"
        await mappings.delete(uuid)
        await world.clock.idle()
        assert mappings.list() == []
    (notice,) = world.bench.told(Notice)
    assert notice.text == f"does not run: its source {JOBS} is not there any more"


async def test_a_store_that_fails_leaves_mappings_as_they_were(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with world.running() as mappings:
        uuid = (await mappings.create(from_queue()))["UUID"]
        await world.clock.idle()
        before = mappings.list()

        async def full(_: object) -> None:
            raise StoreFull(None)

        with monkeypatch.context() as patched:
            patched.setattr(world.store, "write", full)
            requests: Sequence[Any] = (
                mappings.create(from_queue("other")),
                mappings.update(uuid, {"BatchSize": 2}),
                mappings.delete(uuid),
            )
            for request in requests:
                with pytest.raises(StoreFull):
                    await request
        assert mappings.list() == before


async def test_stopping_waits_for_what_runs_and_stopping_twice_does_not(world: World) -> None:
    world.bench.functions.seconds = 100
    for cancellations, seconds in ((1, 100), (2, 0)):
        mappings = world.make()
        await mappings.open([from_queue()])
        task = asyncio.create_task(mappings.run())
        await mappings.ready.wait()
        await world.bench.send("a")
        await world.clock.idle()
        began = world.clock.now()
        for _ in range(cancellations):
            task.cancel()
            await world.clock.idle()
        await asyncio.wait([task])
        assert (world.clock.now() - began).total_seconds() == pytest.approx(seconds, abs=0.1)
