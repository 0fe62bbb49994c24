"""SQS as HTTP: what it does with messages, and all of it put together as a service of the JSON protocol.

Source: the service model sqs 2012-11-05; texts as recorded on AWS by LocalStack's test_sqs suite.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from aiohttp import web

from engine.errors import ApiError
from headrace.aws import sqs_batch
from headrace.aws.json_protocol import Input, JsonService, Operation
from headrace.aws.sqs_move_tasks import MoveTasksWire
from headrace.aws.sqs_queues import QueuesWire
from headrace.aws.sqs_shapes import (
    check_system_names,
    message_shape,
    outgoing_message,
    required_text,
    seconds_within,
    sent_shape,
)
from triggers.sqs.errors import BatchRequestTooLong, InvalidParameter, MissingParameter, QueueError
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue
from triggers.sqs.queue_registry import QueueRegistry
from triggers.sqs.validation import check, check_group, size_bytes

if TYPE_CHECKING:
    from headrace.aws.query_protocol import QueryService

TARGET = "AmazonSQS"
NAMESPACE = "com.amazonaws.sqs#"
BODY_BYTES = 12 * 1024 * 1024  # a batch of a megabyte, every character of it escaped
BATCH_BYTES = 1_048_576
RECEIVED_MOST = 10
WAIT_MOST, VISIBILITY_MOST = 20, 43_200  # seconds
MESSAGE = (
    "MessageBody DelaySeconds MessageAttributes MessageSystemAttributes MessageDeduplicationId MessageGroupId"
)


class SqsWire:
    """Answers for the queues of a registry; `url` is where clients find the endpoint.

    Messages are received within what `waiting` returns, as that may take a while.
    """

    def __init__(
        self,
        registry: QueueRegistry,
        account_id: str,
        url: str,
        waiting: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    ) -> None:
        queues = QueuesWire(registry, account_id, url)
        moving = MoveTasksWire(registry)
        self.operations: Mapping[str, Operation] = {
            **queues.operations(),
            **moving.operations(),
            "SendMessage": queues.on_queue(_send_message, MESSAGE),
            "SendMessageBatch": queues.on_queue(_send_message_batch, "Entries"),
            "ReceiveMessage": queues.on_queue(
                partial(_receive_message, waiting),
                "AttributeNames MessageSystemAttributeNames MessageAttributeNames MaxNumberOfMessages"
                " VisibilityTimeout WaitTimeSeconds",
            ),
            "DeleteMessage": queues.on_queue(_delete_message, "ReceiptHandle"),
            "DeleteMessageBatch": queues.on_queue(_delete_message_batch, "Entries"),
            "ChangeMessageVisibility": queues.on_queue(
                _change_message_visibility, "ReceiptHandle VisibilityTimeout"
            ),
            "ChangeMessageVisibilityBatch": queues.on_queue(_change_message_visibility_batch, "Entries"),
            "PurgeQueue": queues.on_queue(_purge_queue, ""),
        }

    def service(self) -> JsonService:
        """Return what answers on the endpoint to clients of the JSON protocol."""
        return JsonService(
            TARGET, "1.0", self.operations, BODY_BYTES, namespace=NAMESPACE, error_headers=query_error
        )

    def query_handler(self) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
        """Return what answers on the endpoint to clients of the Query protocol."""

        @cache
        def service() -> "QueryService":
            from headrace.aws.sqs_query import query_service

            return query_service(self.operations)

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await service().handle(request)

        return handle


def query_error(error: ApiError) -> dict[str, str]:
    """Return the header by which clients of the query protocol's time know an error."""
    return {"x-amzn-query-error": f"{error.query_code};Sender"} if isinstance(error, QueueError) else {}


async def _send_message(queue: Queue, given: Input) -> Mapping[str, Any]:
    message = outgoing_message(given)
    (sent,) = await queue.send([message])
    return sent_shape(message, sent)


