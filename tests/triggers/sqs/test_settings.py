"""Names of queues."""

import pytest
from pydantic import TypeAdapter, ValidationError

from triggers.sqs.settings import QueueName

NAMES: TypeAdapter[str] = TypeAdapter(QueueName)


@pytest.mark.parametrize("name", ["jobs", "a", "A-b_9", "x" * 80, "jobs.fifo", "x" * 75 + ".fifo"])
def test_names_that_sqs_accepts(name: str) -> None:
    assert NAMES.validate_python(name) == name


@pytest.mark.parametrize(
    "name", ["", "x" * 81, "jobs.fif", "x" * 76 + ".fifo", ".fifo", "a b", "käse", "jobs\n"]
)
def test_names_that_sqs_refuses(name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 80 letters"):
        NAMES.validate_python(name)
