"""What a member of a request may plausibly be: names of what there is, and texts with a grammar of their own.

Besides what is listed here, what the simulator has answered lately (receipt handles, iterators, tokens, ids)
is given back to it.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fuzz.archives import EMPTY_ZIP, ESCAPING_ZIP, HANDLER_ZIP

ACCOUNT = "000000000000"
REGION = "us-east-1"
REMEMBERED = 16  # of each name
LONGEST_REMEMBERED = 2_000

QUEUES = ("jobs", "letters", "orders.fifo", "made", "made.fifo")
STREAMS = ("clicks", "made")
TABLES = ("orders", "made", "other")
TOPICS = ("alerts", "made", "made.fifo")
FUNCTIONS = ("echo", "failing", "made", "echo:$LATEST", "made:live", "made:1")
BUCKETS = ("photos", "made", "made-too")
BUSES = ("default", "shop", "made")


def arn(service: str, resource: str, region: str = REGION, account: str = ACCOUNT) -> str:
    """Return an ARN, of this account's unless another is named."""
    return f"arn:aws:{service}:{region}:{account}:{resource}"


QUEUE_ARNS = [arn("sqs", name) for name in QUEUES]
STREAM_ARNS = [arn("kinesis", f"stream/{name}") for name in STREAMS]
TABLE_ARNS = [arn("dynamodb", f"table/{name}") for name in TABLES]
TABLE_STREAM_ARNS = [f"{each}/stream/2026-01-01T00:00:00.000" for each in TABLE_ARNS]
TOPIC_ARNS = [arn("sns", name) for name in TOPICS]
FUNCTION_ARNS = [arn("lambda", f"function:{name}") for name in FUNCTIONS]
BUS_ARNS = [arn("events", f"event-bus/{name}") for name in BUSES]
RULE_ARNS = [arn("events", "rule/large"), arn("events", "rule/shop/large"), arn("events", "rule/made")]
LOG_GROUPS = ["/aws/lambda/echo", "/aws/lambda/made", "/aws/lambda/none"]
ROLE_ARN = "arn:aws:iam::000000000000:role/worker"
ARNS = [
    *QUEUE_ARNS,
    *STREAM_ARNS,
    *TABLE_ARNS,
    *TABLE_STREAM_ARNS,
    *TOPIC_ARNS,
    *FUNCTION_ARNS,
    *BUS_ARNS,
    *RULE_ARNS,
    *(f"arn:aws:s3:::{name}" for name in BUCKETS),
    *(f"arn:aws:logs:us-east-1:000000000000:log-group:{name}:*" for name in LOG_GROUPS),
    ROLE_ARN,
    arn("scheduler", "schedule/default/made"),
    arn("events", "archive/made"),
    arn("events", "replay/made"),
    arn("sqs", "jobs", "eu-central-1"),
    arn("sqs", "jobs", account="123456789012"),
    arn("lambda", "function:echo", account="123456789012"),
    "arn:aws:sqs",
    "arn:::::::::",
    "arn:aws-cn:s3:::photos",
    "arn:aws:ec2:us-east-1:000000000000:instance/i-0123456789abcdef0",
]

