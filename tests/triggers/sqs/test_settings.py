"""Names and options of queues."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from engine.arn import Account
from triggers.sqs.attributes import QueueAttributes, RedriveAllowPolicy, RedrivePolicy
from triggers.sqs.settings import QueueName, QueueSettings, problems_between_queues

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


def test_the_defaults_are_those_of_sqs() -> None:
    assert QueueAttributes.configured("jobs", QueueSettings(), Account()) == QueueAttributes(
        "jobs",
        "arn:aws:sqs:us-east-1:000000000000:jobs",
        is_fifo=False,
        visibility_timeout=timedelta(seconds=30),
        delay=timedelta(),
        message_retention_period=timedelta(days=4),
        maximum_message_size=1_048_576,
        receive_message_wait_time=timedelta(),
    )


def test_every_option_reaches_the_queue() -> None:
    settings = QueueSettings.model_validate(
        {
            "fifo": True,
            "visibility_timeout": 1,
            "delay_seconds": 2,
            "message_retention_period": 60,
            "maximum_message_size": 1024,
            "receive_message_wait_time_seconds": 3,
            "content_based_deduplication": True,
            "deduplication_scope": "messageGroup",
            "fifo_throughput_limit": "perMessageGroupId",
            "redrive_policy": {"dead_letter_target_arn": "queues.dead.fifo"},
            "redrive_allow_policy": {
                "redrive_permission": "byQueue",
                "source_queue_arns": ["arn:aws:sqs:us-east-1:000000000000:other.fifo"],
            },
        }
    )
    assert QueueAttributes.configured("jobs.fifo", settings, Account()) == QueueAttributes(
        "jobs.fifo",
        "arn:aws:sqs:us-east-1:000000000000:jobs.fifo",
        is_fifo=True,
        visibility_timeout=timedelta(seconds=1),
        delay=timedelta(seconds=2),
        message_retention_period=timedelta(seconds=60),
        maximum_message_size=1024,
        receive_message_wait_time=timedelta(seconds=3),
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        fifo_throughput_limit="perMessageGroupId",
        redrive_policy=RedrivePolicy("dead.fifo", "arn:aws:sqs:us-east-1:000000000000:dead.fifo", 10),
        redrive_allow_policy=RedriveAllowPolicy("byQueue", ("other.fifo",)),
    )


@pytest.mark.parametrize(
    ("option", "least", "most"),
    [
        ("visibility_timeout", 0, 43_200),
        ("delay_seconds", 0, 900),
        ("message_retention_period", 60, 1_209_600),
        ("maximum_message_size", 1024, 1_048_576),
        ("receive_message_wait_time_seconds", 0, 20),
    ],
)
def test_numbers_have_the_ranges_of_sqs(option: str, least: int, most: int) -> None:
    for value in (least, most):
        QueueSettings.model_validate({option: value})
    for wrong in (least - 1, most + 1, least + 0.5, str(least)):
        with pytest.raises(ValidationError):
            QueueSettings.model_validate({option: wrong})


@pytest.mark.parametrize(
    ("table", "text"),
    [
        pytest.param({"kms_master_key_id": "x"}, "kms_master_key_id", id="encryption is not simulated"),
        pytest.param({"sqs_managed_sse_enabled": True}, "sqs_managed_sse", id="nor is that by SQS"),
        pytest.param(
            {"redrive_policy": {"dead_letter_target_arn": "queues.x", "max_receive_count": 0}},
            "greater than or equal to 1",
            id="a message is received once at least",
        ),
        pytest.param(
            {"redrive_policy": {"dead_letter_target_arn": "queues.x", "max_receive_count": 1001}},
            "less than or equal to 1000",
            id="and a thousand times at most",
        ),
        pytest.param(
            {"redrive_allow_policy": {"redrive_permission": "byQueue"}},
            "source_queue_arns goes with",
            id="by queue means by which",
        ),
        pytest.param(
            {"redrive_allow_policy": {"source_queue_arns": ["queues.x"]}},
            "source_queue_arns goes with",
            id="queues mean by queue",
        ),
        pytest.param(
            {
                "redrive_allow_policy": {
                    "redrive_permission": "byQueue",
                    "source_queue_arns": ["queues.x"] * 11,
                }
            },
            "at most 10",
            id="ten queues at most",
        ),
        pytest.param(
            {"fifo_throughput_limit": "perMessageGroupId"},
            'needs deduplication_scope = "messageGroup"',
            id="high throughput needs the scope",
        ),
    ],
)
def test_options_that_are_refused(table: dict[str, Any], text: str) -> None:
    with pytest.raises(ValidationError, match=text):
        QueueSettings.model_validate(table)


def redrive_to(target: str) -> dict[str, Any]:
    return {"redrive_policy": {"dead_letter_target_arn": target, "max_receive_count": 3}}


@pytest.mark.parametrize(
    ("tables", "problems"),
    [
        pytest.param({"jobs": redrive_to("queues.dead"), "dead": {}}, [], id="a dead-letter queue"),
        pytest.param({"jobs": redrive_to("queues.nowhere")}, [], id="a missing one is reported elsewhere"),
        pytest.param({"jobs.fifo": {"fifo": True}, "jobs": {"fifo": False}}, [], id="fifo as the name says"),
        pytest.param(
            {"jobs": {"fifo": True}},
            ["queues.jobs.fifo: the name of a FIFO queue, and of no other, ends in .fifo"],
            id="a FIFO queue without the name",
        ),
        pytest.param(
            {"jobs.fifo": {"fifo": False}},
            ["queues.jobs.fifo.fifo: the name of a FIFO queue, and of no other, ends in .fifo"],
            id="the name without a FIFO queue",
        ),
        pytest.param(
            {"jobs": {"content_based_deduplication": True}},
            ["queues.jobs.content_based_deduplication: only a FIFO queue has this option"],
            id="an option of FIFO queues",
        ),
        pytest.param(
            {"jobs.fifo": redrive_to("queues.dead"), "dead": {}},
            [
                (
                    "queues.jobs.fifo.redrive_policy.dead_letter_target_arn: the dead-letter queue of a FIFO"
                    " queue is a FIFO queue, dead is not"
                )
            ],
            id="a dead-letter queue of the other kind",
        ),
        pytest.param(
            {
                "jobs": redrive_to("queues.dead"),
                "dead": {"redrive_allow_policy": {"redrive_permission": "denyAll"}},
            },
            [
                (
                    "queues.jobs.redrive_policy.dead_letter_target_arn: the redrive_allow_policy of"
                    " queues.dead does not allow queues.jobs"
                )
            ],
            id="a dead-letter queue for nobody",
        ),
        pytest.param(
            {
                "jobs": redrive_to("arn:aws:sqs:us-east-1:000000000000:dead"),
                "other": redrive_to("dead"),
                "dead": {
                    "redrive_allow_policy": {
                        "redrive_permission": "byQueue",
                        "source_queue_arns": ["queues.jobs"],
                    }
                },
            },
            [
                (
                    "queues.other.redrive_policy.dead_letter_target_arn: the redrive_allow_policy of"
                    " queues.dead does not allow queues.other"
                )
            ],
            id="a dead-letter queue for some",
        ),
    ],
)
def test_problems_that_show_between_queues(tables: dict[str, dict[str, Any]], problems: list[str]) -> None:
    queues = {name: QueueSettings.model_validate(table) for name, table in tables.items()}
    assert list(problems_between_queues(queues)) == problems
