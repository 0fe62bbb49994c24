"""Other services through moto's server: with boto3, beside Headrace's own, and gone with the simulator."""

import http.client
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.end_to_end.headrace_process import HeadraceProcess, wait_until, write_function

CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"
account_id = "111122223333"

[functions.secretive]
handler = "handler.handler"
code = "functions/secretive"
timeout = 60
memory = 512
"""
HANDLER = """
import boto3


def handler(event, context):
    return boto3.client("secretsmanager").get_secret_value(SecretId=event["id"])["SecretString"]
"""


@cache
def client(url: str, service: str) -> Any:
    return boto3.Session().client(  # type: ignore[call-overload]
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


def servers(simulator: HeadraceProcess) -> list[psutil.Process]:
    """Return moto's servers among the processes of a simulator."""
    children = psutil.Process(simulator.process.pid).children(recursive=True)
    return [child for child in children if any("moto_server" in part for part in child.cmdline())]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceProcess]:
    folder = tmp_path_factory.mktemp("moto")
    (folder / "headrace.toml").write_text(CONFIGURATION)
    write_function(folder, "secretive", HANDLER)
    with HeadraceProcess(folder) as running:
        yield running


def test_the_server_is_started_by_the_first_request_only(simulator: HeadraceProcess) -> None:
    client(simulator.url, "sqs").create_queue(QueueName="own")
    assert servers(simulator) == []
    client(simulator.url, "ssm").put_parameter(Name="/a", Value="b", Type="String")
    client(simulator.url, "kms").create_key()
    assert len(servers(simulator)) == 1
    assert len(simulator.of("Notice", place="moto")) == 1


def test_what_is_kept_there_is_found_again(simulator: HeadraceProcess) -> None:
    ssm = client(simulator.url, "ssm")
    ssm.put_parameter(Name="/found", Value="again", Type="SecureString")
    found = ssm.get_parameter(Name="/found", WithDecryption=True)["Parameter"]
    assert found["Value"] == "again"
    assert ":111122223333:" in found["ARN"]


@pytest.mark.parametrize(
    ("service", "operation", "parameters"),
    [
        pytest.param("cloudwatch", "put_metric_data", {"Namespace": "a", "MetricData": []}, id="CBOR"),
        pytest.param("ec2", "describe_vpcs", {}, id="EC2 Query"),
        pytest.param("ses", "list_identities", {}, id="Query"),
        pytest.param("route53", "list_hosted_zones", {}, id="REST-XML"),
        pytest.param("apigateway", "get_rest_apis", {}, id="REST-JSON"),
    ],
)
def test_every_protocol_passes(
    simulator: HeadraceProcess, service: str, operation: str, parameters: dict[str, Any]
) -> None:
    answer = getattr(client(simulator.url, service), operation)(**parameters)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_s3_control_is_told_from_s3_by_its_paths(simulator: HeadraceProcess) -> None:
    """boto3 puts the account before the host's name, which not every resolver finds below localhost."""
    scope = (
        "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    )
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": scope, "x-amz-account-id": "111122223333"}
    connection.request("GET", "/v20180820/configuration/publicAccessBlock", headers=headers)
    answer = connection.getresponse()
    assert b"NoSuchPublicAccessBlockConfiguration" in answer.read()
    connection.close()


def test_large_bodies_pass_both_ways(simulator: HeadraceProcess) -> None:
    secrets = client(simulator.url, "secretsmanager")
    text = "x" * 60_000
    secrets.create_secret(Name="large", SecretString=text)
    assert secrets.get_secret_value(SecretId="large")["SecretString"] == text


def test_handlers_reach_it_too(simulator: HeadraceProcess) -> None:
    client(simulator.url, "secretsmanager").create_secret(Name="of-handlers", SecretString="hidden")
    answer = client(simulator.url, "lambda").invoke(
        FunctionName="secretive", Payload=json.dumps({"id": "of-handlers"})
    )
    assert json.loads(answer["Payload"].read()) == "hidden"


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("ssm", "describe_sessions", {"State": "Active"}, "ssm DescribeSessions"),
        ("xray", "get_groups", {}, "xray GetGroups"),
        ("route53", "list_cidr_collections", {}, "route53 ListCidrCollections"),
        ("ec2", "get_ipam_pool_cidrs", {"IpamPoolId": "x"}, "ec2 GetIpamPoolCidrs"),
    ],
)
def test_what_nobody_simulates_is_refused_by_name(
    simulator: HeadraceProcess, service: str, operation: str, parameters: dict[str, Any], named: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(simulator.url, service), operation)(**parameters)
    error = caught.value.response
    assert error["Error"]["Message"] == f"{named} is simulated neither by Headrace nor by moto."
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_own_services_never_go_there(simulator: HeadraceProcess) -> None:
    with pytest.raises(ClientError, match="iam CreateUser is not simulated by Headrace"):
        client(simulator.url, "iam").create_user(UserName="somebody")


def test_what_names_no_service_is_refused_by_name(simulator: HeadraceProcess) -> None:
    """moto takes it for a request to S3."""
    connection = http.client.HTTPConnection(simulator.url.removeprefix("http://"), timeout=60)
    connection.request("POST", "/", b"{}", {"X-Amz-Target": "Nobody.Knows"})
    answer = connection.getresponse()
    assert (answer.status, b"Nobody Knows" in answer.read()) == (501, True)
    connection.close()


@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_the_server_goes_with_the_simulator(tmp_path: Path, how: str) -> None:
    (tmp_path / "headrace.toml").write_text('[simulator]\nendpoint = "127.0.0.1:0"\n')
    with HeadraceProcess(tmp_path) as running:
        client(running.url, "ssm").put_parameter(Name="/a", Value="b", Type="String")
        (server,) = servers(running)
        if how == "killed":
            running.kill()
            wait_until(lambda: not server.is_running(), "moto's server has ended")
    assert not server.is_running()
