"""What belongs to functions beside their code, with boto3 against one running simulator.

How their asynchronous events are handled, concurrency, recursion, policies, tags; and the account.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until
from tests.end_to_end.lambda_deployment import (
    ARN,
    client,
    create,
    invoke,
    refused,
    write_configuration,
)

QUEUE = "arn:aws:sqs:us-east-1:000000000000:{}"
ODD = "arn:aws:ec2:us-east-1:000000000000:x"
ODD_DESTINATIONS = f"DestinationConfig(onSuccess=OnSuccess(destination={ODD}), onFailure=null)"
FAILING = "def handler(event, context):\n    raise ValueError('no')\n"


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    with HeadraceProcess(write_configuration(tmp_path_factory.mktemp("settings"))) as running:
        yield running


@pytest.fixture(scope="module")
def functions(process: HeadraceProcess) -> Iterator[Any]:
    made = client(process)
    for name in ("first", "second"):
        create(made, name, Publish=True)
    yield made
    made.close()


def received(process: HeadraceProcess, queue: str) -> dict[str, Any]:
    """Return the body of the next message of a queue."""
    sqs = client(process, "sqs")
    url = sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    body: dict[str, Any] = json.loads(message["Body"])
    return body


def test_events_are_handled_as_each_qualifier_says(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "failing", FAILING, Publish=True)
    functions.create_alias(FunctionName="failing", Name="live", FunctionVersion="1")
    made = functions.put_function_event_invoke_config(
        FunctionName="failing",
        Qualifier="live",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": QUEUE.format("results")}},
    )
    assert made["FunctionArn"] == ARN.format("failing") + ":live"
    assert made["DestinationConfig"] == {
        "OnSuccess": {},
        "OnFailure": {"Destination": QUEUE.format("results")},
    }
    functions.invoke(FunctionName="failing", Qualifier="live", InvocationType="Event", Payload=b'"of live"')
    record = received(process, "results")
    assert record["requestPayload"] == "of live"
    assert record["requestContext"]["functionArn"] == ARN.format("failing") + ":live"
    assert record["responseContext"]["executedVersion"] == "1"
    functions.invoke(FunctionName="failing", InvocationType="Event", Payload=b'"of latest"')
    retry = process.wait_for("RetryScheduled", function="failing")
    assert retry[-1]["attempt"] == 2


def test_a_dead_letter_queue_is_the_versions_own(functions: Any, process: HeadraceProcess) -> None:
    create(
        functions,
        "dying",
        FAILING,
        Publish=True,
        DeadLetterConfig={"TargetArn": QUEUE.format("results")},
    )
    functions.put_function_event_invoke_config(FunctionName="dying", Qualifier="1", MaximumRetryAttempts=0)
    functions.update_function_configuration(FunctionName="dying", DeadLetterConfig={"TargetArn": ""})
    functions.invoke(FunctionName="dying", Qualifier="1", InvocationType="Event", Payload=b'{"letter": 1}')
    assert received(process, "results") == {"letter": 1}


def test_a_function_is_a_destination_by_its_alias(functions: Any, process: HeadraceProcess) -> None:
    functions.create_alias(FunctionName="second", Name="heard", FunctionVersion="1")
    functions.put_function_event_invoke_config(
        FunctionName="first",
        DestinationConfig={"OnSuccess": {"Destination": ARN.format("second") + ":heard"}},
    )
    functions.invoke(FunctionName="first", InvocationType="Event", Payload=b"{}")
    process.wait_for("InvocationFinished", function="second")
    logs = process.folder / ".headrace/logs/aws/lambda/second"
    wait_until(lambda: [*logs.rglob("[[]1]*.log")], "version 1 has logged")


def test_put_replaces_and_update_merges(functions: Any) -> None:
    create(functions, "merged")
    put, update = functions.put_function_event_invoke_config, functions.update_function_event_invoke_config
    put(FunctionName="merged", MaximumRetryAttempts=1, MaximumEventAgeInSeconds=100)
    merged = update(FunctionName="merged", MaximumRetryAttempts=0)
    assert (merged["MaximumRetryAttempts"], merged["MaximumEventAgeInSeconds"]) == (0, 100)
    replaced = put(FunctionName="merged", MaximumRetryAttempts=2)
    assert "MaximumEventAgeInSeconds" not in replaced
    got = functions.get_function_event_invoke_config(FunctionName="merged")
    assert (got["MaximumRetryAttempts"], got["LastModified"]) == (2, replaced["LastModified"])
    listed = functions.list_function_event_invoke_configs(FunctionName="merged")
    assert len(listed["FunctionEventInvokeConfigs"]) == 1
    functions.delete_function_event_invoke_config(FunctionName="merged")
    gone = refused(functions.get_function_event_invoke_config, FunctionName="merged")
    assert gone == (
        404,
        "ResourceNotFoundException",
        f"The function {ARN.format('merged')}:$LATEST doesn't have an EventInvokeConfig",
    )
    assert refused(update, FunctionName="merged", MaximumRetryAttempts=0) == gone
    assert refused(functions.delete_function_event_invoke_config, FunctionName="merged") == gone


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        pytest.param(
            {},
            (400, "You must specify at least one of error handling or destination setting."),
            id="nothing",
        ),
        pytest.param({"FunctionName": "nobody"}, (404, "The function doesn't exist."), id="nobody"),
        pytest.param({"Qualifier": "9"}, (404, "The function doesn't exist."), id="no such version"),
        pytest.param(
            {"DestinationConfig": {"OnSuccess": {"Destination": ARN.format("first")}}},
            (400, "You can't specify the function as a destination for itself."),
            id="the function itself",
        ),
        pytest.param(
            {"DestinationConfig": {"OnSuccess": {"Destination": ARN.format("nobody")}}},
            (400, f"The destination ARN {ARN.format('nobody')} is invalid."),
            id="a function that is not there",
        ),
        pytest.param(
            {"DestinationConfig": {"OnFailure": {"Destination": QUEUE.format("nowhere")}}},
            (400, f"The destination ARN {QUEUE.format('nowhere')} is invalid."),
            id="a queue that is not there",
        ),
        pytest.param(
            {"DestinationConfig": {"OnSuccess": {"Destination": ODD}}},
            (400, f"The provided destination config {ODD_DESTINATIONS} is invalid."),
            id="a service that takes no records",
        ),
    ],
)
def test_an_event_invoke_configuration_that_makes_no_sense_is_refused(
    functions: Any, parameters: dict[str, Any], error: tuple[int, str]
) -> None:
    given = {"FunctionName": "first", **({} if not parameters else {"MaximumRetryAttempts": 0}), **parameters}
    status, _, message = refused(functions.put_function_event_invoke_config, **given)
    assert (status, message) == error


def test_the_api_adds_to_a_declared_function_what_its_file_does_not_say(functions: Any) -> None:
    put = functions.put_function_event_invoke_config
    answer = put(FunctionName="declared", MaximumEventAgeInSeconds=60)
    assert (answer["MaximumRetryAttempts"], answer["MaximumEventAgeInSeconds"]) == (1, 60)
    assert refused(put, FunctionName="declared", MaximumRetryAttempts=0) == (
        400,
        "InvalidParameterValueException",
        "headrace.toml declares functions.declared.maximum_retry_attempts: change it there.",
    )
    functions.create_alias(FunctionName="declared", Name="live", FunctionVersion="$LATEST")
    assert invoke(functions, "declared", Qualifier="live") == "declared"


def test_reserved_concurrency_throttles_and_switches_off(functions: Any) -> None:
    create(functions, "limited")
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="limited")
    functions.put_function_concurrency(FunctionName="limited", ReservedConcurrentExecutions=0)
    assert refused(functions.invoke, FunctionName="limited")[:2] == (429, "TooManyRequestsException")
    described = functions.get_function(FunctionName="limited")
    assert described["Concurrency"] == {"ReservedConcurrentExecutions": 0}
    functions.delete_function_concurrency(FunctionName="limited")
    assert invoke(functions, "limited")["text"] == "one"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param(
            {"ReservedConcurrentExecutions": 901},
            "decreases account's UnreservedConcurrentExecution below its minimum value of [100].",
            id="too much",
        ),
        pytest.param(
            {"FunctionName": "first:1", "ReservedConcurrentExecutions": 1},
            "Aliases and versions do not support this operation.",
            id="a version",
        ),
        pytest.param(
            {"FunctionName": "declared", "ReservedConcurrentExecutions": 1},
            "headrace.toml declares functions.declared.reserved_concurrency: change it there.",
            id="one that the file fixes",
        ),
        pytest.param(
            {"ReservedConcurrentExecutions": -1},
            "Value '-1' at 'reservedConcurrentExecutions' failed to satisfy constraint",
            id="less than none",
        ),
    ],
)
def test_concurrency_that_cannot_be_reserved_is_refused(
    functions: Any, parameters: dict[str, Any], message: str
) -> None:
    status, _, text = refused(functions.put_function_concurrency, **{"FunctionName": "first", **parameters})
    assert status == 400
    assert message in text


def test_recursion_detection_is_switched_off_and_on(functions: Any) -> None:
    assert functions.get_function_recursion_config(FunctionName="second")["RecursiveLoop"] == "Terminate"
    functions.put_function_recursion_config(FunctionName="second", RecursiveLoop="Allow")
    assert functions.get_function_recursion_config(FunctionName="second")["RecursiveLoop"] == "Allow"
    functions.put_function_recursion_config(FunctionName="second", RecursiveLoop="Terminate")
    bad = refused(functions.put_function_recursion_config, FunctionName="second", RecursiveLoop="Maybe")
    assert bad[:2] == (400, "ValidationException")


def test_a_policy_is_kept_for_each_qualifier(functions: Any) -> None:
    create(functions, "permitted", Publish=True)
    functions.create_alias(FunctionName="permitted", Name="live", FunctionVersion="1")
    before = functions.get_function_configuration(FunctionName="permitted")["RevisionId"]
    added = functions.add_permission(
        FunctionName="permitted",
        StatementId="from-bucket",
        Action="lambda:InvokeFunction",
        Principal="s3.amazonaws.com",
        SourceArn="arn:aws:s3:::packages",
        SourceAccount="000000000000",
        RevisionId=before,
    )
    statement = json.loads(added["Statement"])
    assert statement == {
        "Sid": "from-bucket",
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "lambda:InvokeFunction",
        "Resource": ARN.format("permitted"),
        "Condition": {
            "StringEquals": {"AWS:SourceAccount": "000000000000"},
            "ArnLike": {"AWS:SourceArn": "arn:aws:s3:::packages"},
        },
    }
    functions.add_permission(
        FunctionName="permitted",
        Qualifier="live",
        StatementId="from-bucket",
        Action="lambda:InvokeFunction",
        Principal="123456789012",
    )
    policy = functions.get_policy(FunctionName="permitted")
    assert json.loads(policy["Policy"]) == {
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [statement],
    }
    assert policy["RevisionId"] != before
    of_alias = json.loads(functions.get_policy(FunctionName="permitted", Qualifier="live")["Policy"])
    assert of_alias["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    functions.remove_permission(FunctionName="permitted", StatementId="from-bucket")
    assert refused(functions.get_policy, FunctionName="permitted")[:2] == (404, "ResourceNotFoundException")
    assert invoke(functions, "permitted")["text"] == "one"


@pytest.mark.parametrize(
    ("operation", "parameters", "error"),
    [
        pytest.param(
            "add_permission",
            {"StatementId": "there"},
            (409, "The statement id (there) provided already exists."),
            id="a statement that is there",
        ),
        pytest.param(
            "add_permission",
            {"Qualifier": "$LATEST"},
            (400, "We currently do not support adding policies for $LATEST."),
            id="the unpublished version by name",
        ),
        pytest.param(
            "add_permission",
            {"Qualifier": "nothing"},
            (404, f"Cannot find alias arn: {ARN.format('first')}:nothing"),
            id="an alias that is not there",
        ),
        pytest.param(
            "add_permission",
            {"Principal": "somebody"},
            (400, "The provided principal was invalid."),
            id="a principal that is none",
        ),
        pytest.param(
            "add_permission", {"RevisionId": "other"}, (412, "The Revision Id provided"), id="a revision"
        ),
        pytest.param(
            "remove_permission",
            {"StatementId": "other"},
            (404, "Statement other is not found in resource policy."),
            id="a statement that is not there",
        ),
        pytest.param(
            "remove_permission",
            {"FunctionName": "second", "StatementId": "other"},
            (404, "No policy is associated with the given resource."),
            id="no policy",
        ),
    ],
)
def test_a_permission_that_makes_no_sense_is_refused(
    functions: Any, operation: str, parameters: dict[str, Any], error: tuple[int, str]
) -> None:
    adding = {"Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"}
    try:
        functions.get_policy(FunctionName="first")
    except functions.exceptions.ResourceNotFoundException:
        functions.add_permission(FunctionName="first", StatementId="there", **adding)
    given = {
        "FunctionName": "first",
        "StatementId": "new",
        **(adding if operation == "add_permission" else {}),
        **parameters,
    }
    status, _, message = refused(getattr(functions, operation), **given)
    assert status == error[0]
    assert message.startswith(error[1])


def test_tags_are_kept(functions: Any) -> None:
    arn = ARN.format("declared")
    functions.tag_resource(Resource=arn, Tags={"a": "1", "b": "2"})
    functions.untag_resource(Resource=arn, TagKeys=["a", "unknown"])
    assert functions.list_tags(Resource=arn)["Tags"] == {"b": "2"}
    assert functions.get_function(FunctionName="declared")["Tags"] == {"b": "2"}
    too_many = refused(
        functions.tag_resource, Resource=arn, Tags={f"tag{number}": "x" for number in range(51)}
    )
    assert too_many[2] == "Number of tags exceeds resource tag limit."
    assert refused(functions.list_tags, Resource=ARN.format("nobody"))[0] == 404
    assert refused(functions.list_tags, Resource=ARN.format("first") + ":1")[0] == 400


def test_the_account_says_what_is_used(functions: Any) -> None:
    settings = functions.get_account_settings()
    assert settings["AccountLimit"]["ConcurrentExecutions"] == 1000
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 995
    assert settings["AccountUsage"]["FunctionCount"] >= 4
    assert settings["AccountUsage"]["TotalCodeSize"] > 0


def test_queued_events_of_a_deleted_function_are_gone(functions: Any, process: HeadraceProcess) -> None:
    create(functions, "doomed", FAILING)
    functions.invoke(FunctionName="doomed", InvocationType="Event")
    process.wait_for("RetryScheduled", function="doomed")
    functions.delete_function(FunctionName="doomed")
    create(functions, "doomed", "def handler(event, context):\n    return 1\n")
    status = json.loads(headrace(process.folder, "status", "--json").stdout)
    assert status["functions"]["doomed"]["queued"] == 0
