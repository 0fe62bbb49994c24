"""The events of S3 and who hears of them, and requests that are broken."""

import hashlib
import http.client
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import wait_until
from tests.fakes.s3_api import FUNCTION, MEBIBYTE, NOTIFY, QUEUE, ROOT, Api, b64
from tests.fakes.s3_api import api as api
from tests.fakes.s3_api import bucket as bucket
from tests.fakes.s3_api import folder as folder
from triggers.s3.buckets import ARRIVING


def test_each_operation_raises_its_own_event(api: Api) -> None:
    api.put("heard", "events", b"1")
    api.put("heard", "other", b"2")
    api.s3.copy_object(Bucket="heard", Key="events", CopySource="heard/other")
    api.s3.delete_object(Bucket="heard", Key="events")
    api.s3.delete_objects(Bucket="heard", Delete={"Objects": [{"Key": "events"}]})
    api.expect_heard(
        "events",
        "ObjectCreated:Put",
        "ObjectCreated:Copy",
        "ObjectRemoved:Delete",
        "ObjectRemoved:Delete",
    )


def test_notifications_can_be_put(api: Api, bucket: str) -> None:
    s3 = api.s3
    assert "QueueConfigurations" not in s3.get_bucket_notification_configuration(Bucket=bucket)
    wanted = {
        "LambdaFunctionConfigurations": [
            {
                "Id": "pictures",
                "LambdaFunctionArn": FUNCTION,
                "Events": ["s3:ObjectCreated:Put"],
                "Filter": {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}},
            }
        ],
        "QueueConfigurations": [
            {"QueueArn": QUEUE, "Events": ["s3:ObjectRemoved:*", "s3:ObjectCreated:Copy"]}
        ],
    }
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)
    kept = s3.get_bucket_notification_configuration(Bucket=bucket)
    assert kept["LambdaFunctionConfigurations"][0]["Filter"]["Key"]["FilterRules"] == [
        {"Name": "Suffix", "Value": ".jpg"}
    ]
    assert kept["QueueConfigurations"][0]["Id"]
    api.put(bucket, "notified.jpg")
    api.put(bucket, "notified.png")
    s3.delete_object(Bucket=bucket, Key="notified.png")
    wait_until(lambda: api.heard("notified.jpg"), "the function is told")
    assert api.heard("notified.png") == []

    sqs = api.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    received: list[Any] = []
    while len(received) < 2:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=5)
        received += [json.loads(each["Body"]) for each in answer["Messages"]]
    tests = [each for each in received if "Records" not in each]
    records = [record for each in received for record in each.get("Records", [])]
    assert [(each["Event"], each["Bucket"]) for each in tests] == [("s3:TestEvent", bucket)]
    assert [(each["eventName"], each["s3"]["object"]["key"]) for each in records] == [
        ("ObjectRemoved:Delete", "notified.png")
    ]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    api.put(bucket, "unheard.jpg")
    assert api.heard("unheard.jpg") == []


def function(**options: Any) -> dict[str, Any]:
    return {
        "LambdaFunctionConfigurations": [
            {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"], **options}
        ]
    }


def queue(arn: str) -> dict[str, Any]:
    return {"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]}


def rules(*pairs: tuple[str, str]) -> dict[str, Any]:
    return {"Key": {"FilterRules": [{"Name": name, "Value": value} for name, value in pairs]}}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(
            function(LambdaFunctionArn=f"{FUNCTION}-none"),
            "Unable to validate the following destination configurations",
            id="no such function",
        ),
        pytest.param(
            queue(f"{QUEUE}-none"),
            "Unable to validate the following destination configurations",
            id="no such queue",
        ),
        pytest.param(function(LambdaFunctionArn="resize"), "The ARN could not be parsed", id="no ARN"),
        pytest.param(queue(FUNCTION), "The ARN could not be parsed", id="the ARN of something else"),
        pytest.param(queue(f"{QUEUE}.fifo"), "FIFO", id="a FIFO queue"),
        pytest.param(
            function(Events=["s3:Never"]), "The event is not supported for notifications", id="no event"
        ),
        pytest.param(function(Events=["s3:ObjectRestore:*"]), "not simulated", id="an event never raised"),
        pytest.param(
            function(Filter=rules(("infix", "a"))),
            "filter rule name must be either prefix or suffix",
            id="no such filter",
        ),
        pytest.param(
            function(Filter=rules(("prefix", "a"), ("Prefix", "b"))),
            "Cannot specify more than one prefix rule in a filter",
            id="two prefixes",
        ),
        pytest.param(function() | queue(QUEUE), "Configuration is ambiguously defined", id="overlap"),
    ],
)
def test_notifications_that_are_refused(api: Api, bucket: str, wanted: dict[str, Any], message: str) -> None:
    with pytest.raises(ClientError, match=message):
        api.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=wanted)


