"""STS, asked with boto3: who is calling, and credentials that stand for somebody."""

from collections.abc import AsyncIterator, Mapping
from datetime import timedelta

import pytest

from engine.arn import Account
from engine.clock import Clock
from engine.functions.variables import SESSION_TOKEN, KeyPair
from headrace.aws.credentials import Caller, caller_of, secret_of, temporary
from headrace.aws.sts import StsWire
from tests.fakes.asked_service import AskedService, asked_service

ROLE = "arn:aws:iam::000000000000:role/jobs/resize"
SESSION = "arn:aws:sts::000000000000:assumed-role/resize/me"
LINEAGES: Mapping[str, tuple[str, ...]] = {"1-6-ab": ("first", "second")}


async def role_id_of(_account_id: str, name: str) -> str | None:
    return "AROAKNOWN" if name == "known" else None


def wire(clock: Clock) -> StsWire:
    return StsWire(Account(), clock, KeyPair(), LINEAGES.get, role_id_of)


@pytest.fixture
async def sts(clock: Clock) -> AsyncIterator[AskedService]:
    async with asked_service("sts", {"sts": wire(clock).handle}) as asked:
        yield asked


async def test_whoever_calls_is_a_user_of_the_account(sts: AskedService) -> None:
    found = await sts.call("get_caller_identity")
    assert found["Account"] == "000000000000"
    assert found["Arn"] == "arn:aws:iam::000000000000:user/headrace"
    assert found["UserId"].startswith("AIDA")


async def test_assumed_credentials_stand_for_the_session(sts: AskedService, clock: Clock) -> None:
    answer = await sts.call("assume_role", RoleArn=ROLE, RoleSessionName="me", DurationSeconds=900)
    keys = answer["Credentials"]
    assert answer["AssumedRoleUser"]["Arn"] == SESSION
    assert keys["Expiration"] - clock.now() <= timedelta(seconds=900)
    assert secret_of(KeyPair(), keys["AccessKeyId"]) == keys["SecretAccessKey"]
    async with asked_service(
        "sts",
        {"sts": wire(clock).handle},
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    ) as assumed:
        found = await assumed.call("get_caller_identity")
        assert found["Arn"] == SESSION
        assert found["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
        again = await assumed.call("get_session_token")
        assert caller_of(again["Credentials"]["SessionToken"]) == Caller(found["UserId"], SESSION)


async def test_a_function_is_a_session_of_its_own(clock: Clock) -> None:
    async with asked_service("sts", {"sts": wire(clock).handle}, aws_session_token=SESSION_TOKEN) as function:
        function.client.meta.events.register(
            "before-sign.sts",
            lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", "Root=1-6-ab"),
        )
        found = await function.call("get_caller_identity")
        assert found["Arn"] == "arn:aws:sts::000000000000:assumed-role/headrace-function/second"


async def test_a_role_that_was_made_keeps_its_id(sts: AskedService) -> None:
    answer = await sts.call(
        "assume_role", RoleArn="arn:aws:iam::000000000000:role/known", RoleSessionName="me"
    )
    assert answer["AssumedRoleUser"]["AssumedRoleId"] == "AROAKNOWN:me"


async def test_web_identities_assume_roles(sts: AskedService) -> None:
    answer = await sts.call(
        "assume_role_with_web_identity", RoleArn=ROLE, RoleSessionName="me", WebIdentityToken="t.o.k"
    )
    assert answer["AssumedRoleUser"]["Arn"] == SESSION
    assert (await sts.call("get_access_key_info", AccessKeyId="AKIAIOSFODNN7EXAMPLE")) == {
        "Account": "000000000000"
    }


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        pytest.param(
            "assume_role",
            {"RoleArn": "arn:aws:iam::000000000000:user/x", "RoleSessionName": "me"},
            "ValidationError",
            id="what is no role cannot be assumed",
        ),
        pytest.param(
            "assume_role",
            {"RoleArn": ROLE, "RoleSessionName": "a b"},
            "ValidationError",
            id="a session's name has no spaces",
        ),
        pytest.param(
            "decode_authorization_message",
            {"EncodedMessage": "x"},
            "NotImplementedException",
            id="what is not simulated is refused by name",
        ),
    ],
)
async def test_sts_refuses(sts: AskedService, operation: str, parameters: dict[str, str], code: str) -> None:
    assert (await sts.refused(operation, **parameters))[0] == code


@pytest.mark.parametrize("token", ["", "headrace", "bm8=", "WzEsMl0=", "W10=", "\u00e9"])
def test_a_token_of_somebody_else_stands_for_nobody(token: str) -> None:
    assert caller_of(token) is None


def test_only_keys_that_were_given_out_have_a_secret() -> None:
    keys = KeyPair("AKIDMINE", "secret")
    given = temporary(keys)
    assert secret_of(keys, "AKIDMINE") == "secret"
    assert secret_of(keys, given.access_key_id) == given.secret_access_key
    assert secret_of(KeyPair("AKIDMINE", "other"), given.access_key_id) != given.secret_access_key
    assert secret_of(keys, "AKIDOTHER") is None