FILTER_POLICIES = ['{"kind": ["order"]}', '{"a": {"b": [{"exists": true}]}}', "{}", "[]", '{"a": "b"}', "{"]
PATTERNS = [
    '{"source": ["shop"]}',
    '{"detail": {"total": [{"numeric": [">", 1]}]}}',
    '{"source": [{"prefix": "s"}], "$or": [{"a": [1]}, {"b": [null]}]}',
    '{"source": [{"wildcard": "*a*b*c*d*e*f*"}]}',
    '{"detail": []}',
    "{}",
    "[1]",
    '{"source": "shop"}',
    '{"source": [{"numeric": ["<", "x"]}]}',
]
POLICIES = [
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*"}]}',
    "{}",
    "[]",
    "null",
    "not JSON",
]
REDRIVE = [
    f'{{"deadLetterTargetArn": "{QUEUE_ARNS[1]}", "maxReceiveCount": "3"}}',
    '{"deadLetterTargetArn": 1, "maxReceiveCount": []}',
    '{"maxReceiveCount": 1e400}',
    "",
]
EXPRESSIONS = [
    "attribute_not_exists(pk)",
    "pk = :a",
    "#n = :a AND begins_with(sk, :b)",
    "pk = :a AND sk BETWEEN :a AND :b",
    "size(a.b[0].c) > :a OR NOT (contains(tags, :b) AND attribute_type(a, :b))",
    "a IN (:a, :b)",
    "((((((((((a = :a))))))))))",
    "a.b.c.d.e.f.g[1][2][99999999999999999999] = :a",
    "SELECT * FROM orders",
    "=",
    ":a",
    "a = :missing",
    "#missing = :a",
]
UPDATES = [
    "SET a = :a",
    "SET a = if_not_exists(a, :a) + :b, b.c = list_append(b.c, :b) REMOVE d[0]",
    "ADD n :a DELETE s :b",
    "REMOVE pk",
    "SET pk = :a",
    "SET a = :a, a.b = :b",
    "SET a = a - a",
    "SET",
    "ADD ADD ADD",
]
STATEMENTS = ["SELECT * FROM orders", "INSERT INTO orders VALUE {'pk': 'a'}", "DROP TABLE orders", "'"]
LOG_PATTERNS = [
    "ERROR -timeout ?a",
    '{ $.level = "E*" && ($.n >= 1 || $.deep[0].a IS NULL) }',
    "[method, ..., status = 4* || status > 500, bytes]",
    "[a=(b, c]",
    "%(%",
    "{",
]
SCHEDULES = [
    "rate(1 minute)",
    "rate(5 minutes)",
    "cron(0 8 ? * 2#1 *)",
    "cron(* * * * * *)",
    "at(2031-01-01T00:00:00)",
]
HANDLERS = ["app.handler", "app.missing", "none.handler", "../app.handler", "handler"]
SHARDS = ["shardId-000000000000", "shardId-000000000001", "shardId-999999999999", "shard"]
KEYS = [
    "a.txt",
    "folder/b c.txt",
    "folder/",
    "../../escape",
    "..",
    "%2e%2e/x",
    "ä/漢字.txt",
    "a//b",
    ".hidden",
    "/",
]