def test_the_deprecated_operations_do_the_same(api: Api, bucket: str) -> None:
    s3 = api.s3
    wanted = {"Id": "old", "Queue": QUEUE, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification(Bucket=bucket, NotificationConfiguration={"QueueConfiguration": wanted})
    shown = s3.get_bucket_notification(Bucket=bucket)["QueueConfiguration"]
    assert {name: shown[name] for name in wanted} == wanted
    kept = s3.get_bucket_notification_configuration(Bucket=bucket)["QueueConfigurations"]
    assert kept == [{"Id": "old", "QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}]
    s3.put_bucket_notification(Bucket=bucket, NotificationConfiguration={})
    assert "QueueConfiguration" not in s3.get_bucket_notification(Bucket=bucket)
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.get_bucket_notification(Bucket="nowhere")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3.put_bucket_notification(Bucket="nowhere", NotificationConfiguration={})


def test_configured_notifications_stay(api: Api) -> None:
    s3 = api.s3
    fixed = s3.get_bucket_notification_configuration(Bucket="inbox")["LambdaFunctionConfigurations"]
    assert [(each["Id"], each["LambdaFunctionArn"]) for each in fixed] == [("fixed", FUNCTION)]
    with pytest.raises(ClientError, match=r"headrace\.toml declares the bucket inbox.*fixed"):
        s3.put_bucket_notification_configuration(Bucket="inbox", NotificationConfiguration={})
    more = {
        "Id": "more",
        "LambdaFunctionArn": FUNCTION,
        "Events": ["s3:ObjectCreated:*"],
        "Filter": rules(("prefix", "more/")),
    }
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"LambdaFunctionConfigurations": [*fixed, more]}
    )
    listed = s3.get_bucket_notification_configuration(Bucket="inbox")["LambdaFunctionConfigurations"]
    assert [each["Id"] for each in listed] == ["fixed", "more"]
    s3.put_bucket_notification_configuration(
        Bucket="inbox", NotificationConfiguration={"LambdaFunctionConfigurations": fixed}
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("POST", "/inbox?delete", b"<Delete>", "MalformedXML"),
        ("PUT", "/inbox/k?tagging", b"", "MalformedXML"),
        ("PUT", "/inbox/k?tagging", b'<!DOCTYPE a [<!ENTITY e "x">]><Tagging/>', "MalformedXML"),
        ("PUT", f"/inbox?{NOTIFY}", b"<Other/>", "MalformedXML"),
        ("PUT", f"/inbox?{NOTIFY}", f"<{ROOT}><X/></{ROOT}>".encode(), "MalformedXML"),
        ("GET", "/inbox/%FF", None, "InvalidURI"),
        ("PATCH", "/inbox/k", None, "NotImplemented"),
        ("GET", "/inbox?sesame", None, "NotImplemented"),
        ("POST", "/inbox/k", b"", "NotImplemented"),
        ("PUT", "/", b"", "NotImplemented"),
        ("GET", "/inbox/k?partNumber=x", None, "NoSuchKey"),
        ("GET", "/heard/broken?response-expires=a%0D%0AX:1", None, "InvalidArgument"),
        ("GET", "/heard/broken?partNumber=x", None, "InvalidArgument"),
        ("GET", "/inbox/a%00b", None, "NoSuchKey"),
        ("PUT", "/inbox/a%00b", b"", "InvalidArgument"),
        ("PUT", "/a%00b", b"", "InvalidBucketName"),
    ],
)  # fmt: skip
def test_broken_requests_are_answered_with_errors_of_s3(
    api: Api, method: str, path: str, body: bytes | None, code: str
) -> None:
    api.put("heard", "broken")
    headers = {} if body is None else {"Content-MD5": b64(hashlib.md5(body).digest())}
    status, said, answer = api.raw(method, path, body, headers)
    assert f"<Code>{code}</Code>".encode() in answer, answer
    assert status >= 400
    assert said["x-amz-request-id"].encode() in answer


def test_a_client_that_hangs_up_leaves_nothing_behind(api: Api, folder: Path) -> None:
    connection = http.client.HTTPConnection(urlsplit(api.url).netloc, timeout=30)
    connection.putrequest("PUT", "/heard/broken-off")
    connection.putheader("Content-Length", str(10 * MEBIBYTE))
    connection.endheaders()
    connection.send(b"x" * 3 * MEBIBYTE)

    def arriving() -> list[Path]:
        return [path for path in (folder / ".headrace" / ARRIVING).rglob("*") if path.is_file()]

    wait_until(arriving, "the upload has begun")
    connection.close()
    wait_until(lambda: not arriving(), "it is given up")
    assert api.refused("head_object", Bucket="heard", Key="broken-off") == "404"
