"""What `[topics.NAME]` may say."""

from pathlib import Path

import pytest

from engine.errors import ConfigurationError
from headrace.config import load
from headrace.topic_wiring import configured_topics

RESOURCES = """
[functions.notify]
handler = "handler.handler"
code = "."

[queues.jobs]

[queues.failures]

[queues."jobs.fifo"]

"""


def written(folder: Path, text: str) -> Path:
    (folder / "handler.py").write_text("def handler(event, context): ...")
    path = folder / "headrace.toml"
    path.write_text(RESOURCES + text)
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        load(written(folder, text))
    return caught.value.problems


def test_topics_are_as_the_configuration_says(tmp_path: Path) -> None:
    text = """
[topics.alerts]
display_name = "Alerts"
maximum_message_size = 1_048_576

[[topics.alerts.subscriptions]]
endpoint = "functions.notify"
filter_policy = { kind = ["order"] }

[[topics.alerts.subscriptions]]
endpoint = "arn:aws:sqs:us-east-1:000000000000:jobs"
filter_policy = '{"kind": {"of": ["order"]}}'
filter_policy_scope = "MessageBody"
raw_message_delivery = true
redrive_policy = { dead_letter_target_arn = "queues.failures" }

[topics."orders.fifo"]
content_based_deduplication = true
fifo_throughput_scope = "MessageGroup"
subscriptions = [{ endpoint = "queues.jobs.fifo" }]
"""
    configuration = load(written(tmp_path, text), with_code=False)
    assert configuration.file.summary() == "1 function, 3 queues, 2 topics"
    (alerts, orders), (function, queue, fifo) = configured_topics(configuration)
    assert alerts.attributes == {"DisplayName": "Alerts", "MaximumMessageSize": "1048576"}
    assert alerts.is_configured
    assert (orders.content_based_deduplication, orders.deduplicates_in_groups) == (True, True)
    assert function.endpoint == "arn:aws:lambda:us-east-1:000000000000:function:notify"
    assert function.attributes == {
        "FilterPolicy": '{"kind":["order"]}',
        "FilterPolicyScope": "MessageAttributes",
    }
    assert (queue.is_raw, queue.dead_letter_arn) == (True, "arn:aws:sqs:us-east-1:000000000000:failures")
    assert fifo.endpoint == "arn:aws:sqs:us-east-1:000000000000:jobs.fifo"
    again = configured_topics(load(written(tmp_path, text), with_code=False))[1]
    assert [each.arn for each in again] == [function.arn, queue.arn, fifo.arn]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param(
            '[topics."a b"]',
            "topics.a b: a topic's name has 1 to 256 letters, digits, hyphens and underscores;"
            " that of a FIFO topic ends in .fifo",
            id="a space in its name",
        ),
        pytest.param(
            "[topics.a]\nfifo = true",
            "topics.a.fifo: the name of a FIFO topic, and of no other, ends in .fifo",
            id="FIFO without the name",
        ),
        pytest.param(
            "[topics.a]\ncontent_based_deduplication = true",
            "topics.a.content_based_deduplication: only a FIFO topic has this option",
            id="an option of FIFO topics",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "queues.job" }]',
            "topics.a.subscriptions[0].endpoint: there is no queues.job; did you mean 'jobs'?",
            id="a queue that is not there",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "queues.jobs" }, { endpoint = "queues.jobs" }]',
            "topics.a.subscriptions[1].endpoint: queues.jobs is subscribed already",
            id="a queue twice",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "queues.jobs.fifo" }]',
            "topics.a.subscriptions[0].endpoint: FIFO queues cannot be subscribed to standard topics",
            id="a FIFO queue",
        ),
        pytest.param(
            '[topics."a.fifo"]\nsubscriptions = [{ endpoint = "functions.notify" }]',
            "topics.a.fifo.subscriptions[0].endpoint: only queues can be subscribed to FIFO topics",
            id="a function of a FIFO topic",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "functions.notify", raw_message_delivery = true }]',
            "topics.a.subscriptions[0].raw_message_delivery: a function gets no raw messages, only queues do",
            id="raw messages for a function",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "queues.jobs",'
            ' redrive_policy = { dead_letter_target_arn = "queues.jobs.fifo" } }]',
            "topics.a.subscriptions[0].redrive_policy.dead_letter_target_arn:"
            " the dead-letter queue of this subscription is a standard queue",
            id="dead letters in a FIFO queue",
        ),
        pytest.param(
            '[topics.a]\nsubscriptions = [{ endpoint = "queues.jobs",'
            ' filter_policy = { a = { b = ["c"] } } }]',
            "topics.a.subscriptions[0]: Filter policy scope MessageAttributes does not support nested filter"
            " policy",
            id="a nested policy on attributes",
        ),
        pytest.param(
            '[functions.other]\nhandler = "handler.handler"\ncode = "."\non_failure = "topics.a.fifo"\n'
            '[topics."a.fifo"]',
            "functions.other.on_failure: topics.a.fifo is a FIFO topic;"
            " Lambda sends such records to standard topics only",
            id="a FIFO topic as a destination",
        ),
    ],
)
def test_a_problem_names_its_place(tmp_path: Path, text: str, problem: str) -> None:
    assert problem in problems(tmp_path, text)
