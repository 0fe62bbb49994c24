"""Buckets and their configuration, with boto3."""

import json
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.fakes.s3_api import Api
from tests.fakes.s3_api import api as api
from tests.fakes.s3_api import bucket as bucket
from tests.fakes.s3_api import folder as folder


def test_buckets_come_and_go(api: Api) -> None:
    assert api.s3.create_bucket(Bucket="fresh")["Location"] == "/fresh"
    assert api.s3.create_bucket(Bucket="fresh")["Location"] == "/fresh"  # as in us-east-1
    assert api.s3.head_bucket(Bucket="fresh")["BucketRegion"] == "us-east-1"
    assert api.s3.get_bucket_location(Bucket="fresh")["LocationConstraint"] is None
    listed = {each["Name"] for each in api.s3.list_buckets()["Buckets"]}
    assert {"fresh", "inbox", "heard"} <= listed
    api.s3.get_waiter("bucket_exists").wait(Bucket="fresh")

    api.put("fresh", "k")
    assert api.refused("delete_bucket", Bucket="fresh") == "BucketNotEmpty"
    api.s3.delete_object(Bucket="fresh", Key="k")
    api.s3.delete_bucket(Bucket="fresh")

    assert api.refused("head_bucket", Bucket="fresh") == "404"
    assert api.refused("put_object", Bucket="fresh", Key="k") == "NoSuchBucket"
    assert api.refused("delete_bucket", Bucket="fresh") == "NoSuchBucket"


def test_a_bucket_is_made_where_its_location_constraint_says(api: Api) -> None:
    there = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    api.s3.create_bucket(Bucket="abroad", **there)
    assert api.s3.get_bucket_location(Bucket="abroad")["LocationConstraint"] == "eu-west-1"
    assert api.refused("create_bucket", Bucket="abroad", **there) == "BucketAlreadyOwnedByYou"
    api.s3.delete_bucket(Bucket="abroad")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        pytest.param({"Bucket": "UPPER"}, "InvalidBucketName", id="upper case"),
        pytest.param({"Bucket": "192.168.0.1"}, "InvalidBucketName", id="an address"),
        pytest.param(
            {"Bucket": "new", "CreateBucketConfiguration": {"LocationConstraint": "us-east-1"}},
            "InvalidLocationConstraint",
            id="the default region is not named",
        ),
        pytest.param(
            {"Bucket": "new", "CreateBucketConfiguration": {"LocationConstraint": "moon"}},
            "InvalidLocationConstraint",
            id="no region",
        ),
        pytest.param({"Bucket": "new", "ACL": "public-read"}, "AccessControlListNotSupported", id="public"),
        pytest.param({"Bucket": "new", "ObjectLockEnabledForBucket": True}, "NotImplemented", id="locked"),
    ],
)
def test_a_bucket_that_cannot_be_made(api: Api, options: dict[str, Any], code: str) -> None:
    assert api.refused("create_bucket", **options) == code


