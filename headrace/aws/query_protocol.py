"""The AWS Query protocol: a form with `Action=...` in, XML out. SNS, STS, IAM and older SQS clients speak it.

Source: Smithy, "AWS Query protocol".
"""

import logging
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import parse_qsl

from aiohttp import web

from engine.errors import ApiError, HeadraceError
from engine.invocation.event import new_request_id
from headrace.aws import query_form, query_xml
from headrace.aws.error_body import REQUEST_ID, not_implemented
from headrace.aws.json_protocol import BadInput, Input, Operation
from headrace.aws.service_model import Model, service_model

LOGGER = logging.getLogger(__name__)
FORM = "application/x-www-form-urlencoded"
FIELDS_MOST = 10_000


class MissingAction(ApiError):
    """The form does not say what is to be done."""

    code = "MissingAction"

    def __init__(self) -> None:
        super().__init__("Missing Action")


class InvalidAction(ApiError):
    """The service has no such operation."""

    code = "InvalidAction"

    def __init__(self, action: str, version: str) -> None:
        super().__init__(f"Could not find operation {action} for version {version}")


class QueryService:
    """One service of the Query protocol. `name` and `version` are those of its model in botocore.

    `operations` are those of the JSON protocol: what a form says reaches them as the JSON members that it
    stands for, and what they return is written as XML.
    """

    def __init__(
        self,
        name: str,
        version: str,
        namespace: str,
        operations: Mapping[str, Operation],
        most_bytes: int,
        *,
        model: Callable[[], Model] | None = None,
        error_code: Callable[[ApiError], str] = lambda error: error.code,
        error_text: Callable[[ApiError], str] = str,
        implied: Callable[[web.BaseRequest], Iterable[tuple[str, str]]] = lambda _: (),
    ) -> None:
        """`namespace` is the XML's, `most_bytes` the largest body that is read.

        `model` replaces botocore's, for a service that is described there for the JSON protocol alone.
        `error_code` and `error_text` give what this protocol calls an error and says of it, `implied` the
        fields that a form need not have, as it was sent to where they are said.
        """
        self.name = name
        self._version = version
        self._namespace = namespace
        self._operations = operations
        self._most_bytes = most_bytes
        self._model = model or (lambda: service_model(name, version))
        self._error_code = error_code
        self._error_text = error_text
        self._implied = implied

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request, a posted form or the query of a GET, also with what the operation refuses.

        Unexpected errors pass through.
        """
        try:
            fields = [*self._implied(request), *await self._fields(request)]
            action = dict(fields).get("Action")
            if not action:
                raise MissingAction
            model = self._model()
            described = model["operations"].get(action)
            if described is None:
                raise InvalidAction(action, self._version)
            operation = self._operations.get(action)
            if operation is None:
                return not_implemented(self.name, action, "query")
            shape = described.get("input", {}).get("shape")
            given = Input(query_form.members_of(fields, shape, model))
            members = await operation(given)
        except ApiError as error:
            return self._error(error)
        except HeadraceError as error:
            LOGGER.error("%s: %s", self.name, error)
            return self._respond(500, "InternalFailure", str(error))
        request_id = new_request_id()
        body = query_xml.answer(described, members, model, self._namespace, request_id)
        return _xml(200, body, request_id)

    async def _fields(self, request: web.BaseRequest) -> list[tuple[str, str]]:
        text = request.query_string.encode()
        if request.method == "POST":
            text = await self._body(request) or text
        try:
            return parse_qsl(
                text.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MOST
            )
        except ValueError:
            raise BadInput("The request is not a form in UTF-8.") from None

    async def _body(self, request: web.BaseRequest) -> bytes:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            raise BadInput("The request is too large.") from None
        if len(body) > self._most_bytes:
            raise BadInput(f"The request is larger than {self._most_bytes} bytes.")
        return body

    def _error(self, error: ApiError) -> web.Response:
        # What does not fit the model has one code in this protocol, whatever it is called in the other.
        code = "MalformedInput" if isinstance(error, BadInput) else self._error_code(error)
        return self._respond(error.http_status, code, self._error_text(error))

    def _respond(self, status: int, code: str, message: str) -> web.Response:
        request_id = new_request_id()
        fault = "Sender" if status < 500 else "Receiver"
        body = query_xml.error(code, message, fault, self._namespace, request_id)
        return _xml(status, body, request_id)


def _xml(status: int, body: bytes, request_id: str) -> web.Response:
    return web.Response(
        status=status, body=body, headers={"Content-Type": "text/xml", REQUEST_ID: request_id}
    )
