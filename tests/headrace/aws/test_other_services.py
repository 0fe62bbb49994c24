"""Services that Headrace does not simulate, without the extra: refused by name, in each protocol's form."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from engine.arn import Account
from engine.clock import Clock
from engine.feed import Feed
from headrace.aws.endpoint import Endpoint, Handlers
from headrace.aws.listener import listen
from headrace.aws.other_services import OtherServices
from headrace.aws.service_catalog import rest_operation
from tests.fakes.asked_service import AskedService
from tests.fakes.endpoint import Reply, name_the_handler, request

EXTRA = (
    "is not simulated by Headrace itself; with `pip install 'headrace[aws]'` moto answers for such services."
)


@pytest.fixture
async def endpoint(clock: Clock, feed: Feed) -> AsyncIterator[Endpoint]:
    other = OtherServices(Account(), clock, feed, has_extra=lambda: False)
    own = partial(name_the_handler, handler="own")
    handlers = Handlers(own, own, own, {"AmazonSQS": own}, {"sqs": own}, other.handle)
    async with Endpoint(listen("127.0.0.1", 0), handlers) as running:
        yield running
    await other.close()


async def refusal(endpoint: Endpoint, service: str, operation: str, **parameters: Any) -> ClientError:
    client: Any = boto3.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )
    try:
        with pytest.raises(ClientError) as caught:
            await AskedService(endpoint.url, client).call(operation, **parameters)
        return caught.value
    finally:
        client.close()


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        pytest.param("ssm", "get_parameter", {"Name": "x"}, "ssm GetParameter", id="JSON"),
        pytest.param("xray", "get_groups", {}, "xray GetGroups", id="REST-JSON"),
        pytest.param("batch", "describe_jobs", {"jobs": ["x"]}, "batch DescribeJobs", id="REST-JSON, a path"),
        pytest.param(
            "apigatewayv2", "get_api", {"ApiId": "a"}, "apigateway GetApi", id="two services in one scope"
        ),
        pytest.param(
            "iot-data", "publish", {"topic": "a/b"}, "iotdata Publish", id="REST-JSON, with a label"
        ),
        pytest.param("ses", "list_identities", {}, "ses ListIdentities", id="Query"),
        pytest.param("ec2", "describe_instances", {}, "ec2 DescribeInstances", id="EC2 Query"),
        pytest.param("route53", "list_hosted_zones", {}, "route53 ListHostedZones", id="REST-XML"),
        pytest.param(
            "cloudwatch", "list_metrics", {}, "monitoring ListMetrics", id="CBOR, or what boto3 takes"
        ),
        pytest.param("cognito-idp", "sign_up", {"ClientId": "a", "Username": "b"}, None, id="unsigned"),
    ],
)
async def test_an_operation_is_refused_by_name_with_the_extra(
    endpoint: Endpoint, service: str, operation: str, parameters: dict[str, Any], named: str | None
) -> None:
    error = (await refusal(endpoint, service, operation, **parameters)).response
    named = named or "AWSCognitoIdentityProviderService SignUp"
    assert error["Error"]["Message"] == f"{named} {EXTRA}"
    assert error["Error"]["Code"] == "NotImplementedException"
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


async def test_operations_of_our_own_services_do_not_go_elsewhere(endpoint: Endpoint) -> None:
    error = (await refusal(endpoint, "kinesis", "describe_limits")).response["Error"]
    assert error["Message"] == "kinesis DescribeLimits is not simulated by Headrace."


async def send(endpoint: Endpoint, method: str, path: str, body: bytes | None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    sending = partial(request, endpoint.url, method, path, body, named)
    reply: Reply = await AskedService(endpoint.url, None).run(sending)
    return reply


async def test_s3_control_is_told_from_s3_by_its_paths(endpoint: Endpoint) -> None:
    reply = await send(
        endpoint,
        "GET",
        "/v20180820/jobs",
        None,
        Authorization="AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, Signature=0",
        x_amz_account_id="000000000000",
    )
    assert reply.status == 501
    assert f"<Message>s3 ListJobs {EXTRA}</Message>".encode() in reply.body


async def test_clients_of_the_cbor_protocol_are_answered_in_it(endpoint: Endpoint) -> None:
    import cbor2

    reply = await send(
        endpoint, "POST", "/service/Granite/operation/PutMetricData", b"\xa0", smithy_protocol="rpc-v2-cbor"
    )
    assert reply.status == 501
    assert reply.headers["smithy-protocol"] == "rpc-v2-cbor"
    assert cbor2.loads(reply.body) == {
        "__type": "NotImplementedException",
        "message": f"Granite PutMetricData {EXTRA}",
    }
    old = await send(
        endpoint,
        "POST",
        "/",
        b"\xa0",
        X_Amz_Target="Timestream_20181101.Query",
        Content_Type="application/x-amz-cbor-1.1",
    )
    assert old.headers["content-type"] == "application/x-amz-cbor-1.1"
    assert cbor2.loads(old.body)["message"] == f"Timestream_20181101 Query {EXTRA}"


async def test_keys_of_a_user_pool_are_not_taken_for_an_object(endpoint: Endpoint) -> None:
    reply = await send(endpoint, "GET", "/eu-west-1_Ab3/.well-known/jwks.json", None)
    assert reply.status == 501
    reply = await send(endpoint, "GET", "/bucket/.well-known/jwks.json", None)
    assert reply.body.startswith(b"own")


@pytest.mark.parametrize(
    ("scope", "method", "path", "expected"),
    [
        ("batch", "POST", "/v1/describejobs", "DescribeJobs"),
        ("es", "GET", "/2021-01-01/opensearch/domain/d", "DescribeDomain"),
        ("execute-api", "POST", "/@connections/abc", "PostToConnection"),
        ("apigateway", "GET", "/restapis/a/resources/b?embed=methods", "GetResource"),
        ("route53", "POST", "/2013-04-01/hostedzone/Z1/rrset/", "ChangeResourceRecordSets"),
        ("batch", "GET", "/nothing", None),
        ("unheard-of", "GET", "/", None),
    ],
)
def test_what_a_path_stands_for_is_in_the_models(
    scope: str, method: str, path: str, expected: str | None
) -> None:
    assert rest_operation(scope, method, path) == expected
