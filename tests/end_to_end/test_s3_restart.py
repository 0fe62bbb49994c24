"""What was made and put over the API, after `kill -9`."""

import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from tests.end_to_end.headrace_process import HeadraceProcess

CONFIGURATION = f"""
[simulator]
endpoint = "127.0.0.1:0"

[functions.resize]
code = "fn"
handler = "handler.handler"
python = "{sys.executable}"
"""
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:resize"


def client(simulator: HeadraceProcess) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=simulator.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def test_all_of_it_is_there_again(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(CONFIGURATION)
    (tmp_path / "fn").mkdir()
    (tmp_path / "fn/handler.py").write_text("def handler(event, context):\n    return None\n")
    here = {"Bucket": "made", "Key": "k"}
    with HeadraceProcess(tmp_path) as simulator:
        s3 = client(simulator)
        s3.create_bucket(
            Bucket="made", CreateBucketConfiguration={"Tags": [{"Key": "team", "Value": "blue"}]}
        )
        s3.create_bucket(Bucket="unmade")
        s3.put_object(**here, Body=b"1", ContentType="text/css", Metadata={"a": "1"}, Tagging="t=1")
        s3.put_object(Bucket="made", Key="folder/", Body=b"")
        s3.put_bucket_notification_configuration(
            Bucket="made",
            NotificationConfiguration={
                "LambdaFunctionConfigurations": [
                    {"LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
                ]
            },
        )
        upload = s3.create_multipart_upload(Bucket="made", Key="whole")["UploadId"]
        part = s3.upload_part(Bucket="made", Key="whole", UploadId=upload, PartNumber=1, Body=b"part")
        abandoned = s3.create_multipart_upload(Bucket="unmade", Key="never")["UploadId"]
        s3.upload_part(Bucket="unmade", Key="never", UploadId=abandoned, PartNumber=1, Body=b"part")
        created = {each["Name"]: each["CreationDate"] for each in s3.list_buckets()["Buckets"]}
        s3.delete_bucket(Bucket="unmade")
        simulator.kill()

    (tmp_path / ".headrace/buckets/made/dropped").write_text("while it was down")
    with HeadraceProcess(tmp_path) as simulator:
        s3 = client(simulator)
        buckets = s3.list_buckets()["Buckets"]
        assert [(each["Name"], each["CreationDate"]) for each in buckets] == [("made", created["made"])]
        assert s3.get_bucket_tagging(Bucket="made")["TagSet"] == [{"Key": "team", "Value": "blue"}]
        head = s3.head_object(**here)
        assert (head["ContentType"], head["Metadata"], head["TagCount"]) == ("text/css", {"a": "1"}, 1)
        simulator.wait_for("EventEmitted", detail="dropped", name="ObjectCreated:Put")
        keys = [each["Key"] for each in s3.list_objects_v2(Bucket="made")["Contents"]]
        assert keys == ["dropped", "folder/", "k"]
        parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        s3.complete_multipart_upload(
            Bucket="made", Key="whole", UploadId=upload, MultipartUpload={"Parts": parts}
        )
        assert s3.get_object(Bucket="made", Key="whole")["Body"].read() == b"part"
        simulator.wait_for("EventEmitted", detail="whole", name="ObjectCreated:CompleteMultipartUpload")
        assert [fact["detail"] for fact in simulator.of("EventEmitted")] == ["dropped", "whole"]
        assert not list((tmp_path / ".headrace").glob("uploads/*"))
