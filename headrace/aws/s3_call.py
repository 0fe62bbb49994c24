"""One S3 request on its way to whoever answers it."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from aiohttp import web

from engine.functions.tracing import root_of
from engine.value import dataclass
from headrace.aws.credentials import account_of
from headrace.aws.rest_xml import Value, document
from headrace.aws.s3_address import Address
from headrace.aws.s3_errors import no_such_bucket
from headrace.aws.s3_everywhere import BucketsEverywhere, Surroundings
from headrace.aws.signature_scope import Scope, scope_of
from headrace.regions import REGION
from triggers.s3.bucket import Bucket

REGION_HEADER = "x-amz-bucket-region"
XML = "application/xml"


@dataclass(frozen=True, slots=True)
class Call:
    """A request, the headers that every answer to it has, and what it works with: in its region, and all."""

    operation: str
    address: Address
    request: web.BaseRequest
    headers: dict[str, str]
    s3: Surroundings
    everywhere: BucketsEverywhere

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
        scope = self._scope
        if scope is None or not REGION.fullmatch(scope.region):
            return self.everywhere.home.region
        return scope.region

    @property
    def account_id(self) -> str:
        """The account that the request comes from."""
        token = self.request.headers.get("X-Amz-Security-Token") or self.query.get("X-Amz-Security-Token", "")
        given = None if self._scope is None else account_of(self._scope.access_key_id, token)
        return given or self.everywhere.home.account_id

    @property
    def _scope(self) -> Scope | None:
        return scope_of(self.request.headers.get("Authorization"), self.request.raw_path)

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
