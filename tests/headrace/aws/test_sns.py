"""SNS on the endpoint, with boto3 as its client."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.clock import Clock
from engine.store.database import Store
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.sns import SnsWire
from tests.fakes.endpoint import RUNNING_ROOT, Reply, name_the_handler, request
from tests.fakes.topics_bench import ACCOUNT, WORK, TopicsBench, topics_bench
from triggers.sns.topic import Topic
from triggers.sns.topics import Topics

JOBS, FAILURES = ACCOUNT.queue("jobs"), ACCOUNT.queue("failures")
NEWS, GONE = ACCOUNT.topic("news"), ACCOUNT.topic("gone")
ERROR = "1 validation error detected:"
SIGNED = "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/sns/aws4_request, SignedHeaders=host, Signature=0"


@dataclass(frozen=True, slots=True)
class There:
    """The endpoint's address and what is behind it."""

    url: str
    bench: TopicsBench
    client: Any

    async def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call an operation with boto3, in another thread."""
        method = partial(getattr(self.client, operation), **parameters)
        answer: dict[str, Any] = await asyncio.get_running_loop().run_in_executor(None, method)
        answer.pop("ResponseMetadata")
        return answer

    async def refused(self, operation: str, **parameters: Any) -> tuple[str, str, int]:
        """Call an operation that fails; return the code, the message and the status."""
        with pytest.raises(ClientError) as caught:
            await self.call(operation, **parameters)
        answer = caught.value.response
        assert answer["ResponseMetadata"]["RequestId"]
        return (
            answer["Error"]["Code"],
            answer["Error"]["Message"],
            answer["ResponseMetadata"]["HTTPStatusCode"],
        )

    async def post(self, form: str, **headers: str) -> Reply:
        """Send a form as it is."""
        sent = {"Authorization": SIGNED, "Content-Type": "application/x-www-form-urlencoded", **headers}
        call = partial(request, self.url, "POST", "/", form.encode(), sent)
        return await asyncio.get_running_loop().run_in_executor(None, call)

    async def news(self, *endpoints: str, **attributes: str) -> str:
        """Make the topic `news`, with subscriptions that have these attributes; return its ARN."""
        arn: str = (await self.call("create_topic", Name="news"))["TopicArn"]
        for endpoint in endpoints:
            protocol = "lambda" if ":lambda:" in endpoint else "sqs"
            await self.call(
                "subscribe", TopicArn=arn, Protocol=protocol, Endpoint=endpoint, Attributes=attributes
            )
        return arn


@pytest.fixture
async def there(clock: Clock, store: Store) -> AsyncIterator[There]:
    topic = Topic("declared", ACCOUNT.topic("declared"), fixed=frozenset(["DisplayName"]))
    bench = await topics_bench(clock, store, [topic], [])

    async def topics() -> Topics:
        return bench.topics

    wire = SnsWire(topics, {RUNNING_ROOT: ("origin",)}.get)
    other = partial(name_the_handler, handler="other")
    handlers = Handlers(other, other, other, signed={"sns": wire.handle})
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        client = boto3.client(
            "sns",
            endpoint_url=endpoint.url,
            region_name="us-east-1",
            aws_access_key_id="x",
            aws_secret_access_key="x",
            config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
        )
        yield There(endpoint.url, bench, client)
        client.close()


async def test_a_topic_is_made_once(there: There) -> None:
    tags = [{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": "v2"}]
    attributes = {"DisplayName": "News"}
    made = await there.call("create_topic", Name="news", Attributes=attributes, Tags=tags)
    assert made == {"TopicArn": NEWS}
    equal: list[dict[str, Any]] = [{}, {"Tags": tags[:1]}, {"Tags": []}, {"Attributes": attributes}]
    for given in equal:
        assert await there.call("create_topic", Name="news", **given) == made
    more = [*tags, {"Key": "k3", "Value": "v3"}]
    assert await there.refused("create_topic", Name="news", Tags=more) == (
        "InvalidParameter",
        "Invalid parameter: Tags Reason: Topic already exists with different tags",
        400,
    )
    other = {"DisplayName": "Other"}
    assert (await there.refused("create_topic", Name="news", Attributes=other))[1] == (
        "Invalid parameter: Attributes Reason: Topic already exists with different attributes"
    )
    assert await there.call("list_topics") == {
        "Topics": [{"TopicArn": ACCOUNT.topic("declared")}, {"TopicArn": NEWS}]
    }
    await there.call("delete_topic", TopicArn=NEWS)
    await there.call("delete_topic", TopicArn=NEWS)
    assert (await there.call("create_topic", Name="news", Tags=more)) == made


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({"Name": "a b"}, "Topic Name", id="a space"),
        pytest.param({"Name": "a.fifo"}, "Topic Name", id="FIFO by its name alone"),
        pytest.param({"Name": "x" * 257}, "Topic Name", id="a long name"),
        pytest.param(
            {"Name": "a", "Attributes": {"FifoTopic": "true"}},
            "Fifo Topic names must end with .fifo and must be made up of only uppercase and lowercase ASCII"
            " letters, numbers, underscores, and hyphens, and must be between 1 and 256 characters long.",
            id="FIFO by its attribute alone",
        ),
        pytest.param(
            {"Name": "a", "Attributes": {"Nonsense": "1"}},
            "Attributes Reason: Unknown attribute Nonsense",
            id="an unknown attribute",
        ),
        pytest.param(
            {"Name": "a", "Attributes": {"ContentBasedDeduplication": "true"}},
            "Attributes Reason: Unknown attribute ContentBasedDeduplication",
            id="an attribute of FIFO topics",
        ),
        pytest.param(
            {"Name": "a", "Attributes": {"ArchivePolicy": "{}"}},
            "Attributes Reason: ArchivePolicy: is not simulated by Headrace",
            id="what is not simulated",
        ),
        pytest.param(
            {"Name": "a", "Attributes": {"MaximumMessageSize": "1023"}},
            "Attributes Reason: MaximumMessageSize: Invalid value [1023]. Must be between 1024 and 1048576.",
            id="a small size",
        ),
        pytest.param(
            {"Name": "a", "Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]},
            "Duplicated keys are not allowed.",
            id="a tag twice",
        ),
    ],
)
async def test_a_topic_is_not_made(there: There, given: dict[str, Any], reason: str) -> None:
    assert await there.refused("create_topic", **given) == (
        "InvalidParameter",
        f"Invalid parameter: {reason}",
        400,
    )


async def test_attributes_of_a_topic_are_shown_and_changed(there: There) -> None:
    await there.news(WORK)
    shown = (await there.call("get_topic_attributes", TopicArn=NEWS))["Attributes"]
    policy, delivery = json.loads(shown.pop("Policy")), json.loads(shown.pop("EffectiveDeliveryPolicy"))
    assert shown == {
        "DisplayName": "",
        "Owner": ACCOUNT.account_id,
        "SubscriptionsConfirmed": "1",
        "SubscriptionsDeleted": "0",
        "SubscriptionsPending": "0",
        "TopicArn": NEWS,
    }
    assert policy["Statement"][0]["Condition"] == {"StringEquals": {"AWS:SourceOwner": ACCOUNT.account_id}}
    assert delivery["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    for name, value in {"DisplayName": "N", "KmsMasterKeyId": "k", "SQSFailureFeedbackRoleArn": "r"}.items():
        await there.call("set_topic_attributes", TopicArn=NEWS, AttributeName=name, AttributeValue=value)
    shown = (await there.call("get_topic_attributes", TopicArn=NEWS))["Attributes"]
    assert [shown[name] for name in ("DisplayName", "KmsMasterKeyId", "SQSFailureFeedbackRoleArn")] == [
        "N",
        "k",
        "r",
    ]
    refused = partial(there.refused, "set_topic_attributes", TopicArn=NEWS)
    nonsense = await refused(AttributeName="Nonsense", AttributeValue="")
    assert nonsense == ("InvalidParameter", "Invalid parameter: AttributeName", 400)
    wrong = await refused(AttributeName="SignatureVersion", AttributeValue="3")
    assert wrong[1] == "Invalid parameter: SignatureVersion: Invalid value [3]. Must be 1 or 2."


async def test_attributes_of_a_fifo_topic(there: There) -> None:
    given = {"FifoTopic": "true", "ContentBasedDeduplication": "true"}
    made = await there.call("create_topic", Name="orders.fifo", Attributes=given)
    assert await there.call("create_topic", Name="orders.fifo", Attributes=given) == made
    shown = (await there.call("get_topic_attributes", **made))["Attributes"]
    assert (shown["FifoTopic"], shown["ContentBasedDeduplication"]) == ("true", "true")
    assert shown["FifoThroughputScope"] == "Topic"


@pytest.mark.parametrize(
    ("operation", "parameters", "error"),
    [
        pytest.param(
            "get_topic_attributes",
            {"TopicArn": GONE},
            ("NotFound", "Topic does not exist", 404),
            id="a topic",
        ),
        pytest.param(
            "get_topic_attributes",
            {"TopicArn": NEWS.replace("us-east-1", "eu-west-1")},
            ("NotFound", "Topic does not exist", 404),
            id="a topic of another region",
        ),
        pytest.param(
            "get_topic_attributes",
            {"TopicArn": "a:b"},
            (
                "InvalidParameter",
                "Invalid parameter: TopicArn Reason: An ARN must have at least 6 elements, not 2",
                400,
            ),
            id="what is no ARN",
        ),
        pytest.param(
            "publish",
            {"TopicArn": f"{NEWS}:sub", "Message": "a"},
            ("InvalidParameter", "Invalid parameter: Topic Name", 400),
            id="a subscription as a topic",
        ),
        pytest.param(
            "list_subscriptions_by_topic",
            {"TopicArn": GONE},
            ("NotFound", "Topic does not exist", 404),
            id="subscriptions of no topic",
        ),
        pytest.param(
            "get_subscription_attributes",
            {"SubscriptionArn": f"{NEWS}:1"},
            ("NotFound", "Subscription does not exist", 404),
            id="a subscription",
        ),
        pytest.param(
            "set_subscription_attributes",
            {"SubscriptionArn": f"{NEWS}:1", "AttributeName": "RawMessageDelivery", "AttributeValue": "true"},
            ("NotFound", "Subscription does not exist", 404),
            id="a subscription to change",
        ),
        pytest.param(
            "list_tags_for_resource",
            {"ResourceArn": GONE},
            ("ResourceNotFound", "Resource does not exist", 404),
            id="what is to have tags",
        ),
        pytest.param(
            "confirm_subscription",
            {"TopicArn": NEWS, "Token": "x"},
            ("InvalidParameter", "Invalid parameter: Token", 400),
            id="a token",
        ),
        pytest.param(
            "publish",
            {"TopicArn": GONE, "Message": "a"},
            ("NotFound", "Topic does not exist", 404),
            id="a topic to publish to",
        ),
        pytest.param(
            "publish",
            {"Message": "a"},
            (
                "InvalidParameter",
                "Invalid parameter: TopicArn or TargetArn Reason: no value for required parameter",
                400,
            ),
            id="no topic at all",
        ),
        pytest.param(
            "publish",
            {"TargetArn": "arn:aws:sns:us-east-1:000000000000:endpoint/APNS/x/y", "Message": "a"},
            (
                "InvalidParameter",
                "Invalid parameter: TargetArn Reason: No endpoint found for the target arn specified",
                400,
            ),
            id="a telephone",
        ),
        pytest.param(
            "subscribe",
            {"TopicArn": NEWS, "Endpoint": JOBS},
            (
                "ValidationError",
                f"{ERROR} Value null at 'protocol' failed to satisfy constraint: Member must not be null",
                400,
            ),
            id="a parameter that is missing",
        ),
        pytest.param(
            "publish",
            {"PhoneNumber": "+41000000000", "Message": "a"},
            ("MalformedInput", "PhoneNumber is not simulated by Headrace.", 400),
            id="a parameter that is not simulated",
        ),
        pytest.param(
            "create_platform_application",
            {"Name": "a", "Platform": "APNS", "Attributes": {}},
            ("NotImplementedException", "sns CreatePlatformApplication is not simulated by Headrace.", 501),
            id="an operation that is not simulated",
        ),
    ],
)
async def test_what_is_not_there_is_refused(
    there: There, operation: str, parameters: dict[str, Any], error: tuple[str, str, int]
) -> None:
    await there.news()
    assert await there.refused(operation, **parameters) == error


async def test_tags_come_and_go(there: There) -> None:
    await there.call("create_topic", Name="news", Tags=[{"Key": "k1", "Value": "v1"}])
    await there.call(
        "tag_resource", ResourceArn=NEWS, Tags=[{"Key": "k2", "Value": "v2"}, {"Key": "k1", "Value": "v1b"}]
    )
    assert (await there.call("list_tags_for_resource", ResourceArn=NEWS))["Tags"] == [
        {"Key": "k1", "Value": "v1b"},
        {"Key": "k2", "Value": "v2"},
    ]
    await there.call("untag_resource", ResourceArn=NEWS, TagKeys=["k1", "other"])
    assert (await there.call("list_tags_for_resource", ResourceArn=NEWS))["Tags"] == [
        {"Key": "k2", "Value": "v2"}
    ]


async def test_permissions_are_kept_in_the_policy(there: There) -> None:
    await there.news()
    added = {"TopicArn": NEWS, "Label": "l", "AWSAccountId": ["111111111111"], "ActionName": ["Publish"]}
    await there.call("add_permission", **added)
    shown = (await there.call("get_topic_attributes", TopicArn=NEWS))["Attributes"]
    assert json.loads(shown["Policy"])["Statement"][1] == {
        "Sid": "l",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": "SNS:Publish",
        "Resource": NEWS,
    }
    assert (await there.refused("add_permission", **added))[1] == (
        "Invalid parameter: Statement already exists"
    )
    wrong = {**added, "Label": "m", "ActionName": ["Nonsense"]}
    assert (await there.refused("add_permission", **wrong))[0] == "InvalidParameter"
    await there.call("remove_permission", TopicArn=NEWS, Label="l")
    shown = (await there.call("get_topic_attributes", TopicArn=NEWS))["Attributes"]
    assert len(json.loads(shown["Policy"])["Statement"]) == 1


async def test_a_subscription_from_its_beginning_to_its_end(there: There) -> None:
    await there.news()
    attributes = {"RawMessageDelivery": "true"}
    given = {"TopicArn": NEWS, "Protocol": "sqs", "Endpoint": JOBS, "ReturnSubscriptionArn": True}
    arn = (await there.call("subscribe", **given, Attributes=attributes))["SubscriptionArn"]
    assert arn.startswith(f"{NEWS}:")
    assert (await there.call("subscribe", **given, Attributes=attributes))["SubscriptionArn"] == arn
    other = await there.refused("subscribe", **given, Attributes={"RawMessageDelivery": "false"})
    assert other[1] == (
        "Invalid parameter: Attributes Reason: Subscription already exists with different attributes"
    )
    listed = {
        "Endpoint": JOBS,
        "Owner": ACCOUNT.account_id,
        "Protocol": "sqs",
        "SubscriptionArn": arn,
        "TopicArn": NEWS,
    }
    assert await there.call("list_subscriptions") == {"Subscriptions": [listed]}
    assert await there.call("list_subscriptions_by_topic", TopicArn=NEWS) == {"Subscriptions": [listed]}
    change = partial(there.call, "set_subscription_attributes", SubscriptionArn=arn)
    await change(AttributeName="FilterPolicy", AttributeValue='{"a": ["1"]}')
    redrive = json.dumps({"deadLetterTargetArn": FAILURES})
    await change(AttributeName="RedrivePolicy", AttributeValue=redrive)
    shown = (await there.call("get_subscription_attributes", SubscriptionArn=arn))["Attributes"]
    assert shown.pop("SubscriptionPrincipal").startswith("arn:aws:iam::")
    assert shown == {
        **listed,
        "ConfirmationWasAuthenticated": "true",
        "PendingConfirmation": "false",
        "RawMessageDelivery": "true",
        "FilterPolicy": '{"a": ["1"]}',
        "FilterPolicyScope": "MessageAttributes",
        "RedrivePolicy": redrive,
    }
    await change(AttributeName="FilterPolicy", AttributeValue="")
    shown = (await there.call("get_subscription_attributes", SubscriptionArn=arn))["Attributes"]
    assert "FilterPolicyScope" not in shown
    await there.call("unsubscribe", SubscriptionArn=arn)
    await there.call("unsubscribe", SubscriptionArn=arn)
    assert await there.call("list_subscriptions") == {"Subscriptions": []}


async def test_a_nested_policy_needs_the_body_as_its_scope(there: There) -> None:
    await there.news(JOBS)
    arn = (await there.call("list_subscriptions"))["Subscriptions"][0]["SubscriptionArn"]
    policy = {"AttributeName": "FilterPolicy", "AttributeValue": '{"object": {"key": ["a"]}}'}
    assert await there.refused("set_subscription_attributes", SubscriptionArn=arn, **policy) == (
        "InvalidParameter",
        "Invalid parameter: Filter policy scope MessageAttributes does not support nested filter policy",
        400,
    )
    scope = {"AttributeName": "FilterPolicyScope", "AttributeValue": "MessageBody"}
    await there.call("set_subscription_attributes", SubscriptionArn=arn, **scope)
    await there.call("set_subscription_attributes", SubscriptionArn=arn, **policy)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(
            {"Protocol": "test-protocol"},
            "Amazon SNS does not support this protocol string: test-protocol",
            id="no protocol of SNS",
        ),
        pytest.param(
            {"Protocol": "email", "Endpoint": "a@example.com"},
            "Protocol Reason: email is not simulated by Headrace: subscribe functions (lambda) or queues"
            " (sqs)",
            id="a protocol that is not simulated",
        ),
        pytest.param({"Endpoint": "http://127.0.0.1/jobs"}, "SQS endpoint ARN", id="the URL of a queue"),
        pytest.param({"Protocol": "lambda"}, "Lambda endpoint ARN", id="a queue for a function"),
        pytest.param(
            {"Endpoint": ACCOUNT.queue("orders.fifo")},
            "Invalid parameter: Endpoint Reason: FIFO SQS Queues can not be subscribed to standard SNS"
            " topics",
            id="a FIFO queue",
        ),
        pytest.param(
            {"Attributes": {"RawMessageDelivery": "wrongvalue"}},
            "Attributes Reason: RawMessageDelivery: Invalid value [wrongvalue]. Must be true or false.",
            id="neither true nor false",
        ),
        pytest.param(
            {"Protocol": "lambda", "Endpoint": WORK, "Attributes": {"RawMessageDelivery": "true"}},
            "Attributes Reason: Delivery protocol [lambda] does not support raw message delivery.",
            id="raw messages for a function",
        ),
        pytest.param(
            {"Attributes": {"FilterPolicyScope": "RandomValue"}},
            "Attributes Reason: FilterPolicyScope: Invalid value [RandomValue]. Please use either MessageBody"
            " or MessageAttributes",
            id="no scope",
        ),
        pytest.param(
            {"Attributes": {"FilterPolicy": '{"key":[["value"]]}'}},
            "Attributes Reason: FilterPolicy: Match value must be String, number, true, false, or null"
            '\n at [Source: (String)"{"key":[["value"]]}"; line: 1, column: 10]',
            id="a wrong policy",
        ),
        pytest.param(
            {"Attributes": {"RedrivePolicy": '{"deadLetterTargetArn": "fake-arn"}'}},
            "Attributes Reason: RedrivePolicy: deadLetterTargetArn is an invalid arn",
            id="no queue for dead letters",
        ),
        pytest.param(
            {"Attributes": {"ReplayPolicy": "{}"}},
            "Attributes Reason: ReplayPolicy: is not simulated by Headrace",
            id="an attribute that is not simulated",
        ),
    ],
)
async def test_a_subscription_is_refused(there: There, given: dict[str, Any], reason: str) -> None:
    await there.news()
    parameters = {"TopicArn": NEWS, "Protocol": "sqs", "Endpoint": JOBS, **given}
    code, message, status = await there.refused("subscribe", **parameters)
    assert (code, status) == ("InvalidParameter", 400)
    assert message == f"Invalid parameter: {reason}"


async def test_a_message_reaches_functions_and_queues(there: There) -> None:
    await there.news(WORK, JOBS)
    attributes = {
        "n": {"DataType": "Number", "StringValue": "1"},
        "b": {"DataType": "Binary", "BinaryValue": b"\2\3"},
    }
    published = await there.call(
        "publish", TopicArn=NEWS, Message="héllo\r\n", Subject="greeting", MessageAttributes=attributes
    )
    (envelope,) = await there.bench.bodies()
    (sns,) = there.bench.notifications()
    assert sns["MessageId"] == envelope["MessageId"] == published["MessageId"]
    assert sns["Message"] == envelope["Message"] == "héllo\r\n"
    assert sns["Subject"] == envelope["Subject"] == "greeting"
    assert sns["MessageAttributes"]["b"] == {
        "Type": "Binary",
        "Value": base64.b64encode(b"\2\3").decode(),
    }
    by_target = await there.call("publish", TargetArn=NEWS, Message="again")
    assert (await there.bench.bodies())[0]["MessageId"] == by_target["MessageId"]


async def test_a_message_has_a_body_for_each_protocol(there: There) -> None:
    await there.news(WORK, JOBS)
    message = json.dumps({"default": "d", "sqs": "q"})
    await there.call("publish", TopicArn=NEWS, Message=message, MessageStructure="json")
    assert (await there.bench.bodies())[0]["Message"] == "q"
    assert there.bench.notifications()[0]["Message"] == "d"
    refused = await there.refused("publish", TopicArn=NEWS, Message="{}", MessageStructure="json")
    assert refused[1] == ("Invalid parameter: Message Structure - No default entry in JSON message body")
    refused = await there.refused("publish", TopicArn=NEWS, Message="{}", MessageStructure="xml")
    assert refused[0] == "InvalidParameter"


async def test_a_chain_of_invocations_goes_on_through_a_topic(there: There) -> None:
    await there.news(WORK, JOBS)
    trace = f"Root={RUNNING_ROOT};Parent=0000000000000000;Sampled=0"
    reply = await there.post(f"Action=Publish&TopicArn={NEWS}&Message=a", **{"X-Amzn-Trace-Id": trace})
    assert reply.status == 200
    (event,) = there.bench.events.events
    assert event.lineage == ("origin",)
    (message,) = await there.bench.messages()
    assert message.system_attributes == {"AWSTraceHeader": trace}


async def test_a_batch_reaches_its_subscribers_in_order(there: There) -> None:
    await there.news(JOBS, RawMessageDelivery="true")
    entries = [{"Id": str(number), "Message": f"m{number}"} for number in range(10)]
    answer = await there.call("publish_batch", TopicArn=NEWS, PublishBatchRequestEntries=entries)
    assert [each["Id"] for each in answer["Successful"]] == [str(number) for number in range(10)]
    assert answer["Failed"] == []
    assert len({each["MessageId"] for each in answer["Successful"]}) == 10
    assert await there.bench.bodies() == [f"m{number}" for number in range(10)]


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        pytest.param([], "EmptyBatchRequest", id="none"),
        pytest.param(
            [{"Id": str(n), "Message": "a"} for n in range(11)], "TooManyEntriesInBatchRequest", id="eleven"
        ),
        pytest.param([{"Id": "a", "Message": "a"}] * 2, "BatchEntryIdsNotDistinct", id="one id twice"),
        pytest.param([{"Id": "a!", "Message": "a"}], "InvalidBatchEntryId", id="a strange id"),
        pytest.param(
            [{"Id": str(n), "Message": "x" * 30_000} for n in range(10)],
            "BatchRequestTooLong",
            id="too large",
        ),
        pytest.param(
            [{"Id": "1", "Message": "a"}, {"Id": "2", "Message": ""}], "InvalidParameter", id="an empty one"
        ),
        pytest.param(
            [{"Id": "1", "Message": "a", "MessageAttributes": {"n": {"StringValue": "1"}}}],
            "ValidationError",
            id="an attribute without a type",
        ),
        pytest.param(
            [{"Id": "1", "Message": "a", "MessageAttributes": {"n": {"DataType": "String"}}}],
            "ParameterValueInvalid",
            id="an attribute without a value",
        ),
    ],
)
async def test_a_batch_is_refused_as_a_whole(there: There, entries: list[dict[str, Any]], code: str) -> None:
    await there.news(JOBS)
    refused = await there.refused("publish_batch", TopicArn=NEWS, PublishBatchRequestEntries=entries)
    assert refused[0] == code
    assert await there.bench.bodies() == []


async def test_a_fifo_topic_tells_sequence_numbers(there: There) -> None:
    attributes = {"FifoTopic": "true"}
    arn = (await there.call("create_topic", Name="o.fifo", Attributes=attributes))["TopicArn"]
    fifo = ACCOUNT.queue("orders.fifo")
    await there.call("subscribe", TopicArn=arn, Protocol="sqs", Endpoint=fifo)
    given = {"TopicArn": arn, "Message": "a", "MessageGroupId": "g", "MessageDeduplicationId": "1"}
    first, again = [await there.call("publish", **given) for _ in range(2)]
    assert first == again
    assert len(first["SequenceNumber"]) == 20
    received = await there.bench.messages("orders.fifo")
    assert [message.deduplication_id for message in received] == ["1"]
    refused = await there.refused("subscribe", TopicArn=arn, Protocol="lambda", Endpoint=WORK)
    assert refused[1].endswith("only SQS queues can be subscribed to FIFO SNS topics")


async def test_what_is_listed_comes_in_pages(there: There) -> None:
    for number in range(105):
        await there.bench.topics.create(f"t{number:03}", {}, {})
    first = await there.call("list_topics")
    assert len(first["Topics"]) == 100
    rest = await there.call("list_topics", NextToken=first["NextToken"])
    assert [topic["TopicArn"].rpartition(":")[2] for topic in rest["Topics"]] == [
        f"t{number:03}" for number in range(99, 105)
    ]
    assert "NextToken" not in rest
    assert (await there.refused("list_topics", NextToken="x"))[0] == "InvalidParameter"


async def test_a_topic_of_the_configuration_is_not_deleted(there: There) -> None:
    code, message, status = await there.refused("delete_topic", TopicArn=ACCOUNT.topic("declared"))
    assert (code, status) == ("InvalidParameter", 400)
    assert "headrace.toml declares topics.declared" in message
