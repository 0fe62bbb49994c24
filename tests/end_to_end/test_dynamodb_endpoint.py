"""DynamoDB of a running simulator: a made table feeds a function, survives a kill, and is a SQLite table."""

import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.end_to_end.delivered_events import DeliveredEvents
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until
from triggers.dynamodb.tables import DATABASE

ORDERS: dict[str, Any] = {
    "TableName": "orders",
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
    "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
}


def client(service: str, running: HeadraceProcess) -> Any:
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=running.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="there is no sqlite3 command")
def test_a_made_table_feeds_a_function_over_a_kill(tmp_path: Path) -> None:
    delivered = DeliveredEvents(tmp_path, "")
    with HeadraceProcess(tmp_path) as running:
        dynamodb = client("dynamodb", running)
        arn = dynamodb.create_table(**ORDERS)["TableDescription"]["LatestStreamArn"]
        client("lambda", running).create_event_source_mapping(
            EventSourceArn=arn, FunctionName="keep", StartingPosition="TRIM_HORIZON"
        )
        dynamodb.put_item(TableName="orders", Item={"id": {"S": "a"}, "tags": {"SS": ["x"]}})
        (first,) = delivered.wait_for("aws:dynamodb", 1)
        assert first["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "tags": {"SS": ["x"]}}
        running.process.send_signal(signal.SIGKILL)
        running.process.wait()
    shell(tmp_path, """INSERT INTO orders VALUES ('b', '{"n": {"N": "7"}}')""")
    with HeadraceProcess(tmp_path) as running:
        dynamodb = client("dynamodb", running)
        assert dynamodb.describe_table(TableName="orders")["Table"]["LatestStreamArn"] == arn
        assert dynamodb.get_item(TableName="orders", Key={"id": {"S": "b"}})["Item"]["n"] == {"N": "7"}
        image = {"id": {"S": "b"}, "n": {"N": "7"}}
        wait_until(  # the first record may come again: the kill may have been quicker than its checkpoint
            lambda: delivered.records_of("aws:dynamodb")[-1]["dynamodb"]["NewImage"] == image,
            "the second record came",
        )
        dynamodb.create_table(
            **{**ORDERS, "TableName": "plain", "StreamSpecification": {"StreamEnabled": False}}
        )
        told = headrace(tmp_path, "status").stdout.decode()
        assert f"  table     orders             {arn}\n  table     plain              no stream\n" in told
        dynamodb.delete_table(TableName="plain")
        dynamodb.delete_item(TableName="orders", Key={"id": {"S": "a"}})
        assert shell(tmp_path, "SELECT id FROM orders") == "b\n"
        dynamodb.delete_table(TableName="orders")
        wait_until(lambda: shell(tmp_path, ".tables").strip() == "", "nothing is left of the table")


def shell(folder: Path, statement: str) -> str:
    """Run a statement in the sqlite3 shell."""
    path = folder / ".headrace" / DATABASE
    command = ["sqlite3", "-cmd", ".timeout 5000", str(path), statement]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
