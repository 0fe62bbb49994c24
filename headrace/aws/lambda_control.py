"""Lambda's control plane as HTTP: every operation but invocations and event source mappings.

Source: the service model lambda 2015-03-31.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from aiohttp import web

from engine.errors import ApiError, CodeError, HeadraceError, InvalidParameterValue, ServiceFailure
from engine.invocation.event import new_request_id
from headrace.aws import (
    lambda_event_invoke,
    lambda_functions,
    lambda_layers,
    lambda_policy,
    lambda_settings,
    lambda_versions,
)
from headrace.aws.error_body import REQUEST_ID, not_implemented
from headrace.aws.lambda_code import give_away
from headrace.aws.lambda_plane import Answer, Parameters, Plane
from headrace.aws.rest_json import RestJson, answer, read_body
from headrace.aws.service_model import service_model
from headrace.function_archive import FunctionArchives
from headrace.sources import bucket_folders

if TYPE_CHECKING:
    from headrace.region import Region

OPERATIONS: Mapping[str, Callable[[Plane, Parameters], Awaitable[Answer]]] = {
    **lambda_event_invoke.OPERATIONS,
    **lambda_functions.OPERATIONS,
    **lambda_layers.OPERATIONS,
    **lambda_policy.OPERATIONS,
    **lambda_settings.OPERATIONS,
    **lambda_versions.OPERATIONS,
}
LIMITS: Mapping[str, Mapping[str, object]] = {
    "Timeout": {"max": 900},  # the model's is that of another kind of function
    "MemorySize": {"max": 10_240},
    "Runtime": {"enum": []},  # whose error is another
    "Weight": {"min": None, "max": None},
}
BODY_BYTES = 70_167_211  # of CreateFunction, whose code is in base64


class LambdaControl:
    """Answers the operations of the control plane."""

    def __init__(self, region: "Region") -> None:
        self._region = region
        configuration = region.configuration
        besides = [configuration.state.resolve(), *bucket_folders(configuration)]
        self._declared = FunctionArchives(configuration.functions, besides)
        self._protocol = RestJson(service_model("lambda", "2015-03-31"), LIMITS)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Raises ApiError for what Lambda refuses; unexpected errors pass through."""
        call = self._protocol.find(request.method, request.raw_path, request.query)
        if call is None:
            return not_implemented("lambda", f"{request.method} {request.path}", "rest-json")
        operation = OPERATIONS.get(call.operation)
        if operation is None:
            return not_implemented("lambda", call.operation, "rest-json")
        body = await read_body(request, BODY_BYTES, call.operation)
        try:
            members = await operation(
                await self._plane(), self._protocol.parameters(call, request.query, body)
            )
        except ApiError:
            raise
        except CodeError as error:
            raise InvalidParameterValue(error.problem) from error
        except HeadraceError as error:
            raise ServiceFailure(str(error)) from error
        return answer(204 if members is None else call.status, members, {REQUEST_ID: new_request_id()})

    async def give_away(self, path: str) -> web.Response:
        """Answer a request for the code of a function or a layer. Raises NotFound for anything else."""
        return await give_away(await self._plane(), path)

    async def _plane(self) -> Plane:
        region = self._region
        return Plane(
            await region.deployments(),
            self._declared,
            region.configuration.account,
            region.clock,
            region.world.url(),
            region.sources.buckets,
            region.destinations.has,
        )