PLAUSIBLE: Mapping[str, Sequence[Any]] = {
    "QueueUrl": [f"http://127.0.0.1:4566/{ACCOUNT}/{name}" for name in QUEUES] + ["jobs", f"/{ACCOUNT}/jobs"],
    "QueueName": QUEUES,
    "QueueOwnerAWSAccountId": [ACCOUNT, "123456789012"],
    "SourceArn": ARNS,
    "DestinationArn": ARNS,
    "MessageGroupId": ["g", "h"],
    "MessageDeduplicationId": ["d1", "d2", "d3"],
    "StreamName": STREAMS,
    "StreamARN": STREAM_ARNS,
    "StreamArn": [*STREAM_ARNS, *TABLE_STREAM_ARNS],
    "ShardId": SHARDS,
    "ShardToSplit": SHARDS,
    "ShardToMerge": SHARDS,
    "AdjacentShardToMerge": SHARDS,
    "NewStartingHashKey": ["1", "170141183460469231731687303715884105728", "-1", "9" * 40],
    "ExplicitHashKey": ["0", "340282366920938463463374607431768211455", "x"],
    "ConsumerName": ["reader", "made"],
    "TableName": [*TABLES, *TABLE_ARNS],
    "IndexName": ["by_sk", "made", "none"],
    "AttributeName": ["pk", "sk", "a", "n"],
    "ConditionExpression": EXPRESSIONS,
    "KeyConditionExpression": EXPRESSIONS,
    "FilterExpression": EXPRESSIONS,
    "ProjectionExpression": ["pk", "a.b, c[0]", "#n, sk", "pk, pk", ",", "a[", ":a"],
    "UpdateExpression": UPDATES,
    "Statement": STATEMENTS,
    "TopicArn": TOPIC_ARNS,
    "TargetArn": ARNS,
    "sns.Name": TOPICS,
    "sns.Endpoint": [*QUEUE_ARNS, *FUNCTION_ARNS, "someone@example.com", "https://example.com/"],
    "Protocol": ["sqs", "lambda", "email", "https"],
    "sns.AttributeName": [
        "DisplayName",
        "Policy",
        "FilterPolicy",
        "FilterPolicyScope",
        "RawMessageDelivery",
        "RedrivePolicy",
        "ContentBasedDeduplication",
    ],
    "AttributeValue": [*FILTER_POLICIES, *REDRIVE, *POLICIES, "true", "MessageBody"],
    "MessageStructure": ["json"],
    "FunctionName": [*FUNCTIONS, *FUNCTION_ARNS],
    "FunctionArn": FUNCTION_ARNS,
    "FunctionVersion": ["$LATEST", "1", "2"],
    "Qualifier": ["$LATEST", "1", "live"],
    "lambda.Name": ["live", "made"],
    "LayerName": ["layer", "made"],
    "Handler": HANDLERS,
    "Runtime": ["python3.11", "python3.13", "provided.al2023", "nodejs20.x", "cobol"],
    "Role": [ROLE_ARN],
    "RoleArn": [ROLE_ARN],
    "RoleName": ["worker", "made"],
    "ZipFile": [HANDLER_ZIP, HANDLER_ZIP, HANDLER_ZIP, EMPTY_ZIP, ESCAPING_ZIP, b"PK\x05\x06", b"no zip"],
    "Content.S3Bucket": BUCKETS,
    "S3Bucket": BUCKETS,
    "S3Key": KEYS,
    "EventSourceArn": [*QUEUE_ARNS, *STREAM_ARNS, *TABLE_STREAM_ARNS, *ARNS],
    "Payload": [b"{}", b'{"a": [1]}', b"", b"no JSON", b"null"],
    "InvokeArgs": [b"{}"],
    "LogType": ["Tail", "None"],
    "InvocationType": ["RequestResponse", "Event", "DryRun"],
    "ClientContext": ["e30=", "{}", "bm90IEpTT04="],
    "Pattern": [*PATTERNS, *FILTER_POLICIES],
    "EventPattern": PATTERNS,
    "filterPattern": LOG_PATTERNS,
    "FilterPattern": [
        "",
        "ERROR",
        "?a ?b",
        "{ ($.a = 1) && ($.b IS NULL) }",
        "{ $.a[",
        "[a, b",
        "%a+%",
        "(" * 200,
    ],
    "Event": ['{"id": "1", "source": "shop", "detail": {"total": 2}}', "{}", "[]", "{"],
    "Detail": ['{"total": 120}', "{}", "[]", "not JSON", ""],
    "DetailType": ["Order placed"],
    "Source": ["shop", "aws.s3"],
    "EventBusName": [*BUSES, *BUS_ARNS],
    "events.Name": [*BUSES, "large", "made"],
    "Rule": ["large", "made"],
    "RuleName": ["large", "made"],
    "events.Arn": ARNS,
    "scheduler.Arn": [*ARNS, "arn:aws:scheduler:::aws-sdk:sqs:sendMessage"],
    "EventSourceName": ["aws.partner/example.com/made"],
    "ArchiveName": ["made", "other"],
    "ReplayName": ["made", "other"],
    "ScheduleExpression": [*SCHEDULES, "rate(0 days)", "cron(a b c)", "every day", "rate(1 minutes)"],
    "ScheduleExpressionTimezone": ["Europe/Berlin", "UTC", "Mars/Olympus", "../etc/passwd"],
    "GroupName": ["default", "made"],
    "scheduler.Name": ["made", "other"],
    "Input": ['{"a": 1}', "text", '{"at": "<aws.scheduler.scheduled-time>"}'],
    "InputPath": ["$.detail", "$", "$.a[0]", "detail", "$.."],
    "InputTemplate": ['{"a": <a>}', '"<a> <aws.events.event.json>"', "<", "<missing>"],
    "InputPathsMap": [{"a": "$.detail"}, {"a": "x"}],
    "Bucket": BUCKETS,
    "Key": KEYS,
    "Prefix": ["folder/", "", "a"],
    "Delimiter": ["/", "", "ab"],
    "CopySource": ["photos/a.txt", "/photos/folder/b%20c.txt", "photos", "%ff/%00", "photos/../../x"],
    "Range": ["bytes=0-1", "bytes=-1", "bytes=5-2", "bytes=9999-", "bytes=a-b", "lines=1-2", "bytes=0-0,2-3"],
    "IfMatch": ["*", '"00000000000000000000000000000000"', "x"],
    "IfNoneMatch": ["*", '"00000000000000000000000000000000"'],
    "ContentMD5": ["1B2M2Y8AsgTpgAmy7PhCfg==", "x", ""],
    "Tagging": ["a=b&c=d", "a", "=&&&=", "a=b&a=c"],
    "PartNumber": [1, 2, 10_000],
    "Id": ["a", "1", "target-1"],
    "logGroupName": LOG_GROUPS,
    "logGroupIdentifier": LOG_GROUPS,
    "logStreamName": ["2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef"],
    "logStreamNamePrefix": ["2026", ""],
    "AssumeRolePolicyDocument": POLICIES,
    "PolicyDocument": POLICIES,
    "Policy": POLICIES,
    "RoleSessionName": ["session"],
    "Description": ["text", ""],
    "UUID": ["00000000-0000-0000-0000-000000000000"],
    "ClientToken": ["token"],
}

