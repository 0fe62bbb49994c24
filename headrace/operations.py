"""What commands do to queues, topics and streams: inside the running simulator, or alone on the state folder.

An operation and its arguments are JSON values, so that both ways are one: `/_headrace/operations/NAME` takes
the arguments as its body and answers with the result.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from engine.clock import iso_millis, running_clock
from engine.errors import ApiError, HeadraceError
from engine.invocation.event import new_request_id
from headrace.config import Configuration
from headrace.control import RunningSimulator, request
from headrace.reach import reach

if TYPE_CHECKING:
    from headrace.channels import Channels
    from headrace.topics import TopicsOfSimulator

T = TypeVar("T")
Arguments = Mapping[str, Any]
Operate = Callable[[str, Arguments], Awaitable[dict[str, Any]]]

OPERATIONS_PATH = "/_headrace/operations/"
PUBLISH = "publish"
RECORDS_AT_ONCE = 500  # of one put
PORTION_BYTES = 4 * 1024 * 1024  # of one request to a running simulator
PORTION_ITEMS = 5000  # what the store takes in well under a second
TIMEOUT_SECONDS = 60.0  # to purge a queue of a million messages, on a slow disk
OK, REFUSED = 200, 409


class OperationRefused(HeadraceError):
    """The queue or the stream would not do it; the text is its own.

    `index` says which message or record it was, of several that were given; none of them was taken then.
    """

    def __init__(self, text: str, index: int | None = None) -> None:
        super().__init__(text)
        self.index = index


async def send(channels: "Channels", arguments: Arguments) -> dict[str, Any]:
    """Send `messages` to `queue`: {body, attributes?, group_id?, deduplication_id?, delay?}. Return the ids.

    Attributes are in the form of the SQS API, the delay in seconds. Raises OperationRefused.
    """
    from triggers.sqs.message import OutgoingMessage, attributes_from_json
    from triggers.sqs.validation import check

    messages = [
        OutgoingMessage(
            message["body"],
            attributes_from_json(message.get("attributes", {})),
            delay=None if message.get("delay") is None else timedelta(seconds=message["delay"]),
            group_id=message.get("group_id"),
            deduplication_id=message.get("deduplication_id"),
        )
        for message in arguments["messages"]
    ]
    queue = channels.queues[arguments["queue"]]
    _check_each(messages, partial(check, queue.attributes))
    sent = await queue.send(messages)
    return {"message_ids": [each.message_id for each in sent]}


async def put_records(channels: "Channels", arguments: Arguments) -> dict[str, Any]:
    """Put `records` into `stream`: {data: base64, partition_key?, explicit_hash_key?}. Say where each went.

    A record without a partition key gets one of its own. Raises OperationRefused.
    """
    from triggers.kinesis.limits import RecordEntry, check_record

    entries = [
        RecordEntry(
            base64.b64decode(record["data"]),
            record["partition_key"] if "partition_key" in record else new_request_id(),
            record.get("explicit_hash_key"),
        )
        for record in arguments["records"]
    ]
    stream = channels.streams[arguments["stream"]]
    _check_each(entries, lambda entry: check_record(entry, stream.max_record_bytes))
    put = [
        result
        for begin in range(0, len(entries), RECORDS_AT_ONCE)
        for result in await stream.put_records(entries[begin : begin + RECORDS_AT_ONCE])
    ]
    return {"records": [{"shard_id": each.shard_id, "sequence_number": each.sequence_number} for each in put]}


async def publish(topics: "TopicsOfSimulator", arguments: Arguments) -> dict[str, Any]:
    """Publish `messages` to `topic`: {body, subject?, structure?, attributes?, group_id?, deduplication_id?}.

    Return the ids. Attributes are in the form of the SNS API. Raises OperationRefused.
    """
    from triggers.sns.message import bodies_by_protocol, message_from_json
    from triggers.sns.validation import check

    opened = await topics.open()
    topic = opened.find(arguments["topic"])
    if topic is None:
        there = ", ".join(each.name for each in opened.all) or "none yet"
        raise OperationRefused(f"there is no topic {arguments['topic']!r} (there are: {there})")
    messages = []
    for index, given in enumerate(arguments["messages"]):
        try:
            bodies = bodies_by_protocol(given["body"]) if given.get("structure") == "json" else {}
            message = message_from_json(given, bodies)
            check(topic, message)
        except ApiError as error:
            raise OperationRefused(str(error), index) from error
        messages.append(message)
    published = await opened.publish(topic, messages)
    return {"message_ids": [each.message_id for each in published]}


def _check_each(items: Sequence[T], check: Callable[[T], None]) -> None:
    """Raise OperationRefused for the first item that is not taken, so that nothing is taken in halves."""
    for index, item in enumerate(items):
        try:
            check(item)
        except ApiError as error:
            raise OperationRefused(str(error), index) from error


async def count_messages(channels: "Channels", arguments: Arguments) -> dict[str, Any]:  # noqa: ARG001
    """Return for each queue how many messages are visible, in flight and delayed."""
    return {"queues": {name: (await queue.counts())._asdict() for name, queue in channels.queues.items()}}


async def peek(channels: "Channels", arguments: Arguments) -> dict[str, Any]:
    """Return up to `limit` messages of `queue`, those that come next at the front; times are ISO 8601."""
    from triggers.sqs.message import attributes_to_json

    now = running_clock().now()
    messages = await channels.queues[arguments["queue"]].peek(arguments["limit"])
    return {
        "messages": [
            {
                "message_id": message.message_id,
                "sent": iso_millis(message.sent_at),
                "receive_count": message.receive_count,
                "group_id": message.group_id,
                "hidden_until": iso_millis(message.visible_at)
                if message.visible_at is not None and message.visible_at > now
                else None,
                "attributes": attributes_to_json(message.attributes),
                "body": message.body,
            }
            for message in messages
        ]
    }


async def purge(channels: "Channels", arguments: Arguments) -> dict[str, Any]:
    """Delete all messages of `queue`; return how many there were."""
    queue = channels.queues[arguments["queue"]]
    count = await queue.count()
    await queue.purge()
    return {"messages": count}


async def redrive(channels: "Channels", arguments: Arguments) -> dict[str, Any]:
    """Move the visible messages of `queue` to `target`, or without one each to where it came from."""
    name, target = arguments["queue"], arguments.get("target")
    moved = await channels.queues[name].move_back(None if target is None else channels.queues[target])
    if not moved and target is None and name not in _dead_letter_queues(channels):
        raise OperationRefused(f"{name} is no queue's dead-letter queue: say where its messages go with --to")
    return {"messages": moved}


def _dead_letter_queues(channels: "Channels") -> list[str]:
    policies = [queue.attributes.redrive_policy for queue in channels.queues.values()]
    return [policy.dead_letter_queue for policy in policies if policy is not None]


OPERATIONS: Mapping[str, Callable[["Channels", Arguments], Awaitable[dict[str, Any]]]] = {
    "send": send,
    "put_records": put_records,
    "count_messages": count_messages,
    "peek": peek,
    "purge": purge,
    "redrive": redrive,
}


async def perform(channels: "Channels", name: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Do what another process asks for; return the HTTP status and what to answer."""
    operation = OPERATIONS.get(name)
    if operation is None:
        return 404, {"message": f"there is no operation {name}"}
    return await _answer(partial(operation, channels), body)


