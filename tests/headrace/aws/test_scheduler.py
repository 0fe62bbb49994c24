"""EventBridge Scheduler on the endpoint: boto3."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.feed import Feed
from engine.store.database import Store
from tests.fakes.event_world import EventWorld, event_world

DECLARED = """
[functions.ship]
handler = "ship.handler"
code = "."
[schedules.weekly]
expression = "cron(0 6 ? * MON)"
timezone = "Europe/Berlin"
function = "ship"
group = "office"
"""
ROLE = "arn:aws:iam::000000000000:role/any"
AUDIT = "arn:aws:sqs:us-east-1:000000000000:audit"
OFF = {"Mode": "OFF"}


@pytest.fixture
async def world(tmp_path: Path, store: Store, clock: Clock, feed: Feed) -> AsyncIterator[EventWorld]:
    async with event_world(tmp_path, store, clock, feed, DECLARED, "ship", "pack") as world:
        yield world


def schedule(expression: str = "rate(5 minutes)", **changes: Any) -> dict[str, Any]:
    target = {"Arn": AUDIT, "RoleArn": ROLE, **changes.pop("target", {})}
    given = {
        "Name": "s",
        "ScheduleExpression": expression,
        "FlexibleTimeWindow": OFF,
        "Target": target,
        **changes,
    }
    return {name: value for name, value in given.items() if value is not None}


async def refused(world: EventWorld, operation: str, **parameters: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        await world.call("scheduler", operation, **parameters)
    response = caught.value.response
    error = response["Error"]
    return response["ResponseMetadata"]["HTTPStatusCode"], f"{error['Code']}: {error['Message']}"


async def test_a_schedule_runs_until_it_is_deleted(world: EventWorld) -> None:
    made = await world.call("scheduler", "create_schedule", **schedule())
    assert made == {"ScheduleArn": world.arn("scheduler", "schedule/default/s")}
    await asyncio.sleep(601)
    await world.call("scheduler", "delete_schedule", Name="s")
    await asyncio.sleep(600)
    events = await world.bodies("audit")
    assert [event["time"][11:16] for event in events] == ["00:00", "00:05", "00:10"]
    assert events[0] == {
        "version": "0",
        "id": events[0]["id"],
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": "000000000000",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [made["ScheduleArn"]],
        "detail": "{}",
    }


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"expression": "at(2026-01-01T09:00:00)"}, ["09:00"], id="at runs once"),
        pytest.param(
            {"expression": "cron(0 9 * * ? *)", "ScheduleExpressionTimezone": "Asia/Tokyo"},
            ["00:00", "00:00"],
            id="cron in a time zone",
        ),
        pytest.param(
            {"expression": "rate(1 hours)", "StartDate": 1767236400, "EndDate": 1767243600},
            ["03:00", "04:00", "05:00"],
            id="rate between start and end",
        ),
        pytest.param({"State": "DISABLED"}, [], id="a disabled one does not run"),
        pytest.param({"expression": "at(2020-01-01T00:00:00)"}, [], id="at in the past does not run"),
    ],
)
async def test_when_schedules_run(world: EventWorld, changes: dict[str, Any], expected: list[str]) -> None:
    await world.call("scheduler", "create_schedule", **schedule(**changes))
    await asyncio.sleep(2 * 86_400 + 1)
    assert [event["time"][11:16] for event in await world.bodies("audit")] == expected


async def test_every_kind_of_target_gets_the_input(world: EventWorld) -> None:
    await world.call("events", "create_event_bus", Name="orders")
    pattern = json.dumps({"source": ["timer"]})
    await world.call("events", "put_rule", Name="r", EventBusName="orders", EventPattern=pattern)
    await world.call(
        "events",
        "put_targets",
        Rule="r",
        EventBusName="orders",
        Targets=[{"Id": "q", "Arn": world.arn("sqs", "dead")}],
    )
    text = json.dumps({"arn": "<aws.scheduler.schedule-arn>", "try": "<aws.scheduler.attempt-number>"})
    at = "at(2026-01-01T00:01:00)"
    targets: dict[str, dict[str, Any]] = {
        "function": {"Arn": world.arn("lambda", "function:pack")},
        "queue": {},
        "ordered": {"Arn": world.arn("sqs", "late.fifo"), "SqsParameters": {"MessageGroupId": "g"}},
        "stream": {
            "Arn": world.arn("kinesis", "stream/clicks"),
            "KinesisParameters": {"PartitionKey": "k"},
        },
        "bus": {
            "Arn": world.arn("events", "event-bus/orders"),
            "EventBridgeParameters": {"DetailType": "tick", "Source": "timer"},
        },
    }
    for name, target in targets.items():
        given = schedule(at, Name=name, target={**target, "Input": text})
        await world.call("scheduler", "create_schedule", **given)
    await asyncio.sleep(61)
    arns = {name: world.arn("scheduler", f"schedule/default/{name}") for name in targets}
    assert world.payloads() == [{"arn": arns["function"], "try": "1"}]
    assert await world.bodies("audit") == [{"arn": arns["queue"], "try": "1"}]
    assert await world.bodies("late.fifo") == [{"arn": arns["ordered"], "try": "1"}]
    page = await world.channels.streams["clicks"].read("shardId-000000000000", 0, 10)
    assert [record.key for record in page.records] == ["k"]
    (event,) = await world.bodies("dead")
    assert (event["detail-type"], event["detail"]) == ("tick", {"arn": arns["bus"], "try": "1"})


async def test_a_schedule_deletes_itself_after_its_last_run(world: EventWorld) -> None:
    given = schedule("at(2026-01-01T00:01:00)", ActionAfterCompletion="DELETE")
    await world.call("scheduler", "create_schedule", **given)
    await world.call("scheduler", "get_schedule", Name="s")
    await asyncio.sleep(61)
    assert len(await world.bodies("audit")) == 1
    assert await refused(world, "get_schedule", Name="s") == (
        404,
        "ResourceNotFoundException: Schedule s does not exist.",
    )
    for table in ("schedules", "made_schedules"):
        assert await world.rows(table) == (1 if table == "schedules" else 0)  # the declared one stays


async def test_a_run_waits_in_its_flexible_window(world: EventWorld) -> None:
    window = {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 10}
    given = schedule("at(2026-01-01T01:00:00)", FlexibleTimeWindow=window, ActionAfterCompletion="DELETE")
    await world.call("scheduler", "create_schedule", **given)
    await asyncio.sleep(3601)
    assert await world.bodies("audit") == []
    await asyncio.sleep(600)
    assert [event["time"] for event in await world.bodies("audit")] == ["2026-01-01T01:00:00Z"]


async def test_an_update_replaces_everything(world: EventWorld) -> None:
    await world.call("scheduler", "create_schedule", **schedule(Description="first", State="DISABLED"))
    await asyncio.sleep(60)
    await world.call("scheduler", "update_schedule", **schedule("rate(1 hour)"))
    found = await world.call("scheduler", "get_schedule", Name="s")
    assert "Description" not in found
    assert (found["State"], found["ScheduleExpression"]) == ("ENABLED", "rate(1 hour)")
    assert (found["LastModificationDate"] - found["CreationDate"]).total_seconds() == pytest.approx(60, abs=1)
    assert found["ScheduleExpressionTimezone"] == "UTC"
    assert found["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185}
    await asyncio.sleep(3601)
    assert [event["time"][11:16] for event in await world.bodies("audit")] == ["00:01", "01:01"]


async def test_groups_hold_schedules_and_are_deleted_with_them(world: EventWorld) -> None:
    arn = world.arn("scheduler", "schedule-group/g")
    made = await world.call("scheduler", "create_schedule_group", Name="g", Tags=[{"Key": "a", "Value": "b"}])
    assert made == {"ScheduleGroupArn": arn}
    assert await refused(world, "create_schedule_group", Name="g") == (
        409,
        "ConflictException: Schedule group g already exists.",
    )
    await world.call("scheduler", "create_schedule", **schedule(GroupName="g"))
    assert (await world.call("scheduler", "get_schedule_group", Name="g"))["State"] == "ACTIVE"
    groups = await world.call("scheduler", "list_schedule_groups")
    assert [group["Name"] for group in groups["ScheduleGroups"]] == ["default", "g", "office"]
    listed = await world.call("scheduler", "list_schedules", GroupName="g")
    assert [(each["GroupName"], each["Name"]) for each in listed["Schedules"]] == [("g", "s")]
    tags = await world.call("scheduler", "list_tags_for_resource", ResourceArn=arn)
    assert tags == {"Tags": [{"Key": "a", "Value": "b"}]}
    await world.call("scheduler", "tag_resource", ResourceArn=arn, Tags=[{"Key": "c", "Value": "d"}])
    await world.call("scheduler", "untag_resource", ResourceArn=arn, TagKeys=["a"])
    tags = await world.call("scheduler", "list_tags_for_resource", ResourceArn=arn)
    assert tags == {"Tags": [{"Key": "c", "Value": "d"}]}
    await world.call("scheduler", "delete_schedule_group", Name="g")
    assert await refused(world, "get_schedule", Name="s", GroupName="g") == (
        404,
        "ResourceNotFoundException: Schedule s does not exist.",
    )
    await asyncio.sleep(1)
    before = len(await world.bodies("audit"))
    await asyncio.sleep(3600)
    assert len(await world.bodies("audit")) == before
    assert (await refused(world, "delete_schedule_group", Name="default"))[0] == 400


async def test_lists_have_pages_and_filters(world: EventWorld) -> None:
    for name in ("a", "b", "c"):
        state = "DISABLED" if name == "b" else "ENABLED"
        await world.call("scheduler", "create_schedule", **schedule("rate(1 days)", Name=name, State=state))
    first = await world.call("scheduler", "list_schedules", GroupName="default", MaxResults=2)
    assert [each["Name"] for each in first["Schedules"]] == ["a", "b"]
    rest = await world.call("scheduler", "list_schedules", GroupName="default", NextToken=first["NextToken"])
    assert [each["Name"] for each in rest["Schedules"]] == ["c"]
    disabled = await world.call("scheduler", "list_schedules", State="DISABLED")
    assert [each["Name"] for each in disabled["Schedules"]] == ["b"]
    assert (await refused(world, "list_schedules", NextToken="!"))[0] == 400


async def test_a_declared_schedule_is_listed_and_belongs_to_the_file(world: EventWorld) -> None:
    found = await world.call("scheduler", "get_schedule", Name="weekly", GroupName="office")
    assert (found["ScheduleExpression"], found["ScheduleExpressionTimezone"]) == (
        "cron(0 6 ? * MON)",
        "Europe/Berlin",
    )
    assert await refused(world, "delete_schedule", Name="weekly", GroupName="office") == (
        400,
        "ValidationException: Schedule weekly is declared in headrace.toml: change it there.",
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"expression": "rate(10 seconds)"},
            "Invalid Schedule Expression rate(10 seconds).",
            id="an expression that AWS does not take",
        ),
        pytest.param(
            {"ScheduleExpressionTimezone": "Mars/Base"},
            "Invalid Schedule Expression Timezone Mars/Base.",
            id="an unknown time zone",
        ),
        pytest.param({"target": {"Arn": "queue"}}, "Provided Arn is not in correct format.", id="no ARN"),
        pytest.param(
            {"target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"}},
            "Universal targets are not simulated by Headrace: arn:aws:scheduler:::aws-sdk:sqs:sendMessage",
            id="a universal target",
        ),
        pytest.param(
            {"StartDate": 0},
            "The StartDate you specify cannot be earlier than 5 minutes ago.",
            id="a start long ago",
        ),
        pytest.param(
            {"target": {"RoleArn": None}},
            "1 validation error detected: Value null at 'target.roleArn' failed to satisfy constraint: "
            "Member must not be null",
            id="no role",
        ),
        pytest.param(
            {"target": {"RetryPolicy": {"MaximumRetryAttempts": 186}}},
            "1 validation error detected: Value '186' at 'target.retryPolicy.maximumRetryAttempts' failed to "
            "satisfy constraint: Member must have value less than or equal to 185",
            id="too many retries",
        ),
        pytest.param(
            {"FlexibleTimeWindow": {"Mode": "FLEXIBLE"}},
            "MaximumWindowInMinutes must be provided for, and only for, FlexibleTimeWindow mode FLEXIBLE.",
            id="a flexible window without its width",
        ),
        pytest.param(
            {"target": {"Arn": "arn:aws:kinesis:us-east-1:000000000000:stream/clicks"}},
            "KinesisParameters must be provided for target "
            "arn:aws:kinesis:us-east-1:000000000000:stream/clicks.",
            id="a stream without a partition key",
        ),
    ],
)
async def test_schedules_that_are_refused(world: EventWorld, changes: dict[str, Any], expected: str) -> None:
    given = schedule(**changes)
    given["Target"] = {name: value for name, value in given["Target"].items() if value is not None}
    assert await refused(world, "create_schedule", **given) == (400, f"ValidationException: {expected}")


async def test_the_same_request_twice_is_one_schedule(world: EventWorld) -> None:
    once = await world.call("scheduler", "create_schedule", **schedule(ClientToken="t"))
    assert await world.call("scheduler", "create_schedule", **schedule(ClientToken="t")) == once
    assert await refused(world, "create_schedule", **schedule()) == (
        409,
        "ConflictException: Schedule s already exists.",
    )
    assert await refused(world, "create_schedule", **schedule(GroupName="none")) == (
        404,
        "ResourceNotFoundException: Schedule group none does not exist.",
    )


async def test_a_target_that_is_gone_is_a_dead_letter(world: EventWorld) -> None:
    target = {
        "Arn": world.arn("lambda", "function:gone"),
        "Input": '{"n":"<aws.scheduler.attempt-number>"}',
        "DeadLetterConfig": {"Arn": world.arn("sqs", "dead")},
    }
    await world.call("scheduler", "create_schedule", **schedule("at(2026-01-01T00:01:00)", target=target))
    await asyncio.sleep(61)
    (letter,) = await world.channels.queues["dead"].peek(2)
    assert json.loads(letter.body) == {"n": "1"}
    attributes = {name: attribute.value for name, attribute in letter.attributes.items()}
    assert len(attributes.pop("EXECUTION_ID")) == 16
    assert attributes == {
        "SCHEDULE_ARN": world.arn("scheduler", "schedule/default/s"),
        "SCHEDULED_TIME": "2026-01-01T00:01:00Z",
        "IS_PAYLOAD_TRUNCATED": "false",
        "TARGET_ARN": target["Arn"],
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"{target['Arn']} does not exist",
        "RETRY_ATTEMPTS": "0",
    }


async def test_schedules_are_there_after_a_restart(
    tmp_path: Path, store: Store, clock: Clock, feed: Feed
) -> None:
    async with event_world(tmp_path, store, clock, feed) as world:
        await world.call("scheduler", "create_schedule_group", Name="g")
        await world.call("scheduler", "create_schedule", **schedule("rate(10 minutes)", GroupName="g"))
        once = schedule("at(2026-01-01T00:07:00)", Name="once")
        await world.call("scheduler", "create_schedule", **once)
        await asyncio.sleep(300)
    await asyncio.sleep(180)
    async with event_world(tmp_path, store, clock, feed) as world:
        await asyncio.sleep(180)
        times = [event["time"][11:16] for event in await world.bodies("audit")]
        assert times == ["00:00", "00:07", "00:10"]
        assert (await world.call("scheduler", "get_schedule", Name="s", GroupName="g"))["GroupName"] == "g"
