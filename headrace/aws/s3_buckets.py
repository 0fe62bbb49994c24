"""Making, finding and deleting buckets. Source: S3 API reference; S3 user guide, "Bucket naming rules"."""

import re
from base64 import b64decode, urlsafe_b64encode
from datetime import datetime
from typing import Any

from aiohttp import web

from engine.clock import iso_millis
from headrace.aws.rest_xml import Node, S3Error, parse
from headrace.aws.s3_body import read_text
from headrace.aws.s3_call import REGION_HEADER, Call, Operation
from headrace.aws.s3_errors import declared, invalid_argument, not_simulated
from headrace.aws.s3_headers import acls_not_supported
from headrace.aws.s3_listing import count_parameter
from headrace.aws.s3_tags import check_bucket_tags, tags_of
from triggers.s3.event import OWNER_ID
from triggers.s3.settings import check_bucket_name

MOST_BUCKETS = 10_000
DEFAULT_REGION = "us-east-1"
OF_OWNER = "BucketOwnerEnforced"  # objects belong to the bucket's owner: the default since April 2023
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


async def list_buckets(call: Call) -> web.StreamResponse:
    """ListBuckets."""
    query = call.query
    limit = count_parameter(query.get("max-buckets"), "max-buckets", MOST_BUCKETS)
    if limit == 0:
        raise invalid_argument(
            f"Argument max-buckets must be an integer between 1 and {MOST_BUCKETS}", "max-buckets", "0"
        )
    prefix, after = query.get("prefix", ""), _read_token(query.get("continuation-token"))
    region = query.get("bucket-region")
    homes = {name: buckets for buckets in call.everywhere.of_account(call.account_id) for name in buckets}
    names = [
        name
        for name, buckets in sorted(homes.items())
        if name.startswith(prefix) and name > after and region in (None, buckets.location(name))
    ]
    page = names[:limit]
    created: dict[str, datetime] = {}
    for buckets in {id(homes[name]): homes[name] for name in page}.values():
        created |= await buckets.created()
    members: dict[str, Any] = {
        "Owner": {"ID": OWNER_ID},
        "Buckets": {
            "Bucket": [
                {
                    "Name": name,
                    "CreationDate": iso_millis(created[name]),
                    "BucketRegion": homes[name].location(name),
                    "BucketArn": call.s3.account.bucket(name),
                }
                for name in page
            ]
        },
    }
    if "prefix" in query:
        members["Prefix"] = prefix
    if len(names) > limit:
        members["ContinuationToken"] = urlsafe_b64encode(names[limit - 1].encode()).decode()
    return call.xml("ListAllMyBucketsResult", members)


def _read_token(token: str | None) -> str:
    try:
        return "" if token is None else b64decode(token.encode(), altchars=b"-_", validate=True).decode()
    except ValueError:
        message = "The continuation token provided is incorrect"
        raise invalid_argument(message, "continuation-token") from None


async def create_bucket(call: Call) -> web.StreamResponse:
    """CreateBucket: a folder in the state folder."""
    name = call.address.bucket
    _check_headers(call)
    body = await read_text(call.request)
    configuration = parse(body, "CreateBucketConfiguration") if body.strip() else None
    location = _location(call, configuration)
    tags = [] if configuration is None or (found := configuration.child("Tags")) is None else tags_of(found)
    check_bucket_tags(tags)
    try:
        check_bucket_name(name)
    except ValueError as error:
        message = f"The specified bucket is not valid: {error}"
        raise S3Error("InvalidBucketName", message, 400, BucketName=name) from None
    async with call.everywhere.making:
        if name not in call.everywhere:
            there = await call.everywhere.at(call.account_id, location)
            await there.buckets.make(name, location, dict(tags))
        else:
            _check_that_it_may_be_made_again(call, location)
    said = (
        f"/{name}" if location == DEFAULT_REGION else f"http://{call.request.headers.get('Host', '')}/{name}"
    )
    return call.empty(headers={"Location": said, "x-amz-bucket-arn": call.s3.account.bucket(name)})


def _check_that_it_may_be_made_again(call: Call, location: str) -> None:
    name = call.address.bucket
    there = call.everywhere.around(name)
    if there.account.account_id != call.account_id:
        raise S3Error(
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the "
            "system. Please select a different name and try again.",
            409,
            BucketName=name,
        )
    if location != DEFAULT_REGION or there.buckets.location(name) != DEFAULT_REGION:
        raise S3Error(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
            409,
            BucketName=name,
        )


def _check_headers(call: Call) -> None:
    headers = call.request.headers
    if headers.get("x-amz-acl", "private") != "private" or any(
        name.lower().startswith("x-amz-grant-") for name in headers
    ):
        raise acls_not_supported()
    if headers.get("x-amz-bucket-object-lock-enabled", "false").lower() == "true":
        raise not_simulated("Object Lock")
    if headers.get("x-amz-object-ownership", OF_OWNER) != OF_OWNER:
        raise not_simulated(f"x-amz-object-ownership: {headers['x-amz-object-ownership']}")


def _location(call: Call, configuration: Node | None) -> str:
    """Return the region for a new bucket. Raises S3Error when it does not go with that of the endpoint."""
    asked = call.region
    constraint = None if configuration is None else configuration.text("LocationConstraint")
    for name in ("Location", "Bucket"):
        if configuration is not None and configuration.child(name) is not None:
            raise not_simulated("A directory bucket")
    if not constraint:
        if asked != DEFAULT_REGION:
            raise _illegal("unspecified")
        return asked
    if constraint == "EU":
        constraint = "eu-west-1"
    if constraint == DEFAULT_REGION or not _REGION.fullmatch(constraint):
        raise S3Error(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            400,
            LocationConstraint=constraint,
        )
    if asked not in (DEFAULT_REGION, constraint):
        raise _illegal(constraint)
    return constraint


def _illegal(constraint: str) -> S3Error:
    return S3Error(
        "IllegalLocationConstraintException",
        f"The {constraint} location constraint is incompatible for the region specific endpoint this request "
        "was sent to.",
        400,
    )


async def head_bucket(call: Call) -> web.StreamResponse:
    """HeadBucket."""
    bucket = call.bucket
    return call.empty(
        headers={
            "x-amz-bucket-arn": call.s3.account.bucket(bucket.name),
            REGION_HEADER: call.s3.buckets.location(bucket.name),
            "x-amz-access-point-alias": "false",
            "Content-Type": "application/xml",
        }
    )


async def get_bucket_location(call: Call) -> web.StreamResponse:
    """GetBucketLocation: nothing for us-east-1."""
    location = call.s3.buckets.location(call.bucket.name)
    return call.xml("LocationConstraint", "" if location == DEFAULT_REGION else location)


async def delete_bucket(call: Call) -> web.StreamResponse:
    """DeleteBucket."""
    name, buckets = call.bucket.name, call.s3.buckets
    if name in buckets.configured:
        raise declared(name, "remove it there to delete it")
    if not await buckets.delete(name):
        raise S3Error("BucketNotEmpty", "The bucket you tried to delete is not empty", 409, BucketName=name)
    return call.empty(204)


OPERATIONS: dict[str, Operation] = {
    "ListBuckets": list_buckets,
    "CreateBucket": create_bucket,
    "HeadBucket": head_bucket,
    "GetBucketLocation": get_bucket_location,
    "DeleteBucket": delete_bucket,
}