async def _send_message_batch(queue: Queue, given: Input) -> Mapping[str, Any]:
    found = sqs_batch.entries(given, "SendMessageBatchRequestEntry")
    _check_that_groups_are_given(queue, found.values())
    messages: dict[str, OutgoingMessage] = {}
    failed: list[dict[str, Any]] = []
    for identity, entry in found.items():
        entry.refuse_others(frozenset(f"Id {MESSAGE}".split()))
        try:
            message = outgoing_message(entry)
            check(queue.attributes, message)
        except QueueError as error:
            failed.append(sqs_batch.failure_shape(identity, error))
        else:
            messages[identity] = message
    size = sum(map(size_bytes, messages.values()))
    if size > BATCH_BYTES:
        raise BatchRequestTooLong(BATCH_BYTES, size)
    sent = await queue.send(list(messages.values())) if messages else []
    successful = [
        {"Id": identity, **sent_shape(message, each)}
        for (identity, message), each in zip(messages.items(), sent, strict=True)
    ]
    return sqs_batch.answer(successful, failed)


async def _receive_message(
    waiting: Callable[[], AbstractAsyncContextManager[object]], queue: Queue, given: Input
) -> Mapping[str, Any]:
    limit = given.integer("MaxNumberOfMessages")
    if limit is not None and not 1 <= limit <= RECEIVED_MOST:
        raise InvalidParameter.because(
            limit, "MaxNumberOfMessages", f"Must be between 1 and {RECEIVED_MOST}, if provided."
        )
    system_names = [*given.texts("AttributeNames"), *given.texts("MessageSystemAttributeNames")]
    check_system_names(system_names)
    names = given.texts("MessageAttributeNames")
    async with waiting():
        messages = await queue.receive_messages(
            limit or 1,
            visibility_timeout=seconds_within(given, "VisibilityTimeout", VISIBILITY_MOST),
            wait=seconds_within(given, "WaitTimeSeconds", WAIT_MOST),
        )
    if not messages:
        return {}
    return {"Messages": [message_shape(message, names, system_names) for message in messages]}


async def _delete_message(queue: Queue, given: Input) -> Mapping[str, Any]:
    await queue.delete_message(required_text(given, "ReceiptHandle"))
    return {}


async def _delete_message_batch(queue: Queue, given: Input) -> Mapping[str, Any]:
    async def delete(entry: Input) -> None:
        await queue.delete_message(required_text(entry, "ReceiptHandle"))

    return await sqs_batch.settle_each(sqs_batch.entries(given, "DeleteMessageBatchRequestEntry"), delete)


async def _change_message_visibility(queue: Queue, given: Input) -> Mapping[str, Any]:
    handle = required_text(given, "ReceiptHandle")
    timeout = seconds_within(given, "VisibilityTimeout", VISIBILITY_MOST)
    if timeout is None:
        raise MissingParameter("VisibilityTimeout")
    await queue.change_message_visibility(handle, timeout)
    return {}


async def _change_message_visibility_batch(queue: Queue, given: Input) -> Mapping[str, Any]:
    async def change(entry: Input) -> None:
        await _change_message_visibility(queue, entry)

    found = sqs_batch.entries(given, "ChangeMessageVisibilityBatchRequestEntry")
    return await sqs_batch.settle_each(found, change)


async def _purge_queue(queue: Queue, _: Input) -> Mapping[str, Any]:
    await queue.purge()
    return {}


def _check_that_groups_are_given(queue: Queue, entries: Iterable[Input]) -> None:
    """Raise what a FIFO queue refuses a whole batch for [recorded: test_send_batch_missing_...]."""
    if not queue.is_fifo:
        return
    for entry in entries:
        try:
            check_group(queue.attributes, entry.text("MessageGroupId"), entry.text("MessageDeduplicationId"))
        except MissingParameter as error:
            raise InvalidParameter(str(error)) from None
