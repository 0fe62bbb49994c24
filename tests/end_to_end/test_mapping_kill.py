"""`kill -9` while queues and streams drain: nothing is lost, and nothing overtakes."""

import json
import random
import time
from collections import defaultdict
from pathlib import Path

from tests.end_to_end.headrace_process import HeadraceProcess, headrace, wait_until, write_function

ROUNDS = 20
MESSAGES = 4000  # in the standard queue; a tenth of it in each FIFO group and for each partition key
GROUPS = ("red", "green", "blue")
CONFIGURATION = """
[simulator]
endpoint = "127.0.0.1:0"
max_environments = 3

[functions.keep]
handler = "handler.handler"
code = "functions/keep"
timeout = 20
environment = {{ DELIVERED = "{delivered}" }}

[queues.jobs]

[queues."ordered.fifo"]
content_based_deduplication = true

[streams.clicks]
shards = 2

[[event_source_mappings]]
source = "queues.jobs"
function = "keep"

[[event_source_mappings]]
source = 'queues.ordered.fifo'
function = "keep"

[[event_source_mappings]]
source = "streams.clicks"
function = "keep"
starting_position = "TRIM_HORIZON"
batch_size = 20
"""
HANDLER = '''
import base64, json, os

FILE = os.open(os.environ["DELIVERED"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def handler(event, context):
    """Write down what arrived: lane and number, one line each."""
    lines = []
    for record in event["Records"]:
        if "kinesis" in record:
            lane, text = "clicks", base64.b64decode(record["kinesis"]["data"]).decode()
        else:
            lane, text = record["eventSourceARN"].rpartition(":")[2], record["body"]
        lines.append(json.dumps([lane, text]) + "\\n")
    os.write(FILE, "".join(lines).encode())
'''


def delivered(path: Path) -> list[tuple[str, str]]:
    """Return what the function wrote down, in order; a line that a kill cut short does not count."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            lane, text = json.loads(line)
        except ValueError:
            continue
        found.append((lane, text))
    return found


def send(folder: Path, *arguments: str, lines: list[str]) -> None:
    done = headrace(folder, *arguments, stdin="".join(f"{line}\n" for line in lines).encode())
    assert done.returncode == 0, done.stderr.decode()


def test_queues_and_streams_survive_20_kills(tmp_path: Path) -> None:
    chance = random.Random(20260202)
    log = tmp_path / "delivered"
    write_function(tmp_path, "keep", HANDLER)
    (tmp_path / "headrace.toml").write_text(CONFIGURATION.format(delivered=log))
    jobs = [f"job {number}" for number in range(MESSAGES)]
    ordered = {group: [f"{group} {number}" for number in range(MESSAGES // 10)] for group in GROUPS}
    send(tmp_path, "send", "jobs", "-", lines=jobs)
    for group, texts in ordered.items():
        send(tmp_path, "send", "ordered.fifo", "-", "--group", group, lines=texts)
        send(tmp_path, "put-record", "clicks", "-", "--partition-key", group, lines=texts)
    promised = {("jobs", text) for text in jobs} | {
        (lane, text) for lane in ("ordered.fifo", "clicks") for texts in ordered.values() for text in texts
    }
    for _ in range(ROUNDS):
        with HeadraceProcess(tmp_path) as running:
            time.sleep(chance.uniform(0.05, 0.3))
            running.kill()
    with HeadraceProcess(tmp_path):
        wait_until(lambda: promised <= set(delivered(log)), f"all {len(promised)} are delivered")
    reached: dict[tuple[str, str], int] = defaultdict(lambda: -1)
    for lane, text in delivered(log):
        group, _, number = text.partition(" ")
        if lane != "jobs":
            assert int(number) <= reached[lane, group] + 1, f"{text} of {lane} overtook one before it"
            reached[lane, group] = max(reached[lane, group], int(number))
