"""The example application: deployed by its script or declared in its configuration, it does the same."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from headrace.fixture_files import fixtures
from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until

NIGHT = ("--clock", "manual", "--from", "2026-03-01T00:00:00Z")
ENDPOINT = 'endpoint = "127.0.0.1:4566"'
ORDERS = 150
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Application:
    """The application in a running simulator, as a user sees it."""

    def __init__(self, process: HeadraceProcess) -> None:
        self._process = process
        make: Any = boto3.client
        self.s3, self.sqs, self.dynamodb = (
            make(
                service,
                endpoint_url=process.url,
                region_name="us-east-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",
                config=Config(retries={"total_max_attempts": 1}),
            )
            for service in ("s3", "sqs", "dynamodb")
        )

    def put(self, key: str, content: bytes) -> None:
        """Put a file of orders."""
        self.s3.put_object(Bucket="shop-orders", Key=key, Body=content)

    def items(self, table: str, key: str) -> dict[str, Any]:
        """Return the items of a table by their keys."""
        pages = self.dynamodb.get_paginator("scan").paginate(TableName=table)
        return {item[key]["S"]: item for page in pages for item in page["Items"]}

    def count(self, table: str) -> int:
        """Return how many items a table has."""
        return int(self.dynamodb.scan(TableName=table, Select="COUNT")["Count"])

    def orders(self) -> dict[str, Any]:
        """Return the orders that are recorded."""
        return self.items("shop-orders", "order_id")

    def totals(self) -> dict[str, Any]:
        """Return the sums, and the marks of the orders that are counted."""
        return self.items("shop-totals", "product")

    def outcome(self) -> dict[str, Any]:
        """Return all that the application has left behind."""
        url = self.sqs.get_queue_url(QueueName="shop-dead-letters")["QueueUrl"]
        letters = self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=0)
        reports = self.s3.list_objects_v2(Bucket="shop-reports").get("Contents", [])
        return {
            "orders": self.orders(),
            "totals": self.totals(),
            "dead letters": sorted(message["Body"] for message in letters.get("Messages", [])),
            "reports": {
                each["Key"]: self.s3.get_object(Bucket="shop-reports", Key=each["Key"])["Body"].read()
                for each in reports
            },
        }


def deployed_by_script(folder: Path) -> None:
    """Prepare an empty simulator, into which the script deploys once it runs."""
    (folder / "headrace.toml").write_text('[simulator]\nendpoint = "127.0.0.1:0"\n', encoding="utf-8")


def declared(folder: Path) -> None:
    """Prepare a simulator whose configuration declares the application."""
    application = fixtures() / "application"
    shutil.copytree(application, folder, dirs_exist_ok=True)
    text = (application / "headrace.toml").read_text("utf-8")
    assert ENDPOINT in text
    (folder / "headrace.toml").write_text(text.replace(ENDPOINT, 'endpoint = "127.0.0.1:0"'), "utf-8")
    with closing(sqlite3.connect(folder / "shop.db")) as database:
        database.executescript((application / "schema.sql").read_text("utf-8"))


def run_script(process: HeadraceProcess) -> None:
    """Run the application's script, which is told of the simulator by its environment alone."""
    script = fixtures() / "application" / "deploy.py"
    environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": process.url}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def start(process: HeadraceProcess, prepare: Callable[[Path], None]) -> Application:
    """Return the application in a simulator that has just been started for the first time."""
    if prepare is deployed_by_script:
        run_script(process)
    return Application(process)


def settle(folder: Path) -> None:
    """Wait until nothing is left to do at the present moment."""
    waited = headrace(folder, "wait", "--idle")
    assert waited.returncode == 0, waited.stderr


def night(folder: Path, prepare: Callable[[Path], None]) -> dict[str, Any]:
    """Put the example's orders, let a night pass, and return the outcome."""
    folder.mkdir()
    prepare(folder)
    with HeadraceProcess(folder, *NIGHT) as process:
        application = start(process, prepare)
        application.put("monday orders.csv", (fixtures() / "application" / "orders.csv").read_bytes())
        application.put("notes.txt", b"no orders")
        settle(folder)
        advanced = headrace(folder, "clock", "advance", "4h")
        assert advanced.returncode == 0, advanced.stderr
        settle(folder)
        return application.outcome()


def test_script_and_configuration_come_to_the_same(tmp_path: Path) -> None:
    by_script, by_configuration = (
        night(tmp_path / prepare.__name__, prepare) for prepare in (deployed_by_script, declared)
    )
    assert by_script == by_configuration
    assert sorted(by_script["orders"]) == ["1001", "1002", "1004", "1005"]
    assert by_script["dead letters"] == ['{"order_id": "1003", "product": "cup", "pieces": "many"}']
    assert by_script["totals"]["teapot"] == {
        "product": {"S": "teapot"},
        "pieces": {"N": "3"},
        "orders": {"N": "2"},
    }
    assert by_script["reports"] == {
        "2026-03-01.csv": b"product,pieces,orders\ncup,6,1\nsaucer,6,1\nteapot,3,2\n"
    }


@pytest.mark.parametrize("prepare", [deployed_by_script, declared])
def test_a_kill_in_the_middle_loses_nothing(tmp_path: Path, prepare: Callable[[Path], None]) -> None:
    prepare(tmp_path)
    lines = [f"{number},cup,1\n" for number in range(ORDERS)]
    with HeadraceProcess(tmp_path) as process:
        application = start(process, prepare)
        application.put("many.csv", ("order_id,product,pieces\n" + "".join(lines)).encode())
        wait_until(lambda: application.count("shop-orders") > 20, "some orders are recorded")
        process.kill()
    with HeadraceProcess(tmp_path) as process:
        application = Application(process)
        wait_until(lambda: application.count("shop-totals") == ORDERS + 1, "every order is counted")
        assert application.count("shop-orders") == ORDERS
        assert application.totals()["cup"]["pieces"] == {"N": str(ORDERS)}
        assert process.of("Notice", level="error") == []