# The names of a map's keys, by the name of the member that is the map.
MAP_KEYS: Mapping[str, Sequence[str]] = {
    "sqs.Attributes": [
        "VisibilityTimeout",
        "DelaySeconds",
        "FifoQueue",
        "RedrivePolicy",
        "RedriveAllowPolicy",
        "ContentBasedDeduplication",
        "MaximumMessageSize",
        "MessageRetentionPeriod",
        "ReceiveMessageWaitTimeSeconds",
        "Policy",
        "QueueArn",
    ],
    "sns.Attributes": [
        "DisplayName",
        "FifoTopic",
        "FilterPolicy",
        "RawMessageDelivery",
        "RedrivePolicy",
        "Policy",
    ],
    "Item": ["pk", "sk", "a", "n"],
    "Key": ["pk", "sk"],
    "Keys": ["pk", "sk"],
    "ExclusiveStartKey": ["pk", "sk"],
    "ExpressionAttributeNames": ["#n", "#m", "n"],
    "ExpressionAttributeValues": [":a", ":b", ":c"],
    "RequestItems": ["orders", "made", "none"],
    "Variables": ["STAGE", "AWS_REGION", "PATH", "1"],
}
MAP_VALUES: Mapping[str, Sequence[str]] = {
    "sqs.Attributes": ["0", "1", "60", "true", "1024", *REDRIVE, *POLICIES],
    "sns.Attributes": ["true", "x", *FILTER_POLICIES, *REDRIVE, *POLICIES],
}


class Names:
    """What to call things: what is listed, and what was answered lately."""

    def __init__(self) -> None:
        self._answered: dict[str, deque[str]] = {}

    def learn(self, answer: Any, name: str = "") -> None:
        """Remember the texts of an answer by the names of their members."""
        if isinstance(answer, dict):
            for key, value in answer.items():
                if key != "ResponseMetadata":
                    self.learn(value, str(key))
        elif isinstance(answer, list):
            for value in answer[:REMEMBERED]:
                self.learn(value, name)
        elif isinstance(answer, str) and len(answer) <= LONGEST_REMEMBERED:
            recent = self._answered.setdefault(_loosely(name), deque(maxlen=REMEMBERED))
            if answer not in recent:
                recent.append(answer)

    def answered(self, member: str) -> Sequence[str]:
        """Return what was answered under a member's name, or one that is close to it."""
        return self._answered.get(_loosely(member), ())


def listed(table: Mapping[str, Sequence[Any]], service: str, member: str) -> Sequence[Any]:
    """Return what a table has for a member of a service."""
    return table.get(f"{service}.{member}") or table.get(member, ())


def _loosely(name: str) -> str:
    """Return a name without what differs between where it is answered and where it is taken."""
    return name.lower().removeprefix("next").removeprefix("exclusivestart").rstrip("s")
