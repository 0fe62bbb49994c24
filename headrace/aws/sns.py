"""SNS as HTTP: topics, subscriptions of functions and queues, and publishing.

Source: the service model sns 2010-03-31; texts as recorded on AWS by LocalStack's test_sns suite.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from aiohttp import web

from engine.functions.tracing import root_of
from headrace.aws.json_protocol import Input, Operation, taking
from headrace.aws.query_protocol import QueryService
from headrace.aws.sns_shapes import (
    MESSAGE,
    error_code,
    outgoing_message,
    page,
    published_shape,
    subscription_shape,
    tags_of,
)
from triggers.sns import access_policy, subscription, topic
from triggers.sns.errors import InvalidParameter, NotFound, ResourceNotFound, TopicError
from triggers.sns.message import OutgoingMessage
from triggers.sns.topic import Topic
from triggers.sns.topics import Topics
from triggers.sns.validation import check_entry_ids

NAME, VERSION = "sns", "2010-03-31"
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"
BODY_BYTES = 8 * 1024 * 1024  # a megabyte, every byte of it written as %XX, and its attributes

LineageOf = Callable[[str], tuple[str, ...] | None]
TRACE: ContextVar[str | None] = ContextVar("trace header of the request", default=None)


class SnsWire:
    """Answers for the topics, which are opened at the first request.

    `lineage_of` returns the functions that a running invocation, known by the root of its trace id, stems
    from, itself included.
    """

    def __init__(self, open_topics: Callable[[], Awaitable[Topics]], lineage_of: LineageOf) -> None:
        self._open_topics = open_topics
        self._lineage_of = lineage_of
        self._service = QueryService(
            NAME, VERSION, NAMESPACE, self._operations(), BODY_BYTES, error_code=error_code
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; unexpected errors pass through."""
        TRACE.set(request.headers.get("X-Amzn-Trace-Id"))
        return await self._service.handle(request)

    def _operations(self) -> dict[str, Operation]:
        return {
            "CreateTopic": taking(self._create_topic, "Name Attributes Tags"),
            "DeleteTopic": taking(self._delete_topic, "TopicArn"),
            "ListTopics": taking(self._list_topics, "NextToken"),
            "GetTopicAttributes": taking(self._get_topic_attributes, "TopicArn"),
            "SetTopicAttributes": taking(self._set_topic_attributes, "TopicArn AttributeName AttributeValue"),
            "AddPermission": taking(self._add_permission, "TopicArn Label AWSAccountId ActionName"),
            "RemovePermission": taking(self._remove_permission, "TopicArn Label"),
            "TagResource": taking(self._tag_resource, "ResourceArn Tags"),
            "UntagResource": taking(self._untag_resource, "ResourceArn TagKeys"),
            "ListTagsForResource": taking(self._list_tags, "ResourceArn"),
            "Subscribe": taking(
                self._subscribe, "TopicArn Protocol Endpoint Attributes ReturnSubscriptionArn"
            ),
            "ConfirmSubscription": taking(_confirm, "TopicArn Token AuthenticateOnUnsubscribe"),
            "Unsubscribe": taking(self._unsubscribe, "SubscriptionArn"),
            "ListSubscriptions": taking(self._list_subscriptions, "NextToken"),
            "ListSubscriptionsByTopic": taking(self._list_by_topic, "TopicArn NextToken"),
            "GetSubscriptionAttributes": taking(self._get_subscription_attributes, "SubscriptionArn"),
            "SetSubscriptionAttributes": taking(
                self._set_subscription_attributes, "SubscriptionArn AttributeName AttributeValue"
            ),
            "Publish": taking(self._publish, f"TopicArn TargetArn {MESSAGE}"),
            "PublishBatch": taking(self._publish_batch, "TopicArn PublishBatchRequestEntries"),
        }

    async def _create_topic(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        attributes, tags = given.map_of_texts("Attributes"), tags_of(given)
        return {"TopicArn": (await topics.create(given.required_text("Name"), attributes, tags)).arn}

    async def _delete_topic(self, given: Input) -> Mapping[str, Any]:
        await (await self._open_topics()).delete(given.required_text("TopicArn"))
        return {}

    async def _list_topics(self, given: Input) -> Mapping[str, Any]:
        return page(given, "Topics", [{"TopicArn": each.arn} for each in (await self._open_topics()).all])

    async def _get_topic_attributes(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        found = topics.named(given.required_text("TopicArn"))
        count = len(topics.subscriptions(found))
        return {"Attributes": topic.shown_attributes(found, topics.account, count)}

    async def _set_topic_attributes(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        name, value = given.required_text("AttributeName"), given.text("AttributeValue") or ""
        await topics.set_attribute(given.required_text("TopicArn"), name, value)
        return {}

    async def _add_permission(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        found = topics.named(given.required_text("TopicArn"))
        policy = access_policy.with_statement(
            _policy(topics, found),
            given.required_text("Label"),
            given.texts("AWSAccountId"),
            given.texts("ActionName"),
            found.arn,
        )
        await topics.set_attribute(found.arn, "Policy", policy)
        return {}

    async def _remove_permission(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        found = topics.named(given.required_text("TopicArn"))
        policy = access_policy.without_statement(_policy(topics, found), given.required_text("Label"))
        await topics.set_attribute(found.arn, "Policy", policy)
        return {}

    async def _tag_resource(self, given: Input) -> Mapping[str, Any]:
        topics, found = await self._tagged(given)
        await topics.set_tags(found, {**found.tags, **tags_of(given)})
        return {}

    async def _untag_resource(self, given: Input) -> Mapping[str, Any]:
        topics, found = await self._tagged(given)
        gone = given.texts("TagKeys")
        await topics.set_tags(found, {key: text for key, text in found.tags.items() if key not in gone})
        return {}

    async def _list_tags(self, given: Input) -> Mapping[str, Any]:
        _, found = await self._tagged(given)
        return {"Tags": [{"Key": key, "Value": value} for key, value in found.tags.items()]}

    async def _tagged(self, given: Input) -> tuple[Topics, Topic]:
        topics = await self._open_topics()
        try:
            return topics, topics.named(given.required_text("ResourceArn"))
        except TopicError:
            raise ResourceNotFound from None

    async def _subscribe(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        protocol, endpoint = given.required_text("Protocol"), given.text("Endpoint") or ""
        made = await topics.subscribe(
            given.required_text("TopicArn"), protocol, endpoint, given.map_of_texts("Attributes")
        )
        return {"SubscriptionArn": made.arn}

    async def _unsubscribe(self, given: Input) -> Mapping[str, Any]:
        await (await self._open_topics()).unsubscribe(given.required_text("SubscriptionArn"))
        return {}

    async def _list_subscriptions(self, given: Input) -> Mapping[str, Any]:
        return _subscriptions(given, await self._open_topics(), None)

    async def _list_by_topic(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        return _subscriptions(given, topics, topics.named(given.required_text("TopicArn")))

    async def _get_subscription_attributes(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        found = topics.subscription(given.required_text("SubscriptionArn"))
        if found is None:
            raise NotFound("Subscription")
        of = topics.find(found.topic)
        assert of is not None, "a subscription goes with its topic"
        return {"Attributes": subscription.shown_attributes(found, of, topics.account.account_id)}

    async def _set_subscription_attributes(self, given: Input) -> Mapping[str, Any]:
        name, value = given.required_text("AttributeName"), given.text("AttributeValue") or ""
        topics = await self._open_topics()
        await topics.set_subscription_attribute(given.required_text("SubscriptionArn"), name, value)
        return {}

    async def _publish(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        arn, target = given.text("TopicArn"), given.text("TargetArn")
        if arn is not None and target is not None:
            raise InvalidParameter("TopicArn Reason: Both TopicArn and TargetArn specified")
        if target is not None and ":endpoint/" in target:
            raise InvalidParameter("TargetArn Reason: No endpoint found for the target arn specified")
        arn = arn if arn is not None else target
        if arn is None:
            raise InvalidParameter("TopicArn or TargetArn Reason: no value for required parameter")
        found = topics.named(arn)
        (published,) = await topics.publish(found, [self._message(given)])
        return published_shape(published)

    async def _publish_batch(self, given: Input) -> Mapping[str, Any]:
        topics = await self._open_topics()
        found = topics.named(given.required_text("TopicArn"))
        entries = given.structures("PublishBatchRequestEntries") or []
        ids = [entry.required_text("Id") for entry in entries]
        check_entry_ids(ids)
        for entry in entries:
            entry.refuse_others(frozenset(f"Id {MESSAGE}".split()))
        published = await topics.publish(found, [self._message(entry) for entry in entries])
        successful = [
            {"Id": identity, **published_shape(each)} for identity, each in zip(ids, published, strict=True)
        ]
        return {"Successful": successful, "Failed": []}

    def _message(self, given: Input) -> OutgoingMessage:
        trace = TRACE.get()
        root = root_of(trace)
        lineage = (self._lineage_of(root) if root is not None else None) or ()
        return outgoing_message(given, lineage, trace)


async def _confirm(given: Input) -> Mapping[str, Any]:
    """Refuse every token: subscriptions of functions and queues are confirmed when they are made."""
    given.required_text("TopicArn")
    raise InvalidParameter("Token")


def _policy(topics: Topics, found: Topic) -> str:
    return found.attributes.get("Policy") or topic.default_policy(found, topics.account)


def _subscriptions(given: Input, topics: Topics, of: Topic | None) -> dict[str, Any]:
    account = topics.account
    shapes = [
        subscription_shape(each, account.topic(each.topic), account.account_id)
        for each in topics.subscriptions(of)
    ]
    return page(given, "Subscriptions", shapes)
