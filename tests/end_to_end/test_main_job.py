"""The main job, as a user does it: drop a file, run, look at what happened."""

import json
import shutil
import subprocess
from pathlib import Path

import boto3
import pytest

from headrace.fixture_files import example_configuration, fixtures
from tests.end_to_end.headrace_process import HEADRACE, HeadraceProcess, headrace, wait_until, write_function

AWS = HEADRACE.with_name("aws")
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The example configuration with the example functions, on any free port."""
    shutil.copytree(fixtures() / "functions", tmp_path / "functions")
    text = example_configuration().read_text(encoding="utf-8")
    (tmp_path / "headrace.toml").write_text(text.replace("127.0.0.1:4566", "127.0.0.1:0"))
    return tmp_path


def test_a_dropped_file_is_read_with_boto3_and_its_result_written(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        (shop / "inbox" / "a b+c.txt").write_text("dropped")
        running.wait_for("InvocationFinished", function="thumbnail", function_error=None)
        (event,) = running.wait_for("EventEmitted", source="buckets.inbox")
        assert (event["name"], event["detail"]) == ("ObjectCreated:Put", "a b+c.txt")
        assert "7 bytes" in (shop / "outbox" / "previews" / "a b+c.txt.txt").read_text()
        running.wait_for("InvocationFinished", function="counter")  # the on_success destination


def test_a_file_that_came_while_stopped_is_noticed_at_the_next_start(shop: Path) -> None:
    with HeadraceProcess(shop):
        pass
    (shop / "inbox" / "late.txt").write_text("late")
    with HeadraceProcess(shop) as running:
        running.wait_for("InvocationFinished", function="thumbnail", function_error=None)


def test_boto3_invokes_functions_and_reads_objects(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        session = boto3.Session("any", "any", region_name="us-east-1")
        client = session.client("lambda", endpoint_url=running.url)
        answer = client.invoke(
            FunctionName="feeling", Payload=b'{"emoji_type": 7, "message": "hi"}', LogType="Tail"
        )
        assert json.loads(answer["Payload"].read()) == {"feeling": "negative", "message": "hi"}
        assert answer["ExecutedVersion"] == "$LATEST"
        failed = client.invoke(FunctionName="flaky", Payload=b'{"fail": "on purpose"}')
        assert failed["FunctionError"] == "Unhandled"
        assert json.loads(failed["Payload"].read())["errorMessage"] == "on purpose"
        queued = client.invoke(FunctionName="counter", InvocationType="Event", Payload=b"{}")
        assert queued["StatusCode"] == 202
        request_id = queued["ResponseMetadata"]["RequestId"]
        running.wait_for("InvocationFinished", function="counter", request_id=request_id)
        s3 = session.client("s3", endpoint_url=running.url)
        s3.put_object(Bucket="inbox", Key="put.txt", Body=b"from a client", ContentType="text/plain")
        assert (shop / "inbox" / "put.txt").read_bytes() == b"from a client"
        running.wait_for("EventEmitted", detail="put.txt")
        got = s3.get_object(Bucket="inbox", Key="put.txt")
        assert (got["ContentType"], got["Body"].read()) == ("text/plain", b"from a client")


@pytest.mark.parametrize("invocation_type", ["RequestResponse", "Event"])
def test_the_aws_cli_invokes_a_function(shop: Path, invocation_type: str) -> None:
    version = subprocess.run([AWS, "--version"], capture_output=True, text=True, check=True).stdout
    raw = [] if version.startswith("aws-cli/1.") else ["--cli-binary-format", "raw-in-base64-out"]
    with HeadraceProcess(shop) as running:
        done = subprocess.run(
            [
                AWS,
                "--endpoint-url",
                running.url,
                "lambda",
                "invoke",
                "--function-name",
                "counter",
                "--invocation-type",
                invocation_type,
                "--payload",
                '{"key1": "value1"}',
                *raw,
                "output.txt",
            ],
            cwd=shop,
            env=CREDENTIALS | {"PATH": str(AWS.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert json.loads(done.stdout)["StatusCode"] == (202 if invocation_type == "Event" else 200)
        running.wait_for("InvocationFinished", function="counter", function_error=None)
        if invocation_type == "RequestResponse":
            assert json.loads((shop / "output.txt").read_text())["count"] == 1


def test_changed_code_runs_at_the_next_event_and_state_is_kept_until_then(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        for _ in range(3):
            running.invoke("counter", {})
        answer = headrace(shop, "invoke", "counter")
        assert json.loads(answer.stdout)["count"] == 4
        write_function(shop, "counter", "def handler(event, context):\n    return 'new'\n")
        wait_until(lambda: headrace(shop, "invoke", "counter").stdout == b'"new"\n', "the new code runs")


def test_a_changed_configuration_is_noticed(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        path = shop / "headrace.toml"
        path.write_text(path.read_text() + "\n# changed\n")
        (notice,) = running.wait_for("Notice", place="headrace.toml")
        assert "start again" in notice["text"]


def test_a_removed_state_folder_is_noticed(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        shutil.rmtree(shop / ".headrace")
        (notice,) = running.wait_for("Notice", place=".headrace")
        assert "nothing is kept" in notice["text"]


def test_status_history_and_logs_tell_what_happened(shop: Path) -> None:
    with HeadraceProcess(shop) as running:
        running.invoke("flaky", {"fail": "on purpose"})
        status = json.loads(headrace(shop, "status", "--json").stdout)
        assert status["functions"]["flaky"] == {"environments": 1, "running": 0, "queued": 0}
        assert status["schedules"]["every-night"].endswith("T03:00:00Z")
        wait_until(lambda: b"on purpose" in headrace(shop, "history", "flaky").stdout, "it is in the history")
        assert b"[ERROR] RuntimeError: on purpose" in headrace(shop, "logs", "flaky").stdout
    assert headrace(shop, "status").returncode == 1
    assert b"on purpose" in headrace(shop, "history", "--failed", "--json").stdout


def test_invoke_works_without_a_running_simulator(shop: Path) -> None:
    answer = headrace(shop, "invoke", "feeling", "--payload", '{"emoji_type": 0, "message": "hi"}')
    assert (answer.returncode, json.loads(answer.stdout)) == (0, {"feeling": "positive", "message": "hi"})
    failed = headrace(shop, "invoke", "flaky", "--payload", "-", "--tail", stdin=b'{"fail": "no"}')
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errorType"] == "RuntimeError"
    assert b"REPORT RequestId" in failed.stderr
    assert b"[ERROR] RuntimeError: no\nTraceback (most recent call last):\n" in failed.stderr


def test_a_command_alone_sees_what_lies_in_a_bucket_and_leaves_its_event_to_the_next_start(
    shop: Path,
) -> None:
    with HeadraceProcess(shop):
        pass  # the bucket has been seen: what comes now is new
    (shop / "inbox" / "dropped.txt").write_text("while stopped")
    event = headrace(shop, "event", "s3-put", "--bucket", "inbox", "--key", "dropped.txt").stdout
    answer = headrace(shop, "invoke", "thumbnail", "--payload", "-", stdin=event)
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout) == {"written": ["previews/dropped.txt.txt"]}
    with HeadraceProcess(shop) as running:
        running.wait_for("InvocationFinished", function="thumbnail", function_error=None)


def test_commands_without_a_simulator_wait_for_each_other(shop: Path) -> None:
    command = [str(HEADRACE), "invoke", "feeling", "-p", '{"emoji_type": 0, "message": "hi"}']
    running = [
        subprocess.Popen(command, cwd=shop, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(3)
    ]
    for process in running:
        out, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
        assert json.loads(out)["feeling"] == "positive"


def test_an_event_queued_without_a_simulator_is_tried_and_its_retry_waits(shop: Path) -> None:
    queued = headrace(shop, "invoke", "flaky", "-p", '{"fail": "no"}', "--invocation-type", "Event")
    assert queued.returncode == 0
    assert b"retry" in queued.stderr
    with HeadraceProcess(shop):
        status = json.loads(headrace(shop, "status", "--json").stdout)
        assert status["functions"]["flaky"]["queued"] == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["invoke", "felling"], b"there is no function 'felling'", id="unknown function"),
        pytest.param(
            ["replay", "headrace.toml", "--function", "felling"],
            b"there is no function 'felling' (there are: ",
            id="unknown function for a replay",
        ),
        pytest.param(["invoke", "feeling", "-p", "{a}"], b"--payload:1:2: not JSON", id="no JSON"),
        pytest.param(
            ["invoke", "feeling", "-p", "@none.json"], b"none.json cannot be read", id="missing file"
        ),
        pytest.param(["rnu"], b"Did you mean `headrace run`?", id="a mistyped command"),
        pytest.param(
            ["--config", "x.toml", "run"],
            b"The options of a command come after it.",
            id="an option before its command",
        ),
        pytest.param(["queue", "peek", "failure"], b"there is no queue 'failure'", id="an unknown queue"),
        pytest.param(["check", "--config", "none.toml"], b"headrace init", id="a missing configuration"),
    ],
)
def test_a_mistake_is_answered_with_what_to_do(shop: Path, arguments: list[str], text: bytes) -> None:
    done = headrace(shop, *arguments)
    assert done.returncode == 2
    assert text in done.stderr
    assert b"Traceback" not in done.stderr


def test_init_writes_a_configuration_that_runs_and_overwrites_nothing(tmp_path: Path) -> None:
    assert headrace(tmp_path, "init").returncode == 0
    assert headrace(tmp_path, "check").returncode == 0
    handler = tmp_path / "functions" / "hello" / "handler.py"
    handler.write_text("# mine\ndef handler(event, context): return 'mine'\n")
    again = headrace(tmp_path, "init")
    assert again.stdout.count(b"kept") == 2
    assert headrace(tmp_path, "invoke", "hello").stdout == b'"mine"\n'


def test_the_demo_ends_well(tmp_path: Path) -> None:
    done = headrace(tmp_path, "demo")
    assert done.returncode == 0, done.stderr.decode()
    assert b"attempt 3" in done.stdout
