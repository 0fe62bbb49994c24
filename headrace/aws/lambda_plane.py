"""What all operations of Lambda's control plane work with, and how they find what a request is about."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from engine.arn import Account
from engine.clock import Clock
from engine.errors import InvalidParameterValue, ResourceNotFound, ValidationFailed
from engine.functions.definition import LATEST
from engine.functions.deployed import DeployedFunction, DeployedVersion
from engine.value import dataclass
from headrace.aws.lambda_errors import AccessDenied, Declared, NotFound, PreconditionFailed
from headrace.deployments import Deployments, lambda_time
from headrace.function_archive import FunctionArchives

if TYPE_CHECKING:
    from triggers.s3.bucket import Bucket

T = TypeVar("T")
Parameters = Mapping[str, Any]
Answer = dict[str, Any] | None

FUNCTION = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
LAYER = re.compile(
    r"arn:[a-zA-Z0-9-]+:lambda:(?P<region>[^:]+):(?P<account>\d{12}):layer:(?P<name>[^:]+)(?::(?P<version>\d+))?"
)
PAGE = 50  # items, however many are asked for


@dataclass(frozen=True, slots=True)
class Target:
    """The function a request is about. `qualifier` is the one given, if any."""

    name: str
    qualifier: str | None


@dataclass(frozen=True, slots=True)
class Plane:
    """What operations work with.

    `declared` has the code of configured functions. `url` is where clients find the endpoint.
    `has_destination` says whether what an ARN names is there: a queue, a topic or a bus.
    """

    deployments: Deployments
    declared: FunctionArchives
    account: Account
    clock: Clock
    url: str
    buckets: "Mapping[str, Bucket]"
    has_destination: Callable[[str], bool]

    def now(self) -> str:
        """Return the present moment as Lambda writes it."""
        return lambda_time(self.clock.now())

    def target(self, params: Parameters) -> Target:
        """Return which function a request names, and the qualifier it gives in either place.

        Raises ApiError when it is none of this account and region.
        """
        given, qualifier = params["FunctionName"], params.get("Qualifier")
        parsed = FUNCTION.fullmatch(given)
        if parsed is None:
            raise ValidationFailed(
                f"1 validation error detected: Value '{given}' at 'functionName' failed to satisfy "
                "constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9-_]+"
            )
        if (parsed["account"] or self.account.account_id) != self.account.account_id:
            raise AccessDenied(
                f"{given} is in another account than this simulator's, {self.account.account_id}."
            )
        self.check_region(parsed["region"], "Functions")
        derived = parsed["qualifier"]
        if derived is not None and qualifier is not None and derived != qualifier:
            raise InvalidParameterValue(
                "The derived qualifier from the function name does not match the specified qualifier."
            )
        return Target(parsed["name"], qualifier or derived)

    def check_region(self, region: str | None, what: str) -> None:
        """Raise NotFound for another region."""
        here = self.account.region
        if (region or here) != here:
            raise NotFound(f"{what} from '{region}' are not reachable in this region ('{here}')")

    def function(self, params: Parameters) -> DeployedFunction:
        """Return the function that a request names. Raises ResourceNotFound."""
        target = self.target(params)
        function = self.deployments.functions.get(target.name)
        if function is None:
            raise ResourceNotFound("Function", self.account.function(target.name, target.qualifier))
        return function

    def own_function(self, params: Parameters) -> DeployedFunction:
        """Return the function that a request is to change. Raises Declared for one of the configuration."""
        function = self.function(params)
        if function.is_declared:
            raise Declared(function.name)
        return function

    def version(self, params: Parameters) -> tuple[DeployedFunction, DeployedVersion, str | None]:
        """Return the function, the version and the qualifier that a request names.

        Raises ResourceNotFound.
        """
        function, qualifier = self.function(params), self.target(params).qualifier
        version = function.find(qualifier)
        if version is None:
            raise ResourceNotFound("Function", self.account.function(function.name, qualifier))
        return function, version, qualifier


def check_revision(given: str | None, revision_id: str) -> None:
    """Raise PreconditionFailed when a request gives another revision than there is."""
    if given is not None and given != revision_id:
        raise PreconditionFailed


def page(
    name: str, items: Sequence[T], params: Parameters, key: Callable[[T], str], describe: Callable[[T], Any]
) -> dict[str, Any]:
    """Return a page of a list as `name`; its marker is the key of the last item on the page."""
    marker = params.get("Marker")
    begin = 0
    if marker:
        keys = [key(item) for item in items]
        begin = keys.index(marker) + 1 if marker in keys else sum(each <= marker for each in keys)
    size = min(params.get("MaxItems", PAGE), PAGE)
    found: dict[str, Any] = {name: [describe(item) for item in items[begin : begin + size]]}
    if begin + size < len(items):
        found["NextMarker"] = key(items[begin + size - 1])
    return found


def order_of(version: str) -> tuple[int, str]:
    """Return what versions are sorted by: `$LATEST`, then the numbers."""
    return (0, "") if version == LATEST else (int(version), version)
