"""What is wrong with an answer that should be a partial batch response: Lambda fails the whole batch then.

Source: Lambda developer guide, "Implementing partial batch responses"; the forms as recorded on AWS by
LocalStack's test_report_batch_item_failures.
"""

from collections.abc import Collection
from typing import Any

import orjson

SHOWN_CHARACTERS = 60


def problem_of(response: bytes, known: Collection[str]) -> str | None:
    """Return in words why a response makes no sense, None for one that does; `known` are the batch's ids.

    An empty response of any kind makes sense: all went well.
    """
    try:
        answer = orjson.loads(response or b"null")
    except orjson.JSONDecodeError:
        return "its answer is not JSON"
    if answer is None or answer in ("", [], {}):
        return None
    if not isinstance(answer, dict):
        return "its answer is no object with batchItemFailures"
    failures = answer.get("batchItemFailures")
    if failures is None:
        return None
    if not isinstance(failures, list):
        return "batchItemFailures is no list"
    return next(
        (text for index, each in enumerate(failures) if (text := _problem_of_item(index, each, known))), None
    )


def _problem_of_item(index: int, failure: Any, known: Collection[str]) -> str | None:
    if not isinstance(failure, dict) or "itemIdentifier" not in failure:
        return f"batchItemFailures[{index}] has no itemIdentifier"
    name = failure["itemIdentifier"]
    if not isinstance(name, str) or name not in known:
        return f"batchItemFailures[{index}] names {str(name)[:SHOWN_CHARACTERS]!r}, which is not in the batch"
    return None
