"""The S3 endpoint: buckets and the objects of their folders over HTTP.

Path style (`/bucket/key`) and virtual-host style (`bucket.host/key`). Source: botocore's service model
s3 2006-03-01, and the S3 API reference for errors and headers.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from engine.errors import StoreError
from engine.random_uuid import random_hex
from headrace.aws import (
    s3_bucket_documents,
    s3_buckets,
    s3_copy,
    s3_form,
    s3_listing,
    s3_multipart,
    s3_multipart_listing,
    s3_notifications,
    s3_objects,
    s3_tagging,
)
from headrace.aws.rest_xml import S3Error
from headrace.aws.s3_address import operation_name, parse_address
from headrace.aws.s3_call import Call, Operation
from headrace.aws.s3_errors import no_such_bucket, not_simulated
from headrace.aws.s3_everywhere import BucketsEverywhere, Surroundings
from triggers.s3.bucket import BucketDeleted
from triggers.s3.keys import LONGEST_KEY_BYTES

if TYPE_CHECKING:
    from headrace.region import Region
    from headrace.regions import Regions

OPERATIONS: Mapping[str, Operation] = {
    **s3_bucket_documents.OPERATIONS,
    **s3_buckets.OPERATIONS,
    **s3_copy.OPERATIONS,
    **s3_form.OPERATIONS,
    **s3_listing.OPERATIONS,
    **s3_multipart.OPERATIONS,
    **s3_multipart_listing.OPERATIONS,
    **s3_notifications.OPERATIONS,
    **s3_objects.OPERATIONS,
    **s3_tagging.OPERATIONS,
}


def open_s3(regions: "Regions") -> "S3Wire":
    """Return the S3 of a simulator's regions."""
    known: dict[Region, Surroundings] = {}

    def around(region: "Region") -> Surroundings:
        if region not in known:
            buckets, functions = region.sources.buckets, region.functions
            known[region] = Surroundings(
                buckets,
                buckets.uploads,
                region.configuration.account,
                region.clock,
                regions.lineage_of,
                lambda name, qualifier: functions.versions.timeout_of(name, qualifier) is not None,
                region.sources.destination_of,
            )
        return known[region]

    async def at(account_id: str, region: str) -> Surroundings:
        return around(await regions.at(account_id, region))

    return S3Wire(BucketsEverywhere(lambda: map(around, regions), at))


class S3Wire:
    """Answers S3 requests of all regions: buckets are known by their names everywhere."""

    def __init__(self, everywhere: BucketsEverywhere) -> None:
        self._everywhere = everywhere

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; errors are answered as S3 does."""
        request_id, host_id = random_hex(16).upper(), random_hex(64)
        headers = {"x-amz-request-id": request_id, "x-amz-id-2": host_id, "Server": "AmazonS3"}
        try:
            return await self._answer(request, headers)
        except S3Error as error:
            headers |= error.headers
            if request.method == "HEAD" or error.status == 304:
                return web.Response(status=error.status, headers=headers)
            body = error.body(request_id, host_id)
            return web.Response(
                body=body, status=error.status, headers=headers, content_type="application/xml"
            )

    async def _answer(self, request: web.BaseRequest, headers: dict[str, str]) -> web.StreamResponse:
        address = parse_address(request.raw_path, request.headers.get("Host", ""), self._everywhere)
        name = operation_name(request.method, address, request.headers)
        operation = OPERATIONS.get(name)
        if operation is None:
            raise not_simulated(name)
        _check_key(address.key)
        s3 = self._everywhere.around(address.bucket)
        _check_headers(name, request.headers, s3.account.account_id)
        try:
            return await operation(Call(name, address, request, headers, s3, self._everywhere))
        except BucketDeleted:
            raise no_such_bucket(address.bucket) from None
        except ConnectionError:
            raise
        except (StoreError, OSError) as error:
            raise S3Error("InternalError", str(error), 500) from error


def _check_key(key: str) -> None:
    size = len(key.encode())
    if size > LONGEST_KEY_BYTES:
        raise S3Error(
            "KeyTooLongError",
            "Your key is too long",
            400,
            Size=str(size),
            MaxSizeAllowed=str(LONGEST_KEY_BYTES),
        )


def _check_headers(operation: str, headers: Mapping[str, str], account_id: str) -> None:
    for name, value in headers.items():
        name = name.lower()
        if name.endswith("expected-bucket-owner") and value != account_id:
            raise S3Error("AccessDenied", "Access Denied", 403)
        if "server-side-encryption-customer-" in name:
            raise not_simulated(f"{name} with {operation}", Header=name)
