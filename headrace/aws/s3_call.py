"""One S3 request on its way to whoever answers it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote, unquote

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.functions.tracing import root_of
from engine.invocation.destination import Destination
from engine.value import dataclass
from headrace.aws.rest_xml import Value, document
from headrace.aws.s3_address import Address
from headrace.aws.s3_errors import no_such_bucket
from triggers.s3.bucket import Bucket
from triggers.s3.buckets import Buckets
from triggers.s3.multipart import MultipartUploads

REGION_HEADER = "x-amz-bucket-region"
XML = "application/xml"
_SCOPE_REGION = re.compile(r"Credential=[^/,\s]+/\d{8}/([^/]+)/")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What S3 works with.

    `lineage_of` returns the functions that a running invocation, known by the root of its trace id, stems
    from, oldest first and itself included; None when no such invocation runs. `knows_function` and
    `destination_of` say what notifications may name.
    """

    buckets: Buckets
    uploads: MultipartUploads
    account: Account
    clock: Clock
    lineage_of: Callable[[str], tuple[str, ...] | None]
    knows_function: Callable[[str, str | None], bool]
    destination_of: Callable[[str], Destination | None]


@dataclass(frozen=True, slots=True)
class Call:
    """A request, and the headers that every answer to it has."""

    operation: str
    address: Address
    request: web.BaseRequest
    headers: dict[str, str]
    s3: Surroundings

    @property
    def key(self) -> str:
        """The object's key, empty for a request about a bucket."""
        return self.address.key

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters of the request line."""
        return self.address.query

    @property
    def bucket(self) -> Bucket:
        """The bucket. Raises S3Error NoSuchBucket."""
        bucket = self.s3.buckets.get(self.address.bucket)
        if bucket is None:
            raise no_such_bucket(self.address.bucket)
        return bucket

    def check_bucket(self) -> None:
        """Raise S3Error NoSuchBucket unless the bucket is there."""
        _ = self.bucket

    @property
    def lineage(self) -> tuple[str, ...]:
        """The functions that this request stems from: SDKs inside Lambda pass the trace on."""
        root = root_of(self.request.headers.get("X-Amzn-Trace-Id"))
        return (self.s3.lineage_of(root) if root is not None else None) or ()

    @property
    def region(self) -> str:
        """The region that the client signed for, the simulator's when it did not."""
        text = self.request.headers.get("Authorization", "")
        if "X-Amz-Credential" in self.query:
            text = f"Credential={unquote(self.query['X-Amz-Credential'])}"
        found = _SCOPE_REGION.search(text)
        return found[1] if found is not None else self.s3.account.region

    def url_of(self, key: str) -> str:
        """Return where an object of the bucket is found."""
        host = self.request.headers.get("Host", "")
        return f"http://{host}/{self.address.bucket}/{quote(key)}"

    def empty(self, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return an answer without a body."""
        return web.Response(status=status, headers=self.headers | dict(headers or {}))

    def xml(self, root: str, members: Value, headers: Mapping[str, str] | None = None) -> web.Response:
        """Return an answer whose body is a document."""
        answered = self.headers | dict(headers or {})
        return web.Response(body=document(root, members), headers=answered, content_type=XML)


Operation = Callable[[Call], Awaitable[web.StreamResponse]]
