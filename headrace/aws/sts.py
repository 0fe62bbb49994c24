"""STS as HTTP: who is calling, and temporary credentials, which work here and nowhere else.

Source: the service model sts 2011-06-15; IAM user guide, "IAM identifiers".
"""

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

from aiohttp import web

from engine.arn import Account
from engine.clock import Clock
from engine.errors import ApiError, ValidationFailed
from engine.functions.tracing import root_of
from engine.functions.variables import SESSION_TOKEN, KeyPair
from headrace.aws.credentials import Caller, account_of, caller_of, temporary
from headrace.aws.model_check import checking
from headrace.aws.query_protocol import QueryService

NAME, VERSION = "sts", "2011-06-15"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"
BODY_BYTES = 1024 * 1024
USER = "headrace"  # who calls with credentials of no role
FUNCTION_ROLE = "headrace-function"  # that of functions, which have none of their own here
ROLE_ARN = re.compile(r"arn:(aws[a-z-]*):iam::(\d{12}):role/(?:.*/)?([\w+=,.@-]+)")

LineageOf = Callable[[str], tuple[str, ...] | None]
RoleIdOf = Callable[[str, str], Awaitable[str | None]]
REQUEST: ContextVar[web.BaseRequest] = ContextVar("the request that is answered")


class StsWire:
    """Answers who calls, and gives credentials out.

    `lineage_of` returns the functions that a running invocation, known by the root of its trace id, stems
    from, itself included; `role_id_of` the id of a role by its account and name, None for one that was never
    made.
    """

    def __init__(
        self, account: Account, clock: Clock, keys: KeyPair, lineage_of: LineageOf, role_id_of: RoleIdOf
    ) -> None:
        self._account = account
        self._clock = clock
        self._keys = keys
        self._lineage_of = lineage_of
        self._role_id_of = role_id_of
        operations = {
            "GetCallerIdentity": self._get_caller_identity,
            "AssumeRole": self._assume_role,
            "AssumeRoleWithWebIdentity": self._assume_role_with_web_identity,
            "GetSessionToken": self._get_session_token,
            "GetAccessKeyInfo": self._get_access_key_info,
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
        REQUEST.set(request)
        return await self._service.handle(request)

    async def _get_caller_identity(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        caller = await self._caller()
        return {"UserId": caller.user_id, "Account": self._account.account_id, "Arn": caller.arn}

    async def _assume_role(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        caller = await self._session(given["RoleArn"], given["RoleSessionName"])
        answer = {
            **self._credentials(caller, given.get("DurationSeconds", 3600)),
            "AssumedRoleUser": {"AssumedRoleId": caller.user_id, "Arn": caller.arn},
        }
        if "SourceIdentity" in given:
            answer["SourceIdentity"] = given["SourceIdentity"]
        return answer

    async def _assume_role_with_web_identity(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        caller = await self._session(given["RoleArn"], given["RoleSessionName"])
        return {
            **self._credentials(caller, given.get("DurationSeconds", 3600)),
            "AssumedRoleUser": {"AssumedRoleId": caller.user_id, "Arn": caller.arn},
            "Provider": given.get("ProviderId", "www.amazon.com"),
        }

    async def _get_session_token(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._credentials(await self._caller(), given.get("DurationSeconds", 43_200))

    async def _get_access_key_info(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"Account": account_of(given["AccessKeyId"], "") or self._account.account_id}

    def _credentials(self, caller: Caller, seconds: int) -> dict[str, Any]:
        keys = temporary(self._keys)
        return {
            "Credentials": {
                "AccessKeyId": keys.access_key_id,
                "SecretAccessKey": keys.secret_access_key,
                "SessionToken": caller.session_token(),
                "Expiration": (self._clock.now() + timedelta(seconds=seconds)).timestamp(),
            }
        }

    async def _caller(self) -> Caller:
        """Return whose credentials the request was signed with."""
        request = REQUEST.get()
        token = request.headers.get("X-Amz-Security-Token") or request.query.get("X-Amz-Security-Token", "")
        if (caller := caller_of(token)) is not None:
            return caller
        if token == SESSION_TOKEN:
            return await self._session(
                self._account.role(FUNCTION_ROLE), self._calling_function(request.headers)
            )
        arn = f"arn:{self._account.partition}:iam::{self._account.account_id}:user/{USER}"
        return Caller(_made_up_id("AIDA", USER), arn)

    def _calling_function(self, headers: Mapping[str, str]) -> str:
        """Return the name of the function that calls: SDKs inside Lambda pass the trace on."""
        root = root_of(headers.get("X-Amzn-Trace-Id"))
        lineage = self._lineage_of(root) if root is not None else None
        return lineage[-1] if lineage else USER

    async def _session(self, role_arn: str, session: str) -> Caller:
        parsed = ROLE_ARN.fullmatch(role_arn)
        if parsed is None:
            raise ValidationFailed(f"{role_arn} is invalid")
        partition, account_id, name = parsed.groups()
        role_id = await self._role_id_of(account_id, name) or _made_up_id("AROA", name)
        arn = f"arn:{partition}:sts::{account_id}:assumed-role/{name}/{session}"
        return Caller(f"{role_id}:{session}", arn)


def _made_up_id(prefix: str, name: str) -> str:
    """Return the id of somebody who is known by name alone: always the same."""
    return prefix + hashlib.sha256(name.encode()).hexdigest()[:17].upper()


def _code(error: ApiError) -> str:
    return "ValidationError" if isinstance(error, ValidationFailed) else error.code
