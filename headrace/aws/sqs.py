"""SQS as HTTP, in the JSON protocol: everything but making and removing queues, which the configuration does.

Source: the service model sqs 2012-11-05; texts as recorded on AWS by LocalStack's test_sqs suite.
"""

import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from engine.arn import Account
from engine.errors import ApiError
from engine.invocation.event import new_request_id
from headrace.aws import sqs_batch
from headrace.aws.json_protocol import Input, JsonService, Operation, taking
from headrace.aws.sqs_shapes import (
    check_system_names,
    message_shape,
    outgoing_message,
    required_text,
    seconds_within,
    sent_shape,
)
from triggers.sqs import attribute_values
from triggers.sqs.errors import (
    BatchRequestTooLong,
    InvalidAttributeName,
    InvalidParameter,
    MissingParameter,
    QueueDoesNotExist,
    QueueError,
    SourceNotFound,
)
from triggers.sqs.message import OutgoingMessage
from triggers.sqs.queue import Queue
from triggers.sqs.validation import check, check_group, size_bytes

TARGET = "AmazonSQS"
NAMESPACE = "com.amazonaws.sqs#"
BODY_BYTES = 12 * 1024 * 1024  # a batch of a megabyte, every character of it escaped
BATCH_BYTES = 1_048_576
RECEIVED_MOST = 10
WAIT_MOST, VISIBILITY_MOST = 20, 43_200  # seconds
LISTED_MOST = 1000
COUNTED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
MESSAGE = (
    "MessageBody DelaySeconds MessageAttributes MessageSystemAttributes MessageDeduplicationId MessageGroupId"
)

QueueOperation = Callable[[Queue, Input], Awaitable[Mapping[str, Any]]]


