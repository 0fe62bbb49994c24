"""The handler of a trial with real processes, copied beside its plan: which items fail, and how often.

What it remembers is in a file, as a user's database would be; that outlives it and the simulator.
"""

import base64
import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Fail as often as the plan says."""
    memory = HERE / "memory.json"
    left = json.loads(memory.read_text())
    failing = [token for token in _tokens(event) if left.get(token, 0) > 0]
    for token in failing:
        left[token] -= 1
    memory.write_text(json.dumps(left))
    if failing:
        raise ValueError(f"not this time: {failing}")
    return {}


def _tokens(event: dict[str, Any]) -> list[str]:
    if "requestPayload" in event or event.get("source") == "aws.events":
        return []
    return [_token(record) for record in event["Records"]] if "Records" in event else [event["token"]]


def _token(record: dict[str, Any]) -> str:
    if "kinesis" in record:
        return str(json.loads(base64.b64decode(record["kinesis"]["data"]))["token"])
    if "dynamodb" in record:
        return str(record["dynamodb"]["NewImage"]["token"]["S"])
    if "s3" in record:
        return str(json.loads((HERE / "etags.json").read_text())[record["s3"]["object"]["eTag"]])
    return str(json.loads(record["body"])["token"])