def test_another_region_needs_its_constraint(api: Api) -> None:
    elsewhere: Any = boto3.client(
        "s3",
        endpoint_url=api.url,
        region_name="eu-west-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    with pytest.raises(ClientError, match="IllegalLocationConstraintException"):
        elsewhere.create_bucket(Bucket="new")


def test_a_configured_bucket_belongs_to_the_configuration(api: Api) -> None:
    assert api.s3.create_bucket(Bucket="inbox")["Location"] == "/inbox"
    with pytest.raises(ClientError, match=r"headrace\.toml declares"):
        api.s3.delete_bucket(Bucket="inbox")


def test_buckets_are_listed_in_pages(api: Api) -> None:
    for number in range(3):
        api.s3.create_bucket(Bucket=f"page-{number}")
    first = api.s3.list_buckets(Prefix="page-", MaxBuckets=2)
    second = api.s3.list_buckets(Prefix="page-", ContinuationToken=first["ContinuationToken"])
    assert [each["Name"] for each in first["Buckets"]] == ["page-0", "page-1"]
    assert [each["Name"] for each in second["Buckets"]] == ["page-2"]
    assert "ContinuationToken" not in second
    for number in range(3):
        api.s3.delete_bucket(Bucket=f"page-{number}")


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("get_bucket_cors", "NoSuchCORSConfiguration"),
        ("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("get_bucket_policy", "NoSuchBucketPolicy"),
        ("get_bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("get_bucket_tagging", "NoSuchTagSet"),
        ("get_bucket_website", "NoSuchWebsiteConfiguration"),
        ("get_object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_a_bucket_does_not_have(api: Api, operation: str, code: str) -> None:
    assert api.refused(operation, Bucket="inbox") == code


def test_what_a_bucket_has_by_itself(api: Api) -> None:
    s3 = api.s3
    assert "Status" not in s3.get_bucket_versioning(Bucket="inbox")
    assert s3.get_bucket_acl(Bucket="inbox")["Grants"][0]["Permission"] == "FULL_CONTROL"
    rules = s3.get_bucket_encryption(Bucket="inbox")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert s3.get_public_access_block(Bucket="inbox")["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    controls = s3.get_bucket_ownership_controls(Bucket="inbox")["OwnershipControls"]
    assert controls["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert s3.get_bucket_request_payment(Bucket="inbox")["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket="inbox")
    assert "Status" not in s3.get_bucket_accelerate_configuration(Bucket="inbox")
    for kind in ("analytics", "intelligent_tiering", "inventory", "metrics"):
        assert getattr(s3, f"list_bucket_{kind}_configurations")(Bucket="inbox")["IsTruncated"] is False


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        (
            "put_bucket_cors",
            {"CORSConfiguration": {"CORSRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}]}},
        ),
        (
            "put_bucket_lifecycle_configuration",
            {
                "LifecycleConfiguration": {
                    "Rules": [{"Status": "Enabled", "Filter": {}, "Expiration": {"Days": 1}}]
                }
            },
        ),
        ("put_bucket_request_payment", {"RequestPaymentConfiguration": {"Payer": "Requester"}}),
        (
            "put_bucket_ownership_controls",
            {"OwnershipControls": {"Rules": [{"ObjectOwnership": "ObjectWriter"}]}},
        ),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(
    api: Api, operation: str, parameters: dict[str, Any]
) -> None:
    assert api.refused(operation, Bucket="heard", **parameters) == "NotImplemented"


def test_documents_are_kept_and_given_back(api: Api, bucket: str) -> None:
    s3 = api.s3
    blocked = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy"), False)
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=blocked)
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"] == blocked
    s3.delete_public_access_block(Bucket=bucket)
    code = api.refused("get_public_access_block", Bucket=bucket)
    assert code == "NoSuchPublicAccessBlockConfiguration"

    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3.put_bucket_policy(Bucket=bucket, Policy=policy)
    assert s3.get_bucket_policy(Bucket=bucket)["Policy"] == policy
    assert api.refused("put_bucket_policy", Bucket=bucket, Policy="[") == "MalformedPolicy"
    s3.delete_bucket_policy(Bucket=bucket)
    assert api.refused("get_bucket_policy", Bucket=bucket) == "NoSuchBucketPolicy"

    tags = [{"Key": "team", "Value": "blue & green"}]
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags})
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == tags
    s3.delete_bucket_tagging(Bucket=bucket)
    assert api.refused("get_bucket_tagging", Bucket=bucket) == "NoSuchTagSet"
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert api.refused("put_bucket_acl", Bucket=bucket, ACL="public-read") == "AccessControlListNotSupported"


def test_encryption_and_ownership_are_what_a_bucket_has_by_itself_once_deleted(api: Api, bucket: str) -> None:
    s3 = api.s3
    by_key = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/any"}
    rules = [{"ApplyServerSideEncryptionByDefault": by_key, "BucketKeyEnabled": True}]
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": rules})
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"] == rules
    s3.delete_bucket_encryption(Bucket=bucket)
    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}

    enforced = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=enforced)
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    assert api.refused("get_bucket_ownership_controls", Bucket=bucket) == "OwnershipControlsNotFoundError"


def test_what_a_bucket_does_not_have_can_be_deleted_and_put_as_it_is(api: Api, bucket: str) -> None:
    s3 = api.s3
    for document in ("cors", "lifecycle", "replication", "website"):
        answer = getattr(s3, f"delete_bucket_{document}")(Bucket=bucket)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
        assert api.refused(f"delete_bucket_{document}", Bucket="nowhere-at-all") == "NoSuchBucket"
    s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
    target = {"LoggingEnabled": {"TargetBucket": "inbox", "TargetPrefix": ""}}
    assert api.refused("put_bucket_logging", Bucket=bucket, BucketLoggingStatus=target) == "NotImplemented"
    accelerated = {"Status": "Enabled"}
    refused = api.refused(
        "put_bucket_accelerate_configuration", Bucket=bucket, AccelerateConfiguration=accelerated
    )
    assert refused == "NotImplemented"


def test_an_object_is_its_owners_alone(api: Api, bucket: str) -> None:
    api.put(bucket, "own")
    api.s3.put_object_acl(Bucket=bucket, Key="own", ACL="bucket-owner-full-control")
    assert api.s3.get_object_acl(Bucket=bucket, Key="own")["Grants"][0]["Permission"] == "FULL_CONTROL"
    refused = api.refused("put_object_acl", Bucket=bucket, Key="own", ACL="public-read")
    assert refused == "AccessControlListNotSupported"
    for operation, options in (("get_object_acl", {}), ("put_object_acl", {"ACL": "private"})):
        assert api.refused(operation, Bucket=bucket, Key="missing", **options) == "NoSuchKey"
