"""Resources by the region and the account that a request is signed for, each with a life of its own."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until
from tests.end_to_end.lambda_deployment import RUNTIME, zip_of

HOME, OTHER = "us-east-1", "eu-west-1"
HERE, THERE = "000000000000", "111122223333"
ROLE = "arn:aws:iam::{}:role/worker"
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"

[queues.jobs]
"""
SIGNED = """
[simulator]
endpoint = "127.0.0.1:0"
require_signature = true
access_key_id = "AKIDLOCALDEVELOPMENT"
secret_access_key = "some secret of yours"

[queues.jobs]
"""
WORKER = """
import json, os
import boto3


def handler(event, context):
    if "Records" in event:
        found = [record.get("body") or record["s3"]["object"]["key"] for record in event["Records"]]
        boto3.client("sqs", region_name="us-east-1").send_message(
            QueueUrl=os.environ["REPORTS"], MessageBody=json.dumps([found, event["Records"][0]["awsRegion"]])
        )
    return {
        "region": os.environ["AWS_REGION"],
        "arn": context.invoked_function_arn,
        "account": boto3.client("sts").get_caller_identity()["Account"],
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
    }
"""


def client(url: str, service: str, region: str = HOME, account: str = HERE, **keys: str) -> Any:
    """Return a client that signs for a region and, by its access key, for an account."""
    given = {"aws_access_key_id": account, "aws_secret_access_key": "x", **keys}
    return boto3.Session().client(service, endpoint_url=url, region_name=region, **given)  # type: ignore[call-overload]


def keys_of(assumed: Any) -> dict[str, str]:
    """Return the keys that AssumeRole gives, as a client takes them."""
    given = assumed["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION, encoding="utf-8")
    return tmp_path


@pytest.fixture
def running(folder: Path) -> Iterator[HeadraceProcess]:
    with HeadraceProcess(folder) as process:
        yield process


def deploy(url: str, region: str, account: str, **variables: str) -> None:
    """Create the function `worker` there."""
    functions = client(url, "lambda", region, account)
    functions.create_function(
        FunctionName="worker",
        Role=ROLE.format(account),
        Runtime=RUNTIME,
        Handler="app.handler",
        Code={"ZipFile": zip_of(WORKER)},
        Environment={"Variables": variables},
    )
    functions.get_waiter("function_active_v2").wait(FunctionName="worker")


def invoke(url: str, region: str, account: str) -> Any:
    """Return what the function `worker` there answers."""
    answer = client(url, "lambda", region, account).invoke(FunctionName="worker")
    assert "FunctionError" not in answer, answer["Payload"].read()
    return json.load(answer["Payload"])


def test_each_region_and_account_has_resources_of_its_own(running: HeadraceProcess) -> None:
    places = [(HOME, HERE), (OTHER, HERE), (HOME, THERE), (OTHER, THERE)]
    for region, account in places:
        queues = client(running.url, "sqs", region, account)
        url = queues.create_queue(QueueName="made")["QueueUrl"]
        assert url.endswith(f"/{account}/made")
        arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        assert arn == f"arn:aws:sqs:{region}:{account}:made"
        queues.send_message(QueueUrl=url, MessageBody=f"{region} {account}")
    for region, account in places:
        queues = client(running.url, "sqs", region, account)
        url = queues.get_queue_url(QueueName="made")["QueueUrl"]
        bodies = [each["Body"] for each in queues.receive_message(QueueUrl=url).get("Messages", [])]
        assert bodies == [f"{region} {account}"]
        names = {each.rpartition("/")[2] for each in queues.list_queues()["QueueUrls"]}
        assert names == ({"made", "jobs"} if (region, account) == (HOME, HERE) else {"made"})


@pytest.mark.parametrize("region", ["local", "", "us-east"])
def test_a_name_that_is_no_regions_means_the_configured_one(running: HeadraceProcess, region: str) -> None:
    queues = client(running.url, "sqs", region or HOME, "any")
    assert queues.get_queue_url(QueueName="jobs")["QueueUrl"].endswith(f"/{HERE}/jobs")


def test_whoever_looks_for_what_is_configured_elsewhere_is_told(running: HeadraceProcess) -> None:
    queues = client(running.url, "sqs", OTHER)
    with pytest.raises(ClientError, match="The specified queue does not exist"):
        queues.get_queue_url(QueueName="jobs")
    queues.list_queues()
    (notice,) = running.wait_for(
        "Notice",
        text=("is new, as requests are signed for it; what the configuration describes is in us-east-1"),
    )
    assert notice["place"] == OTHER


def test_functions_live_in_their_region_and_account(running: HeadraceProcess) -> None:
    reports = client(running.url, "sqs").get_queue_url(QueueName="jobs")["QueueUrl"]
    for region, account in ((OTHER, HERE), (OTHER, THERE)):
        queue = client(running.url, "sqs", region, account).create_queue(QueueName="made")["QueueUrl"]
        deploy(running.url, region, account, REPORTS=reports)
        assert invoke(running.url, region, account) == {
            "region": region,
            "arn": f"arn:aws:lambda:{region}:{account}:function:worker",
            "account": account,
            "queues": [queue],
        }
    with pytest.raises(ClientError, match="Function not found"):
        client(running.url, "lambda").invoke(FunctionName="worker")
    with pytest.raises(ClientError, match="not reachable in this region"):
        client(running.url, "lambda").get_function(
            FunctionName=f"arn:aws:lambda:{OTHER}:{HERE}:function:worker"
        )


def test_sources_call_the_functions_of_their_region(running: HeadraceProcess) -> None:
    home = client(running.url, "sqs")
    reports = home.get_queue_url(QueueName="jobs")["QueueUrl"]
    deploy(running.url, OTHER, HERE, REPORTS=reports)
    queues, objects = (client(running.url, name, OTHER) for name in ("sqs", "s3"))
    queue = queues.create_queue(QueueName="made")["QueueUrl"]
    client(running.url, "lambda", OTHER).create_event_source_mapping(
        EventSourceArn=f"arn:aws:sqs:{OTHER}:{HERE}:made", FunctionName="worker"
    )
    queues.send_message(QueueUrl=queue, MessageBody="a message")

    there = {"CreateBucketConfiguration": {"LocationConstraint": OTHER}}
    objects.create_bucket(Bucket="abroad", **there)
    configuration = {"LambdaFunctionArn": f"arn:aws:lambda:{OTHER}:{HERE}:function:worker"}
    objects.put_bucket_notification_configuration(
        Bucket="abroad",
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [configuration | {"Events": ["s3:ObjectCreated:*"]}]
        },
    )
    objects.put_object(Bucket="abroad", Key="an object", Body=b"x")

    seen: list[Any] = []

    def both_are_reported() -> bool:
        messages = home.receive_message(QueueUrl=reports, MaxNumberOfMessages=10).get("Messages", [])
        seen.extend(json.loads(message["Body"]) for message in messages)
        return len(seen) == 2

    wait_until(both_are_reported, "both sources have called the function")
    assert sorted(seen) == [[["a message"], OTHER], [["an+object"], OTHER]]


