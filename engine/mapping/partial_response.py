"""Partial batch responses: which records of a batch a function says have failed.

An answer that makes no sense fails the whole batch. Source: Lambda developer guide, "Implementing partial
batch responses"; the forms as recorded on AWS by LocalStack's test_report_batch_item_failures.
"""

from collections.abc import Collection
from typing import Any

import orjson

from engine.errors import HeadraceError

SHOWN_CHARACTERS = 60


class SenselessAnswer(HeadraceError):
    """An answer is no partial batch response; the text says why."""


def parsed(response: bytes) -> Any:
    """Return what a response says, None when there is none. Raises SenselessAnswer for what is not JSON."""
    try:
        return orjson.loads(response or b"null")
    except orjson.JSONDecodeError:
        raise SenselessAnswer("its answer is not JSON") from None


def failed_ids(answer: Any, known: Collection[str]) -> set[str]:
    """Return the `itemIdentifier`s that an answer names, all of them `known`; an empty one names none.

    Raises SenselessAnswer for an answer of another form, or that names something else.
    """
    if answer is None or answer in ("", [], {}):
        return set()
    if not isinstance(answer, dict):
        raise SenselessAnswer("its answer is no object with batchItemFailures")
    failures = answer.get("batchItemFailures")
    if failures is None:
        return set()
    if not isinstance(failures, list):
        raise SenselessAnswer("batchItemFailures is no list")
    return {_known_id(index, each, known) for index, each in enumerate(failures)}


def _known_id(index: int, failure: Any, known: Collection[str]) -> str:
    if not isinstance(failure, dict) or "itemIdentifier" not in failure:
        raise SenselessAnswer(f"batchItemFailures[{index}] has no itemIdentifier")
    name = failure["itemIdentifier"]
    if not isinstance(name, str) or name not in known:
        shown = repr(str(name)[:SHOWN_CHARACTERS])
        raise SenselessAnswer(f"batchItemFailures[{index}] names {shown}, which is not in the batch")
    return name