async def perform_publish(topics: "TopicsOfSimulator", body: bytes) -> tuple[int, dict[str, Any]]:
    """Do so with what is to be published."""
    return await _answer(partial(publish, topics), body)


async def _answer(
    operation: Callable[[Arguments], Awaitable[dict[str, Any]]], body: bytes
) -> tuple[int, dict[str, Any]]:
    try:
        return OK, await operation(orjson.loads(body))
    except OperationRefused as error:
        return REFUSED, {"message": str(error), "index": error.index}
    except HeadraceError as error:
        return REFUSED, {"message": str(error)}
    except KeyError as error:  # another configuration than the one this simulator was started with
        return REFUSED, {"message": f"the running simulator has no {error}: restart it to take the change"}


@asynccontextmanager
async def open_operations(configuration: Configuration) -> AsyncIterator[Operate]:
    """Yield a coroutine that performs operations by name. It raises HeadraceError for what is refused."""
    async with AsyncExitStack() as stack:

        async def through(running: RunningSimulator) -> Operate:
            return partial(_ask, running.url)

        async def alone() -> Operate:
            from headrace.topics import resources_alone

            channels, topics = await stack.enter_async_context(resources_alone(configuration))
            return partial(_perform_here, channels, topics)

        yield await reach(configuration.state, through, alone)


async def _perform_here(
    channels: "Channels", topics: "TopicsOfSimulator", name: str, arguments: Arguments
) -> dict[str, Any]:
    if name == PUBLISH:
        return await publish(topics, arguments)
    return await OPERATIONS[name](channels, arguments)


async def _ask(url: str, name: str, arguments: Arguments) -> dict[str, Any]:
    await asyncio.sleep(0)  # where Ctrl-C ends the command, between two requests
    body = orjson.dumps(arguments)
    try:
        answer = request(url, "POST", OPERATIONS_PATH + name, body, timeout=TIMEOUT_SECONDS)
    except OSError as error:
        raise OperationRefused(f"the running simulator did not answer: {error}") from error
    if answer.status not in (OK, REFUSED):
        said = answer.body.decode(errors="replace").strip()
        raise OperationRefused(f"the running simulator answered with status {answer.status}: {said}")
    result: dict[str, Any] = orjson.loads(answer.body)
    if answer.status != OK:
        raise OperationRefused(str(result.get("message")), result.get("index"))
    return result


def in_portions(
    items: Iterable[dict[str, Any]], most_bytes: int = PORTION_BYTES, most_items: int = PORTION_ITEMS
) -> Iterator[list[dict[str, Any]]]:
    """Divide what is sent into requests that the endpoint takes, in order, each not empty."""
    portion: list[dict[str, Any]] = []
    room = most_bytes
    for item in items:
        size = len(orjson.dumps(item))
        if portion and (size > room or len(portion) == most_items):
            yield portion
            portion, room = [], most_bytes
        portion.append(item)
        room -= size
    if portion:
        yield portion