def test_bucket_names_are_unique_everywhere(running: HeadraceProcess) -> None:
    here, abroad = client(running.url, "s3"), client(running.url, "s3", OTHER)
    stranger = client(running.url, "s3", OTHER, THERE)
    there = {"CreateBucketConfiguration": {"LocationConstraint": OTHER}}
    here.create_bucket(Bucket="near")
    abroad.create_bucket(Bucket="abroad", **there)
    stranger.create_bucket(Bucket="strange", **there)
    with pytest.raises(ClientError, match="BucketAlreadyExists"):
        stranger.create_bucket(Bucket="near", **there)
    regions = {each["Name"]: each["BucketRegion"] for each in here.list_buckets()["Buckets"]}
    assert regions == {"near": HOME, "abroad": OTHER}
    assert [each["Name"] for each in stranger.list_buckets()["Buckets"]] == ["strange"]

    abroad.put_object(Bucket="abroad", Key="k", Body=b"bytes")
    here.copy_object(Bucket="near", Key="copy", CopySource="abroad/k")
    assert abroad.get_object(Bucket="near", Key="copy")["Body"].read() == b"bytes"
    with pytest.raises(ClientError, match="notification destination service region is not valid"):
        here.put_bucket_notification_configuration(
            Bucket="abroad",
            NotificationConfiguration={
                "QueueConfigurations": [
                    {"QueueArn": f"arn:aws:sqs:{HOME}:{HERE}:jobs", "Events": ["s3:ObjectCreated:*"]}
                ]
            },
        )


def test_one_bucket_of_a_name_is_made_whoever_asks_at_once(running: HeadraceProcess) -> None:
    regions = ["eu-west-1", "ap-south-1", "eu-west-2", "us-west-2"]

    def make(region: str) -> str:
        try:
            there = {"CreateBucketConfiguration": {"LocationConstraint": region}}
            client(running.url, "s3", region).create_bucket(Bucket="wanted", **there)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return "made"

    with ThreadPoolExecutor(len(regions)) as pool:
        assert sorted(pool.map(make, regions)) == [*["BucketAlreadyOwnedByYou"] * 3, "made"]


