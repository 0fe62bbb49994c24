"""EventBridge on the endpoint: boto3 and a plain client."""

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
[schedules.nightly]
expression = "cron(0 2 * * ? *)"
function = "ship"
[event_buses.billing]
description = "what is paid"
[[event_buses.billing.rules]]
name = "paid"
pattern = { source = ["bank"] }
targets = ["queues.audit"]
"""
PATTERN = json.dumps({"source": ["shop"]})


@pytest.fixture
async def world(tmp_path: Path, store: Store, clock: Clock, feed: Feed) -> AsyncIterator[EventWorld]:
    async with event_world(tmp_path, store, clock, feed, DECLARED, "ship", "pack") as world:
        yield world


async def refused(world: EventWorld, operation: str, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        await world.call("events", operation, **parameters)
    error = caught.value.response["Error"]
    return f"{error['Code']}: {error['Message']}"


async def rule(world: EventWorld, *targets: dict[str, Any], name: str = "orders", **more: Any) -> None:
    """Make a rule for everything from the shop, with targets."""
    bus = {key: value for key, value in more.items() if key == "EventBusName"}
    await world.call("events", "put_rule", Name=name, EventPattern=PATTERN, **more)
    answer = await world.call("events", "put_targets", Rule=name, Targets=list(targets), **bus)
    assert answer == {"FailedEntryCount": 0, "FailedEntries": []}


async def test_an_event_goes_to_every_kind_of_target(world: EventWorld) -> None:
    await world.call("events", "create_event_bus", Name="copies")
    await rule(world, {"Id": "q", "Arn": world.arn("sqs", "dead")}, name="copied", EventBusName="copies")
    await rule(
        world,
        {"Id": "f", "Arn": world.arn("lambda", "function:pack")},
        {"Id": "q", "Arn": world.arn("sqs", "audit")},
        {"Id": "o", "Arn": world.arn("sqs", "late.fifo"), "SqsParameters": {"MessageGroupId": "g"}},
        {
            "Id": "s",
            "Arn": world.arn("kinesis", "stream/clicks"),
            "KinesisParameters": {"PartitionKeyPath": "$.detail.number"},
        },
        {"Id": "b", "Arn": world.arn("events", "event-bus/copies")},
    )
    event_id = await world.put({"number": 7}, Resources=["arn:any"])
    await asyncio.sleep(0.01)
    event = {
        "version": "0",
        "id": event_id,
        "detail-type": "order",
        "source": "shop",
        "account": "000000000000",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": ["arn:any"],
        "detail": {"number": 7},
    }
    assert list(world.payloads()[0]) == list(event)
    assert world.payloads() == [event]
    for queue in ("audit", "late.fifo", "dead"):
        assert await world.bodies(queue) == [event]
    stream = world.channels.streams["clicks"]
    page = await stream.read("shardId-000000000000", 0, 10)
    assert [record.key for record in page.records] == ["7"]


async def test_a_declared_rule_works_and_belongs_to_the_file(world: EventWorld) -> None:
    await world.put({}, source="bank", EventBusName="billing")
    assert [event["source"] for event in await world.bodies("audit")] == ["bank"]
    listed = await world.call("events", "list_rules", EventBusName="billing")
    arn = world.arn("events", "rule/billing/paid")
    assert listed["Rules"] == [
        {
            "Name": "paid",
            "Arn": arn,
            "EventBusName": "billing",
            "EventPattern": '{"source":["bank"]}',
            "State": "ENABLED",
        }
    ]
    same = {"Name": "paid", "EventBusName": "billing", "EventPattern": '{"source":["bank"]}'}
    assert await world.call("events", "put_rule", **same) == {"RuleArn": arn}
    mine = "ManagedRuleException: Rule paid is declared in headrace.toml: change it there."
    assert await refused(world, "put_rule", **{**same, "State": "DISABLED"}) == mine
    assert await refused(world, "disable_rule", Name="paid", EventBusName="billing") == mine
    assert await refused(world, "delete_rule", Name="paid", EventBusName="billing") == mine
    assert await refused(world, "remove_targets", Rule="paid", EventBusName="billing", Ids=["x"]) == mine
    assert await refused(world, "delete_event_bus", Name="billing") == (
        "ValidationException: Event bus billing is declared in headrace.toml: change it there."
    )


async def test_a_declared_schedule_is_listed_as_a_rule(world: EventWorld) -> None:
    (found,) = (await world.call("events", "list_rules"))["Rules"]
    assert (found["Name"], found["ScheduleExpression"]) == ("nightly", "cron(0 2 * * ? *)")
    targets = await world.call("events", "list_targets_by_rule", Rule="nightly")
    assert targets["Targets"] == [{"Id": "1", "Arn": world.arn("lambda", "function:ship")}]


ONE = {"Source": "shop", "DetailType": "order", "Detail": "{}"}


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param(
            {"Source": None},
            "InvalidArgument",
            "Parameter Source is not valid. Reason: Source is a required argument.",
            id="source is missing",
        ),
        pytest.param(
            {"DetailType": ""},
            "InvalidArgument",
            "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            id="detail type is empty",
        ),
        pytest.param(
            {"Detail": None},
            "InvalidArgument",
            "Parameter Detail is not valid. Reason: Detail is a required argument.",
            id="detail is missing",
        ),
        pytest.param({"Detail": "[]"}, "MalformedDetail", "Detail is malformed.", id="detail is a list"),
        pytest.param({"Detail": "{"}, "MalformedDetail", "Detail is malformed.", id="detail is broken"),
        pytest.param({"Detail": '"x"'}, "MalformedDetail", "Detail is malformed.", id="detail is a string"),
        pytest.param(
            {"Source": "aws.s3"},
            "NotAuthorizedForSourceException",
            "Not authorized for the source.",
            id="source is one of AWS's",
        ),
    ],
)
async def test_an_entry_that_is_refused_does_not_hinder_the_others(
    world: EventWorld, changes: dict[str, Any], code: str, message: str
) -> None:
    await rule(world, {"Id": "q", "Arn": world.arn("sqs", "audit")})
    reply = await world.post("PutEvents", {"Entries": [{**ONE, **changes}, ONE]})
    answer = json.loads(reply.body)
    assert (reply.status, answer["FailedEntryCount"]) == (200, 1)
    assert answer["Entries"][0] == {"ErrorCode": code, "ErrorMessage": message}
    assert [event["id"] for event in await world.bodies("audit")] == [answer["Entries"][1]["EventId"]]


async def test_requests_out_of_the_models_limits_are_refused(world: EventWorld) -> None:
    eleven = await world.post("PutEvents", {"Entries": [ONE] * 11})
    assert eleven.status == 400
    assert json.loads(eleven.body)["message"].endswith(
        "at 'entries' failed to satisfy constraint: Member must have length less than or equal to 10"
    )
    several = await world.post("CreateEventBus", {"Name": "not a name", "Tags": [{"Key": "k"}]})
    assert json.loads(several.body) == {
        "__type": "ValidationException",
        "message": "2 validation errors detected: Value 'not a name' at 'name' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [/\\.\\-_A-Za-z0-9]+; Value null at "
        "'tags.1.member.value' failed to satisfy constraint: Member must not be null",
    }
    unknown = await world.post("ListRules", {"Speed": 3})
    assert json.loads(unknown.body)["message"] == "Speed is not simulated by Headrace."
    wrong = await world.post("ListRules", {"Limit": "3"})
    assert json.loads(wrong.body)["__type"] == "SerializationException"
    large = {"Entries": [{**ONE, "Detail": json.dumps({"x": "y" * 600_000})}] * 2}
    assert json.loads((await world.post("PutEvents", large)).body)["message"] == (
        "Total size of the entries in the request is over the limit."
    )
    assert (await world.post("CreateConnection", {})).status == 501


async def test_an_event_for_no_bus_vanishes(world: EventWorld) -> None:
    assert len(await world.put({}, EventBusName="nowhere")) == 36


async def test_buses_are_made_changed_listed_and_deleted(world: EventWorld) -> None:
    arn = world.arn("events", "event-bus/orders")
    made = await world.call("events", "create_event_bus", Name="orders", Tags=[{"Key": "team", "Value": "a"}])
    assert made == {"EventBusArn": arn}
    assert await refused(world, "create_event_bus", Name="orders") == (
        "ResourceAlreadyExistsException: Event bus orders already exists."
    )
    await world.call("events", "update_event_bus", Name="orders", Description="all orders")
    described = await world.call("events", "describe_event_bus", Name=arn)
    assert (described["Name"], described["Description"]) == ("orders", "all orders")
    listed = await world.call("events", "list_event_buses", Limit=2)
    assert [bus["Name"] for bus in listed["EventBuses"]] == ["billing", "default"]
    rest = await world.call("events", "list_event_buses", NextToken=listed["NextToken"])
    assert [bus["Name"] for bus in rest["EventBuses"]] == ["orders"]
    tags = await world.call("events", "list_tags_for_resource", ResourceARN=arn)
    assert tags == {"Tags": [{"Key": "team", "Value": "a"}]}
    await world.call("events", "untag_resource", ResourceARN=arn, TagKeys=["team"])
    assert (await world.call("events", "list_tags_for_resource", ResourceARN=arn)) == {"Tags": []}
    await rule(world, {"Id": "q", "Arn": world.arn("sqs", "audit")}, EventBusName="orders")
    assert world.services.rule_counts() == {"billing": 1, "orders": 1}
    assert await refused(world, "delete_event_bus", Name="orders") == (
        "ValidationException: Event bus can't be deleted since it has rules."
    )
    await world.call("events", "remove_targets", Rule="orders", EventBusName="orders", Ids=["q"])
    await world.call("events", "delete_rule", Name="orders", EventBusName="orders")
    await world.call("events", "delete_event_bus", Name="orders")
    assert await refused(world, "describe_event_bus", Name="orders") == (
        "ResourceNotFoundException: Event bus orders does not exist."
    )
    assert await refused(world, "delete_event_bus", Name="default") == (
        "ValidationException: Cannot delete event bus default."
    )


async def test_permissions_are_kept(world: EventWorld) -> None:
    given = {"Action": "events:PutEvents", "Principal": "111122223333", "StatementId": "other"}
    await world.call("events", "put_permission", **given)
    policy = json.loads((await world.call("events", "describe_event_bus"))["Policy"])
    assert policy["Statement"] == [
        {
            "Sid": "other",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Action": "events:PutEvents",
            "Resource": world.arn("events", "event-bus/default"),
        }
    ]
    assert (await refused(world, "remove_permission", StatementId="nobody")).startswith("ResourceNotFound")
    await world.call("events", "remove_permission", StatementId="other")
    assert "Policy" not in await world.call("events", "describe_event_bus")


async def test_a_rule_keeps_its_targets_when_it_is_put_again(world: EventWorld) -> None:
    target = {"Id": "q", "Arn": world.arn("sqs", "audit")}
    await rule(world, target)
    await world.call("events", "put_rule", Name="orders", EventPattern='{"source":["x"]}', State="DISABLED")
    assert (await world.call("events", "list_targets_by_rule", Rule="orders"))["Targets"] == [target]
    described = await world.call("events", "describe_rule", Name="orders")
    assert described == {
        "Name": "orders",
        "Arn": world.arn("events", "rule/orders"),
        "EventPattern": '{"source":["x"]}',
        "State": "DISABLED",
        "EventBusName": "default",
        "CreatedBy": "000000000000",
    }
    by_target = await world.call("events", "list_rule_names_by_target", TargetArn=target["Arn"])
    assert by_target == {"RuleNames": ["orders"]}


async def test_a_disabled_rule_sends_nothing(world: EventWorld) -> None:
    await rule(world, {"Id": "q", "Arn": world.arn("sqs", "audit")})
    await world.call("events", "disable_rule", Name="orders")
    await world.put({"n": 1})
    await world.call("events", "enable_rule", Name="orders")
    await world.put({"n": 2})
    assert [event["detail"] for event in await world.bodies("audit")] == [{"n": 2}]


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        pytest.param(
            {},
            "ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.",
            id="neither a pattern nor a schedule",
        ),
        pytest.param(
            {"ScheduleExpression": "rate(1 minute)", "EventBusName": "billing"},
            "ValidationException: ScheduleExpression is supported only on the default event bus.",
            id="a schedule on another bus",
        ),
        pytest.param(
            {"ScheduleExpression": "rate(10 seconds)"},
            "ValidationException: Parameter ScheduleExpression is not valid.",
            id="a schedule that AWS does not take",
        ),
        pytest.param(
            {"EventPattern": '{"source":[]}'},
            "InvalidEventPatternException: Event pattern is not valid. Reason: Empty arrays are not allowed"
            '\n at [Source: (String)"{"source":[]}"; line: 1, column: 11]',
            id="a pattern that cannot be read",
        ),
        pytest.param(
            {"EventPattern": PATTERN, "EventBusName": "nowhere"},
            "ResourceNotFoundException: Event bus nowhere does not exist.",
            id="no such bus",
        ),
    ],
)
async def test_rules_that_are_refused(world: EventWorld, parameters: dict[str, Any], expected: str) -> None:
    assert await refused(world, "put_rule", Name="r", **parameters) == expected


SQS = "arn:aws:sqs:us-east-1:000000000000:audit"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        pytest.param(
            {"Arn": SQS, "Input": "{}", "InputPath": "$"},
            "Only one of Input, InputPath, or InputTransformer must be provided for target t.",
            id="two inputs",
        ),
        pytest.param(
            {"Arn": SQS, "Input": "{"}, "JSON syntax error in input for target t.", id="input is no JSON"
        ),
        pytest.param(
            {"Arn": SQS, "InputTransformer": {"InputTemplate": '"<missing>"'}},
            "InputTemplate for target t contains invalid placeholder missing.",
            id="a placeholder without a path",
        ),
        pytest.param(
            {"Arn": SQS, "InputPath": "detail"}, "Invalid JSONPath detail for target t.", id="a bad path"
        ),
        pytest.param(
            {"Arn": "arn:aws:states:us-east-1:000000000000:stateMachine:m"},
            "Targets of states are not simulated by Headrace: "
            "arn:aws:states:us-east-1:000000000000:stateMachine:m",
            id="a service that is not simulated",
        ),
    ],
)
async def test_targets_that_are_refused(world: EventWorld, target: dict[str, Any], expected: str) -> None:
    await rule(world, {"Id": "q", "Arn": SQS})
    found = await refused(world, "put_targets", Rule="orders", Targets=[{"Id": "t", **target}])
    assert found == f"ValidationException: {expected}"


async def test_targets_that_are_not_valid_are_listed_beside_those_that_are(world: EventWorld) -> None:
    await rule(world, {"Id": "q", "Arn": SQS})
    targets = [
        {"Id": "a", "Arn": "queue"},
        {"Id": "b", "Arn": world.arn("sqs", "late.fifo")},
        {"Id": "c", "Arn": SQS},
    ]
    answer = await world.call("events", "put_targets", Rule="orders", Targets=targets)
    assert answer["FailedEntryCount"] == 2
    assert [(each["TargetId"], each["ErrorMessage"]) for each in answer["FailedEntries"]] == [
        ("a", "Parameter a is not valid. Reason: Provided Arn is not in correct format."),
        ("b", "Parameter(s) SqsParameters must be specified for target: b."),
    ]
    listed = await world.call("events", "list_targets_by_rule", Rule="orders")
    assert [target["Id"] for target in listed["Targets"]] == ["c", "q"]
    more = [{"Id": f"n{number}", "Arn": SQS} for number in range(4)]
    assert (await refused(world, "put_targets", Rule="orders", Targets=more)).startswith("LimitExceeded")
    removed = await world.call("events", "remove_targets", Rule="orders", Ids=["c", "z"])
    assert [each["TargetId"] for each in removed["FailedEntries"]] == ["z"]
    assert await refused(world, "delete_rule", Name="orders") == (
        "ValidationException: Rule can't be deleted since it has targets."
    )


async def test_operations_on_a_rule_that_does_not_exist(world: EventWorld) -> None:
    gone = "ResourceNotFoundException: Rule none does not exist on EventBus default."
    assert await refused(world, "describe_rule", Name="none") == gone
    assert await refused(world, "enable_rule", Name="none") == gone
    assert await refused(world, "put_targets", Rule="none", Targets=[{"Id": "t", "Arn": SQS}]) == gone
    assert await refused(world, "remove_targets", Rule="none", Ids=["t"]) == gone
    assert await refused(world, "list_targets_by_rule", Rule="none") == gone
    assert await world.call("events", "delete_rule", Name="none") == {}


async def test_what_a_pattern_matches_can_be_tried(world: EventWorld) -> None:
    event = dict.fromkeys(("id", "account", "source", "time", "region", "detail-type"), "x")
    for source, expected in (("x", True), ("y", False)):
        pattern = json.dumps({"source": [source]})
        answer = await world.call(
            "events", "test_event_pattern", EventPattern=pattern, Event=json.dumps(event)
        )
        assert answer == {"Result": expected}
    assert await refused(world, "test_event_pattern", EventPattern=PATTERN, Event="[]") == (
        "ValidationException: Parameter Event is not valid."
    )


async def test_a_target_that_is_gone_leaves_the_event_to_the_dead_letter_queue(world: EventWorld) -> None:
    gone = world.arn("sqs", "gone")
    await rule(world, {"Id": "q", "Arn": gone, "DeadLetterConfig": {"Arn": world.arn("sqs", "dead")}})
    await world.put({"n": 1})
    (letter,) = await world.channels.queues["dead"].peek(2)
    assert json.loads(letter.body)["detail"] == {"n": 1}
    assert {name: attribute.value for name, attribute in letter.attributes.items()} == {
        "RULE_ARN": world.arn("events", "rule/orders"),
        "TARGET_ARN": gone,
        "ERROR_CODE": "NO_RESOURCE",
        "ERROR_MESSAGE": f"{gone} does not exist",
        "RETRY_ATTEMPTS": "0",
    }


async def test_a_rule_with_a_schedule_calls_the_targets_it_has_at_that_time(world: EventWorld) -> None:
    await world.call("events", "put_rule", Name="tick", ScheduleExpression="rate(5 minutes)")
    await world.call("events", "put_targets", Rule="tick", Targets=[{"Id": "q", "Arn": SQS}])
    await asyncio.sleep(601)
    function = {"Id": "q", "Arn": world.arn("lambda", "function:pack"), "Input": '{"go":1}'}
    await world.call("events", "put_targets", Rule="tick", Targets=[function])
    await asyncio.sleep(300)
    await world.call("events", "disable_rule", Name="tick")
    await asyncio.sleep(600)
    events = await world.bodies("audit")
    assert [event["time"] for event in events] == ["2026-01-01T00:05:00Z", "2026-01-01T00:10:00Z"]
    assert events[0]["resources"] == [world.arn("events", "rule/tick")]
    assert world.payloads() == [{"go": 1}]
    await world.call("events", "remove_targets", Rule="tick", Ids=["q"])
    await world.call("events", "delete_rule", Name="tick")


async def test_a_replay_can_be_cancelled(world: EventWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("triggers.eventbridge.archives.AT_ONCE", 1)  # so that it takes its time
    bus, now = world.arn("events", "event-bus/default"), world.clock.now()
    made = await world.call("events", "create_archive", ArchiveName="kept", EventSourceArn=bus)
    entry = {"Source": "app", "DetailType": "it", "Detail": "{}"}
    for _ in range(40):
        await world.call("events", "put_events", Entries=[entry] * 10)
    await rule(world, {"Id": "q", "Arn": SQS})
    await world.call(
        "events",
        "start_replay",
        ReplayName="again",
        EventSourceArn=made["ArchiveArn"],
        EventStartTime=now.timestamp() - 60,
        EventEndTime=now.timestamp() + 60,
        Destination={"Arn": bus},
    )
    cancelled = await world.call("events", "cancel_replay", ReplayName="again")
    assert (cancelled["ReplayArn"], cancelled["State"]) == (
        world.arn("events", "replay/again"),
        "CANCELLING",
    )
    await asyncio.sleep(1)
    ended = await world.call("events", "describe_replay", ReplayName="again")
    assert ended["State"] == "CANCELLED"
    assert len(await world.bodies("audit")) < 400


async def test_an_archive_keeps_what_matches_and_a_replay_puts_it_again(world: EventWorld) -> None:
    await rule(world, {"Id": "q", "Arn": SQS})
    bus = world.arn("events", "event-bus/default")
    pattern = json.dumps({"detail": {"n": [{"numeric": ["<", 3]}]}})
    made = await world.call(
        "events", "create_archive", ArchiveName="kept", EventSourceArn=bus, EventPattern=pattern
    )
    assert (made["ArchiveArn"], made["State"]) == (world.arn("events", "archive/kept"), "ENABLED")
    for number in (1, 2, 3):
        await world.put({"n": number})
    described = await world.call("events", "describe_archive", ArchiveName="kept")
    assert (described["EventCount"], described["RetentionDays"]) == (2, 0)
    assert described["SizeBytes"] > 300
    now = world.clock.now()
    replay = {
        "ReplayName": "again",
        "EventSourceArn": made["ArchiveArn"],
        "EventStartTime": now.timestamp() - 60,
        "EventEndTime": now.timestamp() + 60,
        "Destination": {"Arn": bus},
    }
    started = await world.call("events", "start_replay", **replay)
    assert (started["ReplayArn"], started["State"]) == (world.arn("events", "replay/again"), "STARTING")
    await asyncio.sleep(1)
    ended = await world.call("events", "describe_replay", ReplayName="again")
    assert (ended["State"], ended["Destination"]) == ("COMPLETED", {"Arn": bus})
    events = (await world.bodies("audit"))[3:]
    assert [(event["detail"]["n"], event["replay-name"]) for event in events] == [(1, "again"), (2, "again")]
    assert list(events[0]).index("replay-name") == list(events[0]).index("resources") - 1
    listed = await world.call("events", "list_replays", NamePrefix="a", State="COMPLETED")
    assert [each["ReplayName"] for each in listed["Replays"]] == ["again"]
    assert (await world.call("events", "list_archives"))["Archives"][0]["EventCount"] == 2
    assert await refused(world, "cancel_replay", ReplayName="again") == (
        "IllegalStatusException: Replay again is not in a valid state for this operation."
    )
    assert await refused(world, "start_replay", **replay) == (
        "ResourceAlreadyExistsException: Replay again already exists."
    )
    elsewhere = {
        **replay,
        "ReplayName": "b",
        "Destination": {"Arn": world.arn("events", "event-bus/billing")},
    }
    assert await refused(world, "start_replay", **elsewhere) == (
        "ValidationException: Parameter Destination.Arn is not valid. "
        "Reason: Cross event bus replay is not permitted."
    )


async def test_archives_are_changed_and_deleted(world: EventWorld) -> None:
    bus = world.arn("events", "event-bus/billing")
    given = {"ArchiveName": "a", "EventSourceArn": bus, "RetentionDays": 1}
    await world.call("events", "create_archive", **given)
    assert await refused(world, "create_archive", **given) == (
        "ResourceAlreadyExistsException: Archive a already exists."
    )
    await world.put({}, EventBusName="billing")
    await asyncio.sleep(86_401)
    await world.call("events", "update_archive", ArchiveName="a", Description="d")
    described = await world.call("events", "describe_archive", ArchiveName="a")
    assert (described["EventCount"], described["Description"], described["RetentionDays"]) == (0, "d", 1)
    await world.call("events", "delete_archive", ArchiveName="a")
    assert await refused(world, "describe_archive", ArchiveName="a") == (
        "ResourceNotFoundException: Archive a does not exist."
    )
    nowhere = world.arn("events", "event-bus/nowhere")
    assert await refused(world, "create_archive", ArchiveName="a", EventSourceArn=nowhere) == (
        "ResourceNotFoundException: Event bus nowhere does not exist."
    )
    assert await refused(world, "describe_replay", ReplayName="r") == (
        "ResourceNotFoundException: Replay r does not exist."
    )


async def test_what_was_made_is_there_after_a_restart(
    tmp_path: Path, store: Store, clock: Clock, feed: Feed
) -> None:
    async with event_world(tmp_path, store, clock, feed) as world:
        await world.call("events", "create_event_bus", Name="orders", Description="d")
        await rule(world, {"Id": "q", "Arn": SQS}, EventBusName="orders")
        await world.call("events", "put_rule", Name="tick", ScheduleExpression="rate(10 minutes)")
        await world.call("events", "put_targets", Rule="tick", Targets=[{"Id": "q", "Arn": SQS}])
        await asyncio.sleep(300)
    async with event_world(tmp_path, store, clock, feed) as world:
        assert (await world.call("events", "describe_event_bus", Name="orders"))["Description"] == "d"
        await world.put({"n": 1}, EventBusName="orders")
        await asyncio.sleep(301)
        assert [event["detail-type"] for event in await world.bodies("audit")] == ["order", "Scheduled Event"]
