"""The Query protocol, held against botocore's own writer of forms and reader of XML."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ApiError
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.json_protocol import BadInput, Input, Operation, taking
from headrace.aws.listener import listen
from headrace.aws.query_form import members_of
from headrace.aws.query_protocol import QueryService
from headrace.aws.query_xml import answer
from headrace.aws.service_model import service_model
from tests.fakes.endpoint import Reply, name_the_handler, request

SNS = ("sns", "2010-03-31")
IAM = ("iam", "2010-05-08")
NAMESPACE = "http://sns.amazonaws.com/doc/2010-03-31/"


def botocore_model(service: tuple[str, str]) -> ServiceModel:
    return ServiceModel(Loader().load_service_model(service[0], "service-2"), service[0])


def as_botocore_writes(service: tuple[str, str], operation: str, members: Mapping[str, Any]) -> Any:
    serializer = create_serializer("query", include_validation=False)
    body = serializer.serialize_to_request(members, botocore_model(service).operation_model(operation))
    return [(name, str(value)) for name, value in body["body"].items()]


def as_botocore_reads(service: tuple[str, str], operation: str, document: bytes) -> Any:
    shape = botocore_model(service).operation_model(operation).output_shape
    assert shape is not None
    return create_parser("query").parse({"status_code": 200, "headers": {}, "body": document}, shape)


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        pytest.param(SNS, "CreateTopic", {"Name": "t", "Attributes": {"a": "1", "b": ""}}, id="map of text"),
        pytest.param(
            SNS,
            "Publish",
            {
                "Message": "héllo & <you>\r\n",
                "MessageAttributes": {"n": {"DataType": "String", "StringValue": "x=1&y"}},
            },
            id="map of structures with names of its own",
        ),
        pytest.param(SNS, "UntagResource", {"ResourceArn": "a", "TagKeys": []}, id="empty list"),
        pytest.param(
            SNS,
            "TagResource",
            {"ResourceArn": "a", "Tags": [{"Key": str(n), "Value": "v"} for n in range(12)]},
            id="list of structures, over nine of them in their order",
        ),
        pytest.param(
            IAM,
            "CreateRole",
            {"RoleName": "r", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 3600},
            id="integers become integers",
        ),
        pytest.param(IAM, "UpdateAccountPasswordPolicy", {"RequireSymbols": True}, id="truth values"),
    ],
)
def test_form_becomes_the_members_that_it_was_made_of(
    service: tuple[str, str], operation: str, members: Mapping[str, Any]
) -> None:
    model = service_model(*service)
    shape = model["operations"][operation]["input"]["shape"]

    assert members_of(as_botocore_writes(service, operation, members), shape, model) == members


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        pytest.param({"MaxSessionDuration": "soon"}, "must be a whole number", id="text for an integer"),
        pytest.param({"RoleName.1": "x"}, "RoleName must be text", id="a list for a text"),
        pytest.param({"Tags": "x"}, "Tags must be followed by numbers", id="a text for a list"),
        pytest.param({"Tags.member.x.Key": "a"}, "numbers", id="a list whose items have no numbers"),
    ],
)
def test_form_that_does_not_fit_the_model_is_refused(fields: dict[str, str], said: str) -> None:
    model = service_model(*IAM)

    with pytest.raises(BadInput, match=said):
        members_of(fields.items(), "CreateRoleRequest", model)


@pytest.mark.parametrize(
    ("service", "operation", "members"),
    [
        pytest.param(SNS, "CreateTopic", {"TopicArn": "arn:aws:sns:<&>"}, id="text"),
        pytest.param(SNS, "GetTopicAttributes", {"Attributes": {"a": "1\r\n2", "b": ""}}, id="map"),
        pytest.param(SNS, "ListTopics", {"Topics": [{"TopicArn": "a"}, {"TopicArn": "b"}]}, id="list"),
        pytest.param(SNS, "ListTopics", {"Topics": []}, id="empty list"),
    ],
)
def test_answer_is_read_as_what_it_was_written_from(
    service: tuple[str, str], operation: str, members: dict[str, Any]
) -> None:
    model = service_model(*service)
    document = answer(model["operations"][operation], members, model, NAMESPACE, "r-1")

    metadata = {"HTTPHeaders": {}, "HTTPStatusCode": 200, "RequestId": "r-1"}
    assert as_botocore_reads(service, operation, document) == {**members, "ResponseMetadata": metadata}


def test_moments_and_truth_values_are_written_as_xml_has_them() -> None:
    model = service_model(*IAM)
    role = {"CreateDate": 1_700_000_000.25, "RoleName": "r", "MaxSessionDuration": 3600}
    document = answer(model["operations"]["CreateRole"], {"Role": role}, model, "", "r-1")

    found = as_botocore_reads(IAM, "CreateRole", document)["Role"]
    assert found == {**role, "CreateDate": datetime(2023, 11, 14, 22, 13, 20, 250_000, tzinfo=UTC)}


PARTS = ("Tags", "member", "entry", "1", "2", "9" * 5000, "Key", "Attributes", "Name", "key", "value", "")


@given(st.lists(st.tuples(st.lists(st.sampled_from(PARTS), max_size=5).map(".".join), st.text(max_size=3))))
def test_any_form_has_members_or_is_refused(pairs: list[tuple[str, str]]) -> None:
    with suppress(BadInput):
        members = members_of(pairs, "CreateTopicInput", service_model(*SNS))
        assert all(isinstance(name, str) for name in members)


class TopicGone(ApiError):
    code = "NotFoundException"
    http_status = 404


async def create_topic(given: Input) -> Mapping[str, Any]:
    return {"TopicArn": f"arn:{given.required_text('Name')}"}


async def delete_topic(given: Input) -> Mapping[str, Any]:
    raise TopicGone("<gone>")


@asynccontextmanager
async def served() -> AsyncIterator[str]:
    operations: dict[str, Operation] = {
        "CreateTopic": taking(create_topic, "Name"),
        "DeleteTopic": delete_topic,
    }
    service = QueryService(
        *SNS, NAMESPACE, operations, 1000, error_code=lambda error: error.code.removesuffix("Exception")
    )

    async def other(request: web.BaseRequest) -> web.StreamResponse:
        return await name_the_handler(request, "other")

    handlers = Handlers(other, other, other, signed={"sns": service.handle})
    async with Endpoint(listen("127.0.0.1", 0), handlers) as endpoint:
        yield endpoint.url


async def ask(url: str, fields: Mapping[str, str], method: str = "POST") -> Reply:
    form = urlencode(fields)
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/sns/aws4_request, Signature=0",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    path, body = ("/", form.encode()) if method == "POST" else (f"/?{form}", None)
    return await asyncio.to_thread(request, url, method, path, body, headers)


async def test_operation_answers_a_posted_form_and_the_query_of_a_get() -> None:
    async with served() as url:
        replies = [await ask(url, {"Action": "CreateTopic", "Name": "t"}, each) for each in ("POST", "GET")]
    for reply in replies:
        assert reply.status == 200
        assert reply.headers["content-type"] == "text/xml"
        assert as_botocore_reads(SNS, "CreateTopic", reply.body)["TopicArn"] == "arn:t"


@pytest.mark.parametrize(
    ("fields", "status", "code", "message"),
    [
        pytest.param({"Action": "DeleteTopic"}, 404, "NotFound", "<gone>", id="what the operation refuses"),
        pytest.param({}, 400, "MissingAction", "Missing Action", id="no action"),
        pytest.param(
            {"Action": "Dance"},
            400,
            "InvalidAction",
            "Could not find operation Dance for version 2010-03-31",
            id="an action that the service does not know",
        ),
        pytest.param(
            {"Action": "ListPhoneNumbersOptedOut"},
            501,
            "NotImplementedException",
            "sns ListPhoneNumbersOptedOut is not simulated by Headrace.",
            id="an action that is not simulated",
        ),
        pytest.param(
            {"Action": "CreateTopic", "Name": "t", "DataProtectionPolicy": "x"},
            400,
            "MalformedInput",
            "DataProtectionPolicy is not simulated by Headrace.",
            id="a parameter that is not simulated",
        ),
        pytest.param(
            {"Action": "CreateTopic", "Name": "t" * 2000},
            400,
            "MalformedInput",
            "The request is larger than 1000 bytes.",
            id="a form that is too large",
        ),
    ],
)
async def test_error_is_what_clients_of_the_protocol_read(
    fields: dict[str, str], status: int, code: str, message: str
) -> None:
    async with served() as url:
        reply = await ask(url, fields)
    shape = botocore_model(SNS).operation_model("CreateTopic").output_shape
    assert shape is not None
    response = {"status_code": reply.status, "headers": {}, "body": reply.body}
    found = create_parser("query").parse(response, shape)
    assert reply.status == status
    assert found["Error"] == {"Type": "Sender", "Code": code, "Message": message}