def test_a_bucket_may_be_made_from_a_region_that_is_none(running: HeadraceProcess) -> None:
    client(running.url, "s3", "local").create_bucket(Bucket="near")
    assert client(running.url, "s3").head_bucket(Bucket="near")["BucketRegion"] == HOME


def test_what_was_elsewhere_is_not_taken_for_what_is_configured(folder: Path) -> None:
    with HeadraceProcess(folder) as before:
        client(before.url, "sqs", OTHER).create_queue(QueueName="made")
    path = folder / "headrace.toml"
    path.write_text(
        CONFIGURATION.replace("[simulator]", f'[simulator]\nregion = "{OTHER}"'), encoding="utf-8"
    )
    with HeadraceProcess(folder) as running:
        (notice,) = running.of("Notice", place=OTHER)
        assert notice["text"].startswith("what was made here while another region was the configured one")
        urls = client(running.url, "sqs", OTHER).list_queues()["QueueUrls"]
        assert [url.rpartition("/")[2] for url in urls] == ["jobs"]
        assert b"  in " not in headrace(folder, "status").stdout


def test_a_role_of_another_account_leads_there(running: HeadraceProcess) -> None:
    identities = client(running.url, "iam", account=THERE)
    identities.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")
    assert client(running.url, "iam", OTHER, THERE).get_role(RoleName="worker")["Role"]["Arn"] == ROLE.format(
        THERE
    )
    with pytest.raises(ClientError, match="NoSuchEntity"):
        client(running.url, "iam").get_role(RoleName="worker")

    made = identities.get_role(RoleName="worker")["Role"]["RoleId"]
    assumed = client(running.url, "sts").assume_role(RoleArn=ROLE.format(THERE), RoleSessionName="test")
    assert assumed["AssumedRoleUser"]["AssumedRoleId"] == f"{made}:test"
    keys = keys_of(assumed)
    assert client(running.url, "sts", **keys).get_caller_identity()["Account"] == THERE
    url = client(running.url, "sqs", **keys).create_queue(QueueName="made")["QueueUrl"]
    assert url.endswith(f"/{THERE}/made")


def test_what_is_in_another_region_survives_a_kill(folder: Path) -> None:
    with HeadraceProcess(folder) as killed:
        queues = client(killed.url, "sqs", OTHER, THERE)
        queue = queues.create_queue(QueueName="made")["QueueUrl"]
        queues.send_message(QueueUrl=queue, MessageBody="kept")
        killed.kill()
    with HeadraceProcess(folder) as again:
        shown = headrace(folder, "status").stdout.decode()
        assert f"  in {THERE}/{OTHER}:\n    queue     made               1 message\n" in shown
        queues = client(again.url, "sqs", OTHER, THERE)
        queue = queues.get_queue_url(QueueName="made")["QueueUrl"]
        assert [each["Body"] for each in queues.receive_message(QueueUrl=queue)["Messages"]] == ["kept"]
        waiting = headrace(folder, "wait", "--idle", "--timeout", "30s").stdout.decode()
        assert f"1 message at {THERE}/{OTHER}/queues.made (hidden, in " in waiting


def test_functions_of_other_accounts_can_sign(folder: Path) -> None:
    (folder / "headrace.toml").write_text(SIGNED, encoding="utf-8")
    mine = {
        "aws_access_key_id": "AKIDLOCALDEVELOPMENT",
        "aws_secret_access_key": "some secret of yours",
    }
    with HeadraceProcess(folder) as running:
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            client(running.url, "sqs", account=THERE).list_queues()
        role = {"RoleArn": ROLE.format(THERE), "RoleSessionName": "test"}
        keys = keys_of(client(running.url, "sts", **mine).assume_role(**role))
        functions = client(running.url, "lambda", OTHER, **keys)
        functions.create_function(
            FunctionName="worker",
            Role=ROLE.format(THERE),
            Runtime=RUNTIME,
            Handler="app.handler",
            Code={"ZipFile": zip_of(WORKER)},
        )
        functions.get_waiter("function_active_v2").wait(FunctionName="worker")
        answer = json.load(functions.invoke(FunctionName="worker")["Payload"])
        assert (answer["region"], answer["account"], answer["queues"]) == (OTHER, THERE, [])
