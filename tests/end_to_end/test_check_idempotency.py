"""`headrace check-idempotency` on real handlers."""

import json
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from tests.end_to_end.headrace_process import HEADRACE

# Plain HTTP, as boto3 takes longer to load than all that is tried here.
HANDLERS = """
    import json, os, time
    from urllib.error import HTTPError
    from urllib.parse import urlencode
    from urllib.request import Request, urlopen

    TOPIC = "arn:aws:sns:us-east-1:000000000000:news"
    ENDPOINT = os.environ["AWS_ENDPOINT_URL"]

    def put(key, text):
        urlopen(Request(f"{ENDPOINT}/outbox/{key}", text.encode(), method="PUT"))

    def stores(event, context):
        for record in event["Records"]:
            put(record["messageId"], f'{record["body"]} at {time.time()} by {ENDPOINT}')

    def counts(event, context):
        try:
            count = int(urlopen(f"{ENDPOINT}/outbox/count").read())
        except HTTPError:
            count = 0
        put("count", str(count + len(event["Records"])))

    def sends(event, context):
        url = f"{ENDPOINT}/000000000000/jobs"
        body = json.dumps({"QueueUrl": url, "MessageBody": str(len(event["Records"]))}).encode()
        headers = {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": "application/x-amz-json-1.0"}
        urlopen(Request(ENDPOINT, body, headers))

    def publishes(event, context):
        credential = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sns/aws4_request"}
        for record in event["Records"]:
            said = {"Action": "Publish", "Version": "2010-03-31", "TopicArn": TOPIC}
            said["Message"] = record["body"]
            urlopen(Request(ENDPOINT, urlencode(said).encode(), credential))

    def invokes(event, context):
        url = f"{ENDPOINT}/2015-03-31/functions/stores/invocations"
        for record in event["Records"]:
            body = json.dumps({"Records": [record]}).encode()
            urlopen(Request(url, body, {"X-Amz-Invocation-Type": "Event"}))

    def ends_a_line(event, context):
        for record in event["Records"]:
            try:
                text = urlopen(f"{ENDPOINT}/outbox/line").read().decode() + chr(10)
            except HTTPError:
                text = "x"
            put("line", text)

    seen = set()

    def remembers(event, context):
        for record in event["Records"]:
            if record["messageId"] not in seen:
                seen.add(record["messageId"])
                counts({"Records": [record]}, context)

    def fails(event, context):
        raise ValueError("never")
"""
NAMES = ("stores", "counts", "sends", "publishes", "invokes", "ends_a_line", "remembers", "fails")
CONFIGURATION = "".join(f'[functions.{name}]\nhandler = "app.{name}"\n' for name in NAMES) + (
    '[buckets.outbox]\nfolder = "outbox"\n[queues.jobs]\n'
    '[[topics.news.subscriptions]]\nendpoint = "queues.jobs"\n'
)


def sqs_event(*bodies: str) -> dict[str, object]:
    return {"Records": [{"messageId": f"id-{body}", "body": body} for body in bodies]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "headrace.toml").write_text(CONFIGURATION, encoding="utf-8")
    (folder / "app.py").write_text(dedent(HANDLERS), encoding="utf-8")
    (folder / "1.json").write_text(json.dumps(sqs_event("a")), encoding="utf-8")
    (folder / "2.json").write_text(json.dumps(sqs_event("b", "c", "d")), encoding="utf-8")
    return folder


def check(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [HEADRACE, "check-idempotency", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def changes(folder: Path, function: str) -> dict[str, int | None]:
    """Return for each way of delivering the number of the event that changed something."""
    done = check(folder, function, "1.json", "2.json", "--json")
    verdict = json.loads(done.stdout)
    found = {
        finding["way"]: finding["change"] and finding["change"]["event"] for finding in verdict["findings"]
    }
    assert done.returncode == (0 if verdict["idempotent"] else 1)
    assert verdict["idempotent"] == (not any(found.values()))
    return found


@pytest.mark.parametrize(
    ("function", "twice", "one_by_one", "half_then_all", "after_a_crash"),
    [
        pytest.param("stores", None, None, None, None, id="writes the same again"),
        pytest.param("counts", 1, None, 2, 1, id="counts what it counted before"),
        pytest.param("remembers", None, None, None, 1, id="remembers only while it is warm"),
        pytest.param("sends", 1, 2, 2, 1, id="sends a message for each batch"),
        pytest.param("publishes", 1, None, 2, 1, id="publishes a message for each record"),
        pytest.param("invokes", 1, None, 2, 1, id="sends an event to a function for each record"),
        pytest.param(
            "ends_a_line", 1, None, 2, 1, id="leaves a file that differs by the end of its last line"
        ),
    ],
)
def test_what_a_repetition_changes_is_found(
    project: Path,
    function: str,
    twice: int | None,
    one_by_one: int | None,
    half_then_all: int | None,
    after_a_crash: int | None,
) -> None:
    assert changes(project, function) == {
        "delivered twice": twice,
        "one record at a time": one_by_one,
        "half a batch, then all of it": half_then_all,
        "again after a crash": after_a_crash,
    }
    assert not (project / "outbox").exists()


def test_the_difference_is_shown(project: Path) -> None:
    done = check(project, "counts", "1.json")
    assert done.returncode == 1
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[:5] == [
        "counts: 1 event",
        "delivered twice: changed with event 1, 1.json",
        "buckets.outbox/count:",
        "- 1",
        "+ 2",
    ]


def test_events_that_fail_anyhow_are_told(project: Path) -> None:
    done = check(project, "fails", "1.json")
    assert "1.json fails already when it is delivered once: ValueError: never" in done.stdout
    assert "nothing changed" not in done.stdout
    assert "Every event fails, so that nothing is shown" in done.stdout
    assert done.returncode == 1


def test_rows_are_compared_and_the_users_database_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "headrace.toml").write_text(
        '[functions.fn]\nhandler = "app.handler"\n[tables.orders]\ndatabase = "orders.db"\n'
    )
    (tmp_path / "app.py").write_text(
        dedent("""
        import boto3

        table = boto3.resource("dynamodb").Table("orders")

        def handler(event, context):
            table.update_item(
                Key={"id": 1},
                UpdateExpression="ADD amount :one",
                ExpressionAttributeValues={":one": 1},
            )
        """)
    )
    (tmp_path / "event.json").write_text("{}")
    with closing(sqlite3.connect(tmp_path / "orders.db")) as connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, amount INTEGER)")
    database = (tmp_path / "orders.db").read_bytes()
    done = check(tmp_path, "fn", "event.json")
    assert done.returncode == 1, done.stderr
    assert '- {"id":1,"amount":1}' in done.stdout
    assert '+ {"id":1,"amount":2}' in done.stdout
    assert (tmp_path / "orders.db").read_bytes() == database


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        pytest.param(["nobody", "1.json"], "there is no function 'nobody'", id="an unknown function"),
        pytest.param(
            ["counts", "none.json"], "none.json: there is no such file", id="a file that is not there"
        ),
        pytest.param(["counts"], "PATH", id="no file"),
    ],
)
def test_wrong_arguments_are_told(project: Path, arguments: list[str], told: str) -> None:
    done = check(project, *arguments)
    assert done.returncode == 2
    assert told in done.stderr
