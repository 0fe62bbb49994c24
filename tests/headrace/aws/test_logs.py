"""CloudWatch Logs over the log files of functions and over what programs put there, asked with boto3."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from engine.arn import Account
from engine.clock import Clock, iso_millis, to_millis
from engine.feed import Feed
from engine.functions.logs import LogStream
from engine.store.database import Store
from headrace.aws.log_groups import LogGroups
from headrace.aws.logs import TARGET, LogsWire
from tests.fakes.asked_service import AskedService, asked_service

GROUP = "/aws/lambda/resize"
STREAMS = ("2026/01/01/[$LATEST]" + "a" * 32, "2026/01/01/[7]" + "b" * 32)
START = datetime.fromisoformat("2026-01-01T00:00:00Z")
NOW = to_millis(START)


@pytest.fixture
async def logs(clock: Clock, store: Store, tmp_path: Path) -> AsyncIterator[AskedService]:
    wire = LogsWire(LogGroups(tmp_path, store, clock), Account(), clock)
    async with asked_service("logs", {}, {TARGET: wire.handle}) as asked:
        yield asked


def write(logs: Path, stream: str, events: Sequence[tuple[int, str]], group: str = GROUP) -> Path:
    """Write a log file: milliseconds from the start, and texts."""
    path = logs / group.lstrip("/") / f"{stream}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (f"{iso_millis(START + timedelta(milliseconds=after))} {text}\n" for after, text in events)
    path.write_text("".join(lines))
    return path


def messages(answer: dict[str, Any]) -> list[str]:
    return [event["message"].rstrip("\n") for event in answer["events"]]


async def test_what_an_environment_writes_is_read(logs: AskedService, clock: Clock, tmp_path: Path) -> None:
    stream = LogStream("resize", tmp_path, clock, Feed())
    stream.write([b"START RequestId: 1 Version: $LATEST", "h\u00e9llo\rworld".encode()])
    stream.write([b"[ERROR] ValueError: no\rTraceback (most recent call last):\r  File"])
    found = await logs.call(
        "get_log_events", logGroupName=GROUP, logStreamName=stream.name, startFromHead=True
    )
    assert [event["message"] for event in found["events"]] == [
        "START RequestId: 1 Version: $LATEST\n",
        "h\u00e9llo\rworld\n",
        "[ERROR] ValueError: no\nTraceback (most recent call last):\n  File\n",
    ]
    assert {event["timestamp"] for event in found["events"]} == {NOW}
    await logs.call("delete_log_group", logGroupName=GROUP)
    stream.write([b"after"])
    found = await logs.call("filter_log_events", logGroupName=GROUP)
    assert messages(found) == ["after"]
    stream.close()


async def test_groups_are_those_of_functions_and_those_that_were_made(
    logs: AskedService, tmp_path: Path
) -> None:
    write(tmp_path, STREAMS[0], [(5, "x")])
    write(tmp_path, STREAMS[0], [], "/aws/lambda/silent")
    await logs.call("create_log_group", logGroupName="/app/one", tags={"a": "b"}, kmsKeyId="arn:key")
    await logs.call("put_retention_policy", logGroupName="/app/one", retentionInDays=7)
    found = (await logs.call("describe_log_groups"))["logGroups"]
    assert [group["logGroupName"] for group in found] == ["/app/one", GROUP, "/aws/lambda/silent"]
    assert found[0]["retentionInDays"] == 7
    assert found[0]["kmsKeyId"] == "arn:key"
    assert found[1] == {
        "logGroupName": GROUP,
        "creationTime": NOW + 5,
        "metricFilterCount": 0,
        "arn": f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*",
        "logGroupArn": f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}",
        "logGroupClass": "STANDARD",
        "storedBytes": 27,
    }
    below = await logs.call("describe_log_groups", logGroupNamePrefix="/aws/", limit=1)
    assert [group["logGroupName"] for group in below["logGroups"]] == [GROUP]
    rest = await logs.call("describe_log_groups", logGroupNamePrefix="/aws/", nextToken=below["nextToken"])
    assert [group["logGroupName"] for group in rest["logGroups"]] == ["/aws/lambda/silent"]
    some = await logs.call("describe_log_groups", logGroupNamePattern="RESI")
    assert [group["logGroupName"] for group in some["logGroups"]] == [GROUP]


async def test_tags_of_a_group(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(5, "x")])
    arn = f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}"
    await logs.call("tag_resource", resourceArn=arn, tags={"a": "1", "b": "2"})
    await logs.call("untag_resource", resourceArn=arn, tagKeys=["a"])
    assert (await logs.call("list_tags_for_resource", resourceArn=arn))["tags"] == {"b": "2"}
    assert (await logs.call("list_tags_log_group", logGroupName=GROUP))["tags"] == {"b": "2"}
    await logs.call("untag_log_group", logGroupName=GROUP, tags=["b"])
    assert (await logs.call("list_tags_log_group", logGroupName=GROUP))["tags"] == {}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({}, [0, 1], id="by name"),
        pytest.param({"descending": True}, [1, 0], id="by name, the last first"),
        pytest.param({"orderBy": "LastEventTime"}, [0, 1], id="by the last event"),
        pytest.param({"orderBy": "LastEventTime", "descending": True}, [1, 0], id="the latest first"),
        pytest.param({"logStreamNamePrefix": "2026/01/01/[7]"}, [1], id="by prefix"),
    ],
)
async def test_streams_are_listed_in_order(
    logs: AskedService, tmp_path: Path, options: dict[str, Any], expected: list[int]
) -> None:
    write(tmp_path, STREAMS[0], [(0, "x"), (10, "y")])
    write(tmp_path, STREAMS[1], [(1, "x"), (20, "y")])
    names = [STREAMS[number] for number in expected]
    found = await logs.call("describe_log_streams", logGroupName=GROUP, **options)
    assert [stream["logStreamName"] for stream in found["logStreams"]] == names
    pages = []
    token: dict[str, str] = {}
    while True:
        page = await logs.call("describe_log_streams", logGroupName=GROUP, limit=1, **options, **token)
        pages += [stream["logStreamName"] for stream in page["logStreams"]]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert pages == names


async def test_a_stream_is_described(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(0, "x"), (10, "y")])
    (found,) = (await logs.call("describe_log_streams", logGroupName=GROUP))["logStreams"]
    assert found == {
        "logStreamName": STREAMS[0],
        "creationTime": NOW,
        "firstEventTimestamp": NOW,
        "lastEventTimestamp": NOW + 10,
        "lastIngestionTime": NOW + 10,
        "arn": f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:log-stream:{STREAMS[0]}",
        "storedBytes": 0,
    }


async def make_stored(logs: AskedService, events: Sequence[tuple[int, str]]) -> None:
    await logs.call("create_log_group", logGroupName="made")
    await logs.call("create_log_stream", logGroupName="made", logStreamName="s")
    shapes = [{"timestamp": NOW + after, "message": f"{text}\n"} for after, text in events]
    await logs.call("put_log_events", logGroupName="made", logStreamName="s", logEvents=shapes)


@pytest.mark.parametrize("kind", ["file", "stored"])
async def test_events_are_paged_both_ways(logs: AskedService, tmp_path: Path, kind: str) -> None:
    events = [(number // 2, f"event {number}") for number in range(10)]  # two in each millisecond
    if kind == "file":
        write(tmp_path, STREAMS[0], events)
        where = {"logGroupName": GROUP, "logStreamName": STREAMS[0]}
    else:
        await make_stored(logs, events)
        where = {"logGroupName": "made", "logStreamName": "s"}
    texts = [text for _, text in events]

    latest = await logs.call("get_log_events", **where, limit=3)
    assert messages(latest) == texts[7:]
    before = await logs.call("get_log_events", **where, limit=3, nextToken=latest["nextBackwardToken"])
    assert messages(before) == texts[4:7]
    again = await logs.call("get_log_events", **where, nextToken=before["nextForwardToken"])
    assert messages(again) == texts[7:]
    end = await logs.call("get_log_events", **where, nextToken=again["nextForwardToken"])
    assert (messages(end), end["nextForwardToken"]) == ([], again["nextForwardToken"])

    head = await logs.call("get_log_events", **where, limit=3, startFromHead=True)
    assert messages(head) == texts[:3]
    nothing = await logs.call("get_log_events", **where, nextToken=head["nextBackwardToken"])
    assert messages(nothing) == []
    some = await logs.call("get_log_events", **where, startTime=NOW + 1, endTime=NOW + 3)
    assert messages(some) == texts[2:6]
    everything = await logs.call("filter_log_events", logGroupName=where["logGroupName"], startTime=NOW + 1)
    assert messages(everything) == texts[2:]
    newest = await logs.call(
        "filter_log_events", logGroupName=where["logGroupName"], startTime=NOW, startFromHead=False, limit=2
    )
    assert messages(newest) == texts[:-3:-1]


async def test_a_reader_that_follows_misses_nothing(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(0, "early")])
    where = {"logGroupName": GROUP, "logStreamName": STREAMS[0]}
    first = await logs.call("get_log_events", **where, startTime=NOW + 1, startFromHead=True)
    assert messages(first) == []
    write(tmp_path, STREAMS[0], [(0, "early"), (1, "late")])
    then = await logs.call("get_log_events", **where, nextToken=first["nextForwardToken"], startFromHead=True)
    assert messages(then) == ["late"]


@pytest.mark.parametrize("from_head", [True, False])
@pytest.mark.parametrize("limit", [1, 2, 3, 100])
async def test_streams_are_interleaved_and_paged(
    logs: AskedService, tmp_path: Path, limit: int, from_head: bool
) -> None:
    """As `aws logs tail` asks: pages until there is no token, each event once."""
    moments = [(0, 0, 5, 5, 9), (0, 3, 5, 5, 20)]
    for stream, of_stream in zip(STREAMS, moments, strict=True):
        write(tmp_path, stream, [(after, f"{stream[-1]}{number}") for number, after in enumerate(of_stream)])
    found: list[dict[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = await logs.call(
            "filter_log_events",
            logGroupName=GROUP,
            limit=limit,
            interleaved=True,
            startTime=NOW,
            startFromHead=from_head,
            **token,
        )
        found += page["events"]
        if "nextToken" not in page:
            break
        token = {"nextToken": page["nextToken"]}
    assert len({event["eventId"] for event in found}) == len(found) == 10
    stamps = [event["timestamp"] - NOW for event in found]
    assert stamps == sorted(chain(*moments), reverse=not from_head)


async def test_filters_and_times_and_streams_select(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(0, "ERROR a"), (1, "INFO b"), (2, "ERROR c")])
    write(tmp_path, STREAMS[1], [(1, "ERROR d"), (2, '{"level": "ERROR", "text": "e"}')])

    async def found(**options: Any) -> list[str]:
        return messages(await logs.call("filter_log_events", logGroupName=GROUP, **options))

    assert await found(filterPattern="ERROR -a") == ["ERROR d", "ERROR c", '{"level": "ERROR", "text": "e"}']
    assert await found(filterPattern="[word=ERROR, of=c, ...]") == ["ERROR c"]
    assert await found(filterPattern='{ $.level = "ERROR" }') == ['{"level": "ERROR", "text": "e"}']
    assert await found(startTime=NOW + 1, endTime=NOW + 1) == ["INFO b", "ERROR d"]
    assert await found(logStreamNames=[STREAMS[0]]) == ["ERROR a", "INFO b", "ERROR c"]
    assert await found(logStreamNamePrefix="2026/01/01/[7]") == [
        "ERROR d",
        '{"level": "ERROR", "text": "e"}',
    ]
    by_arn = await logs.call(
        "filter_log_events",
        logGroupIdentifier=f"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}",
        limit=1,
    )
    assert messages(by_arn) == ["ERROR a"]


async def test_a_page_has_no_more_than_a_megabyte(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(number, f"{number}" + "x" * 400_000) for number in range(5)])
    where = {"logGroupName": GROUP, "logStreamName": STREAMS[0]}
    first = await logs.call("get_log_events", **where, startFromHead=True)
    assert [text[0] for text in messages(first)] == ["0", "1"]
    page = await logs.call("filter_log_events", logGroupName=GROUP)
    assert len(page["events"]) == 2
    rest = await logs.call("filter_log_events", logGroupName=GROUP, nextToken=page["nextToken"])
    assert [text[0] for text in messages(rest)] == ["2", "3"]


async def test_a_long_file_is_searched_by_its_times(logs: AskedService, tmp_path: Path) -> None:
    write(
        tmp_path, STREAMS[0], [(number, f"event {number}" + "." * (number % 50)) for number in range(20_000)]
    )
    page = await logs.call("filter_log_events", logGroupName=GROUP, startTime=NOW + 15_000, limit=2)
    assert [text.rstrip(".") for text in messages(page)] == ["event 15000", "event 15001"]
    page = await logs.call("filter_log_events", logGroupName=GROUP, filterPattern='"event 19999"')
    assert len(page["events"]) == 1


async def test_lines_that_are_no_events_are_passed_over(logs: AskedService, tmp_path: Path) -> None:
    path = write(tmp_path, STREAMS[0], [(0, "a"), (1, "b")])
    path.write_bytes(b"garbage\n" + path.read_bytes() + b"\n\xff\xfe\n2026-01-01T00:00:00.002Z unfin")
    found = await logs.call("filter_log_events", logGroupName=GROUP)
    assert messages(found) == ["a", "b"]


async def test_programs_put_events_of_their_own(logs: AskedService, clock: Clock) -> None:
    await make_stored(logs, [(0, "a"), (1, "b")])
    old, new = NOW - 15 * 86_400_000, NOW + 3 * 3_600_000
    answer = await logs.call(
        "put_log_events",
        logGroupName="made",
        logStreamName="s",
        logEvents=[{"timestamp": at, "message": "c"} for at in (old, NOW + 2, new)],
    )
    assert answer["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}
    assert messages(await logs.call("filter_log_events", logGroupName="made")) == ["a", "b", "c"]
    (stream,) = (await logs.call("describe_log_streams", logGroupName="made"))["logStreams"]
    assert (stream["firstEventTimestamp"], stream["lastEventTimestamp"]) == (NOW, NOW + 2)
    (group,) = (await logs.call("describe_log_groups"))["logGroups"]
    assert group["storedBytes"] == 2 + 2 + 1 + 3 * 26
    await logs.call("delete_log_stream", logGroupName="made", logStreamName="s")
    assert (await logs.call("describe_log_streams", logGroupName="made"))["logStreams"] == []
    await logs.call("delete_log_group", logGroupName="made")
    assert (await logs.call("describe_log_groups"))["logGroups"] == []


async def test_what_is_older_than_the_retention_is_not_shown(logs: AskedService, tmp_path: Path) -> None:
    write(tmp_path, STREAMS[0], [(-2 * 86_400_000, "old"), (0, "new")])
    await logs.call("put_retention_policy", logGroupName=GROUP, retentionInDays=1)
    assert messages(await logs.call("filter_log_events", logGroupName=GROUP)) == ["new"]
    await logs.call("delete_retention_policy", logGroupName=GROUP)
    assert messages(await logs.call("filter_log_events", logGroupName=GROUP)) == ["old", "new"]


NOT_THERE = ("ResourceNotFoundException", "The specified log group does not exist.")


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        pytest.param("filter_log_events", {"logGroupName": "/nothing"}, NOT_THERE[0], id="no such group"),
        pytest.param(
            "filter_log_events", {"logGroupName": "/aws/lambda/../lambda/resize"}, NOT_THERE[0], id="a path"
        ),
        pytest.param(
            "delete_log_group", {"logGroupName": "/aws/lambda"}, NOT_THERE[0], id="above the groups"
        ),
        pytest.param(
            "get_log_events",
            {"logGroupName": GROUP, "logStreamName": "../../../../../etc/passwd"},
            "ResourceNotFoundException",
            id="a path as a stream",
        ),
        pytest.param(
            "filter_log_events",
            {"logGroupName": GROUP, "logStreamNames": ["other"]},
            "ResourceNotFoundException",
            id="no such stream",
        ),
        pytest.param(
            "filter_log_events",
            {"logGroupName": GROUP, "filterPattern": '"'},
            "InvalidParameterException",
            id="a broken pattern",
        ),
        pytest.param(
            "filter_log_events",
            {"logGroupName": GROUP, "nextToken": "x"},
            "InvalidParameterException",
            id="a token that is none",
        ),
        pytest.param(
            "get_log_events",
            {"logGroupName": GROUP, "logStreamName": STREAMS[0], "nextToken": "f/x"},
            "InvalidParameterException",
            id="a token of events that is none",
        ),
        pytest.param("filter_log_events", {}, "InvalidParameterException", id="no group at all"),
        pytest.param(
            "create_log_group", {"logGroupName": GROUP}, "ResourceAlreadyExistsException", id="a taken name"
        ),
        pytest.param(
            "create_log_stream",
            {"logGroupName": GROUP, "logStreamName": STREAMS[0]},
            "ResourceAlreadyExistsException",
            id="a taken name of a stream",
        ),
        pytest.param(
            "put_log_events",
            {
                "logGroupName": GROUP,
                "logStreamName": STREAMS[0],
                "logEvents": [{"timestamp": NOW, "message": "x"}],
            },
            "InvalidParameterException",
            id="the stream of an environment is its own",
        ),
        pytest.param(
            "put_retention_policy",
            {"logGroupName": GROUP, "retentionInDays": 2},
            "InvalidParameterException",
            id="a retention that CloudWatch does not have",
        ),
        pytest.param(
            "describe_log_streams",
            {"logGroupName": GROUP, "orderBy": "LastEventTime", "logStreamNamePrefix": "2026"},
            "InvalidParameterException",
            id="by time and by prefix",
        ),
        pytest.param(
            "start_query",
            {"logGroupName": GROUP, "startTime": 0, "endTime": 1, "queryString": "fields @message"},
            "NotImplementedException",
            id="Insights is refused by name",
        ),
        pytest.param(
            "describe_log_groups", {"limit": 51}, "ValidationException", id="a limit beyond the service's"
        ),
    ],
)
async def test_logs_refuses(
    logs: AskedService, tmp_path: Path, operation: str, parameters: dict[str, Any], code: str
) -> None:
    path = write(tmp_path, STREAMS[0], [(0, "x")])
    assert (await logs.refused(operation, **parameters))[0] == code
    assert path.exists()


async def test_events_out_of_order_are_refused(logs: AskedService) -> None:
    await make_stored(logs, [(0, "first")])
    events = [{"timestamp": NOW + 1, "message": "b"}, {"timestamp": NOW, "message": "a"}]
    where = {"logGroupName": "made", "logStreamName": "s"}
    assert await logs.refused("put_log_events", **where, logEvents=events) == (
        "InvalidParameterException",
        "Log events in a single PutLogEvents request must be in chronological order.",
    )
    far = [{"timestamp": NOW - 90_000_000, "message": "a"}, {"timestamp": NOW, "message": "b"}]
    assert (await logs.refused("put_log_events", **where, logEvents=far))[0] == "InvalidParameterException"