class SqsWire:
    """Answers for the queues, which it knows by name; `url` is where clients find the endpoint."""

    def __init__(self, queues: Mapping[str, Queue], account: Account, url: str) -> None:
        self._queues = queues
        self._account = account
        self._url = url

    def service(self) -> JsonService:
        """Return what answers on the endpoint."""
        operations = {
            "GetQueueUrl": taking(self._get_queue_url, "QueueName QueueOwnerAWSAccountId"),
            "ListQueues": taking(self._list_queues, "QueueNamePrefix MaxResults NextToken"),
            "GetQueueAttributes": self._on_queue(self._get_queue_attributes, "AttributeNames"),
            "SetQueueAttributes": self._on_queue(self._set_queue_attributes, "Attributes"),
            "SendMessage": self._on_queue(_send_message, MESSAGE),
            "SendMessageBatch": self._on_queue(_send_message_batch, "Entries"),
            "ReceiveMessage": self._on_queue(
                _receive_message,
                "AttributeNames MessageSystemAttributeNames MessageAttributeNames MaxNumberOfMessages"
                " VisibilityTimeout WaitTimeSeconds",
            ),
            "DeleteMessage": self._on_queue(_delete_message, "ReceiptHandle"),
            "DeleteMessageBatch": self._on_queue(_delete_message_batch, "Entries"),
            "ChangeMessageVisibility": self._on_queue(
                _change_message_visibility, "ReceiptHandle VisibilityTimeout"
            ),
            "ChangeMessageVisibilityBatch": self._on_queue(_change_message_visibility_batch, "Entries"),
            "PurgeQueue": self._on_queue(_purge_queue, ""),
            "ListDeadLetterSourceQueues": self._on_queue(self._list_sources, "MaxResults NextToken"),
            "StartMessageMoveTask": taking(self._start_message_move_task, "SourceArn DestinationArn"),
        }
        return JsonService(
            TARGET, "1.0", operations, BODY_BYTES, namespace=NAMESPACE, error_headers=query_error
        )

    def _on_queue(self, operation: QueueOperation, members: str) -> Operation:
        async def find_and_operate(given: Input) -> Mapping[str, Any]:
            return await operation(self._queue_at(required_text(given, "QueueUrl")), given)

        return taking(find_and_operate, f"QueueUrl {members}")

    def _queue_at(self, url: str) -> Queue:
        account_id, _, name = urlsplit(url).path.strip("/").rpartition("/")
        if account_id not in ("", self._account.account_id):
            raise QueueDoesNotExist
        return self._queue(name)

    def _queue(self, name: str) -> Queue:
        if name not in self._queues:
            raise QueueDoesNotExist
        return self._queues[name]

    def _url_of(self, name: str) -> str:
        return f"{self._url}/{self._account.account_id}/{name}"

    async def _get_queue_url(self, given: Input) -> Mapping[str, Any]:
        name = required_text(given, "QueueName")
        if given.text("QueueOwnerAWSAccountId") not in (None, self._account.account_id):
            raise QueueDoesNotExist
        self._queue(name)
        return {"QueueUrl": self._url_of(name)}

    async def _list_queues(self, given: Input) -> Mapping[str, Any]:
        prefix = given.text("QueueNamePrefix") or ""
        return self._page(
            given, "QueueUrls", [name for name in sorted(self._queues) if name.startswith(prefix)]
        )

    async def _list_sources(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        name = queue.attributes.name
        sources = [
            each.attributes.name
            for each in self._queues.values()
            if each.attributes.redrive_policy is not None
            and each.attributes.redrive_policy.dead_letter_queue == name
        ]
        return self._page(given, "queueUrls", sorted(sources))

    def _page(self, given: Input, member: str, names: list[str]) -> dict[str, Any]:
        """Return a page of names as URLs. Only who says how many gets a token for the rest."""
        most, token = given.integer("MaxResults"), given.text("NextToken")
        if most is not None and not 1 <= most <= LISTED_MOST:
            raise InvalidParameter.because(most, "MaxResults", f"Must be between 1 and {LISTED_MOST}.")
        rest = [name for name in names if token is None or name > token]
        page = rest[: most or LISTED_MOST]
        shape: dict[str, Any] = {member: [self._url_of(name) for name in page]} if page else {}
        if most is not None and len(rest) > len(page):
            shape["NextToken"] = page[-1]
        return shape

    async def _get_queue_attributes(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        names = given.texts("AttributeNames")
        known = attribute_values.values(queue.attributes, self._account)
        known["CreatedTimestamp"] = str(int(queue.created_at.timestamp()))
        known["LastModifiedTimestamp"] = str(int(queue.changed_at.timestamp()))
        optional = {"RedrivePolicy", "RedriveAllowPolicy", *attribute_values.NOT_SIMULATED}
        optional |= {"FifoQueue", "ContentBasedDeduplication", *attribute_values.FIFO_TEXTS}
        for name in names:
            if name not in ("All", *known, *COUNTED) and name not in optional:
                raise InvalidAttributeName(f"Unknown Attribute {name}.")
        if {"All", *COUNTED} & set(names):
            known |= dict(zip(COUNTED, map(str, await queue.counts()), strict=True))
        wanted = {name: value for name, value in known.items() if "All" in names or name in names}
        return {"Attributes": wanted} if wanted else {}

    async def _set_queue_attributes(self, queue: Queue, given: Input) -> Mapping[str, Any]:
        changes = given.map_of_texts("Attributes")
        if not changes:
            raise MissingParameter("Attributes")
        attributes = attribute_values.changed(queue.attributes, changes, self._account)
        policy = attributes.redrive_policy
        if policy is not None and "RedrivePolicy" in changes:
            self._check_redrive(queue, policy.dead_letter_queue, changes["RedrivePolicy"])
        queue.change_attributes(attributes)
        return {}

    def _check_redrive(self, queue: Queue, target: str, text: str) -> None:
        if target not in self._queues:
            raise InvalidParameter.because(text, "RedrivePolicy", "Dead letter target does not exist.")
        if self._queues[target].is_fifo != queue.is_fifo or target == queue.attributes.name:
            raise InvalidParameter.because(
                text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source."
            )
        allow = self._queues[target].attributes.redrive_allow_policy
        if allow is not None and not allow.allows(queue.attributes.name):
            raise InvalidParameter.because(
                text, "RedrivePolicy", "Queue does not have permission to use the dead-letter queue."
            )

    async def _start_message_move_task(self, given: Input) -> Mapping[str, Any]:
        """Move the messages and answer then: a task that is running is never seen from outside."""
        source_arn, destination_arn = required_text(given, "SourceArn"), given.text("DestinationArn")
        source = self._by_arn(source_arn, "SourceArn")
        destination = None if destination_arn is None else self._by_arn(destination_arn, "DestinationArn")
        if not any(
            each.attributes.redrive_policy is not None
            and each.attributes.redrive_policy.dead_letter_target_arn == source_arn
            for each in self._queues.values()
        ):
            raise InvalidParameter("Source queue must be configured as a Dead Letter Queue.")
        await source.move_back(destination)
        task = orjson.dumps({"taskId": new_request_id(), "sourceArn": source_arn})
        return {"TaskHandle": base64.b64encode(task).decode()}

    def _by_arn(self, arn: str, parameter: str) -> Queue:
        for queue in self._queues.values():
            if queue.arn == arn:
                return queue
        raise SourceNotFound(parameter)


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


async def _receive_message(queue: Queue, given: Input) -> Mapping[str, Any]:
    limit = given.integer("MaxNumberOfMessages")
    if limit is not None and not 1 <= limit <= RECEIVED_MOST:
        raise InvalidParameter.because(
            limit, "MaxNumberOfMessages", f"Must be between 1 and {RECEIVED_MOST}, if provided."
        )
    system_names = [*given.texts("AttributeNames"), *given.texts("MessageSystemAttributeNames")]
    check_system_names(system_names)
    names = given.texts("MessageAttributeNames")
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
