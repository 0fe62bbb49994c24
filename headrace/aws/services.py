"""Everything that answers on the endpoint, put together. Imported once the simulator is ready."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from engine.errors import HeadraceError
from headrace.aws.buffered_request import BufferedRequest
from headrace.aws.credentials import TEMPORARY, account_of
from headrace.aws.endpoint import Endpoint, Handlers, Unavailable
from headrace.aws.lambda_errors import NotFound
from headrace.aws.regional_services import RegionalServices
from headrace.aws.signature_scope import Scope
from headrace.control import CLOCK_PATH, CODE_PATH, IDLE_PATH, STATE_PATH, STATUS_PATH
from headrace.operations import OPERATIONS_PATH, PUBLISH, perform, perform_publish
from headrace.region import Region
from headrace.regions import REGION

if TYPE_CHECKING:
    from headrace.aws.iam import IamWire
    from headrace.aws.other_services import OtherServices
    from headrace.aws.s3 import S3Wire
    from headrace.simulator import Simulator
    from headrace.time_control import TimeControl

OPERATION_BYTES = 16 * 1024 * 1024  # the largest record of a stream, in base64
GRACE_SECONDS = 0.25  # for requests in progress; invocations have had theirs by then
SESSION = "X-Amz-Security-Token"


@asynccontextmanager
async def served(simulator: "Simulator") -> AsyncIterator[Endpoint]:
    """Answer on the endpoint of a simulator within this context."""
    services, clock = Services(simulator), simulator.clock
    async with (
        AsyncExitStack() as closing,
        Endpoint(
            simulator.listener,
            services.of(simulator).handlers(),
            GRACE_SECONDS,
            simulator.pace.request,
            services.let_in(),
            None if simulator.pace.is_real and not clock.is_steered else clock.now,
            services.elsewhere,
        ) as endpoint,
    ):
        closing.push_async_callback(services.close)
        yield endpoint


class Services:
    """The services of a simulator: those of each region, and what they share."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator
        self._home = simulator.configuration.account
        self._known_as: Any = str(simulator.configuration.state.resolve())
        self._regional: dict[Region, RegionalServices] = {}
        self._handlers: dict[Region, Handlers] = {}
        self._iam: dict[Region, IamWire] = {}
        self.keys = simulator.configuration.file.simulator.keys
        self.lineage_of = simulator.regions.lineage_of

    def of(self, region: Region) -> RegionalServices:
        """Return the services of a region."""
        if region not in self._regional:
            self._regional[region] = RegionalServices(region, self)
        return self._regional[region]

    def elsewhere(self, scope: Scope, headers: Mapping[str, str]) -> Awaitable[Handlers] | None:
        """Return who answers for another region or account; None for those of the configuration.

        An access key of twelve digits is the account's number; credentials of STS belong to the account of
        their role. A name that is no region's, such as `local`, means the one of the configuration.
        """
        home, key = self._home, scope.access_key_id
        if scope.region == home.region and not (key.isdecimal() or key.startswith(TEMPORARY)):
            return None
        account_id = account_of(key, headers.get(SESSION, "")) or home.account_id
        region = scope.region if REGION.fullmatch(scope.region) else home.region
        if (account_id, region) == (home.account_id, home.region):
            return None
        return self._handlers_at(account_id, region)

    async def _handlers_at(self, account_id: str, name: str) -> Handlers:
        try:
            region = await self._simulator.regions.at(account_id, name)
        except HeadraceError as error:
            raise Unavailable(str(error)) from error
        if region not in self._handlers:
            self._handlers[region] = self.of(region).handlers()
        return self._handlers[region]

    def let_in(self) -> Callable[[BufferedRequest], Awaitable[None]] | None:
        """Return what judges requests by their signatures; None where all are let in."""
        if not self._simulator.configuration.file.simulator.require_signature:
            return None
        from headrace.aws.signature_check import SignatureCheck

        judges_time = self._simulator.has_real_time
        return SignatureCheck(self.keys, self._simulator.clock, judges_time=judges_time).check

    async def close(self) -> None:
        """End what was started for requests."""
        if "other" in self.__dict__:
            await self.other.close()

    @cached_property
    def s3(self) -> "S3Wire":
        """S3, whose buckets are known by their names in all regions."""
        from headrace.aws.s3 import open_s3

        return open_s3(self._simulator.regions)

    async def iam(self, account_id: str) -> "IamWire":
        """Return the IAM of an account, which knows no regions: it is kept in the configured one."""
        region = await self._simulator.regions.at(account_id, self._home.region)
        if region not in self._iam:
            from headrace.aws.iam import IamWire

            self._iam[region] = IamWire(region.configuration.account, region.store, region.clock)
        return self._iam[region]

    @cached_property
    def other(self) -> "OtherServices":
        """All that Headrace does not simulate."""
        from headrace.aws.other_services import OtherServices

        return OtherServices(self._home, self._simulator.clock, self._simulator.feed)

    @cached_property
    def time_control(self) -> "TimeControl":
        """What other `headrace` processes ask of the clock."""
        from headrace.time_control import TimeControl

        return TimeControl(self._simulator)

    async def control(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer other `headrace` processes."""
        path = request.path
        if path.startswith(CODE_PATH):
            return await self._give_away(path)
        code, answer = 200, self._known_as
        if path == STATUS_PATH:
            answer = await self._simulator.status() | {"clock": self.time_control.time()}
        elif request.method == "POST" and path.startswith(OPERATIONS_PATH):
            operation, body = path.removeprefix(OPERATIONS_PATH), await _body(request)
            if operation == PUBLISH:
                code, answer = await perform_publish(self._simulator.topics, body)
            else:
                code, answer = await perform(self._simulator.channels, operation, body)
        elif path.startswith((CLOCK_PATH, IDLE_PATH)):
            code, answer = await self.time_control.answer(
                request.method, path, dict(request.query), await _body(request)
            )
        elif path != STATE_PATH:
            code, answer = 404, {"message": f"there is no {path}"}
        return web.Response(body=orjson.dumps(answer), status=code, content_type="application/json")

    async def _give_away(self, path: str) -> web.StreamResponse:
        """Answer with the code of a function or a layer, in whatever region it is. Raises NotFound."""
        *others, last = self._simulator.regions
        for region in others:
            try:
                return await self.of(region).lambda_control.give_away(path)
            except NotFound:
                continue
        return await self.of(last).lambda_control.give_away(path)


async def _body(request: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > OPERATION_BYTES:
            raise web.HTTPRequestEntityTooLarge(OPERATION_BYTES, len(body))
    return bytes(body)
