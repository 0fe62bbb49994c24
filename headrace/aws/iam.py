"""IAM as HTTP: roles and policies, which are kept and given back. No request is judged by them.

Source: the service model iam 2010-05-08; texts as recorded on AWS by LocalStack's test_iam suite.
"""

import asyncio

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.errors import ApiError, ValidationFailed
from engine.store.database import Store
from headrace.aws.iam_policies import PolicyOperations
from headrace.aws.iam_roles import RoleOperations
from headrace.aws.identities import Identities
from headrace.aws.model_check import checking
from headrace.aws.query_protocol import QueryService

NAME, VERSION = "iam", "2010-05-08"
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
BODY_BYTES = 1024 * 1024


class IamWire:
    """Answers for the roles and policies of the store, which are read at the first request."""

    def __init__(self, account: Account, store: Store, clock: Clock) -> None:
        self._identities = identities = Identities(store)
        self._turn = asyncio.Lock()
        operations = {
            **RoleOperations(identities, account, clock).all(),
            **PolicyOperations(identities, account, clock).all(),
        }
        self._service = QueryService(
            NAME,
            VERSION,
            NAMESPACE,
            checking(NAME, VERSION, operations),
            BODY_BYTES,
            error_code=_code,
        )

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; unexpected errors pass through."""
        async with self._turn:
            await self._identities.open()
            return await self._service.handle(request)

    async def role_id_of(self, name: str) -> str | None:
        """Return the id of a role; None when there is no such role."""
        async with self._turn:
            await self._identities.open()
        role = self._identities.role(name)
        return None if role is None else role.role_id


def _code(error: ApiError) -> str:
    return "ValidationError" if isinstance(error, ValidationFailed) else error.code
