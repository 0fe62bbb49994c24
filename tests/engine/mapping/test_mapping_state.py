"""States of mappings, and what ARNs and names of functions refer to."""

import pytest

from engine.arn import Account
from engine.mapping.function_reference import parse_reference
from engine.mapping.mapping_state import State, first_state, settled_state, source_of_arn, state_of_update
from engine.mapping.parameters import MappedSource

ACCOUNT = Account("123456789012", "eu-west-1")
WORK = "arn:aws:lambda:eu-west-1:123456789012:function:work"


@pytest.mark.parametrize(
    ("was_enabled", "enabled", "passing", "settled"),
    [
        pytest.param(True, True, "Updating", "Enabled", id="something else changes"),
        pytest.param(False, False, "Updating", "Disabled", id="something else of a disabled mapping"),
        pytest.param(False, True, "Enabling", "Enabled", id="it is enabled"),
        pytest.param(True, False, "Disabling", "Disabled", id="it is disabled"),
    ],
)
def test_an_update_passes_through_a_state(
    was_enabled: bool, enabled: bool, passing: State, settled: State
) -> None:
    assert state_of_update(was_enabled, enabled) == passing
    assert settled_state(enabled) == settled


def test_a_new_mapping_is_creating_or_disabled_at_once() -> None:
    assert (first_state(True), first_state(False)) == ("Creating", "Disabled")


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        ("arn:aws:sqs:eu-west-1:123456789012:jobs", "sqs"),
        ("arn:aws:sqs:eu-west-1:123456789012:jobs.fifo", "sqs-fifo"),
        ("arn:aws:kinesis:eu-west-1:123456789012:stream/clicks.fifo", "kinesis"),
        ("arn:aws:dynamodb:eu-west-1:123456789012:table/t/stream/2026-01-01T00:00:00.000", "dynamodb"),
        ("arn:aws:kafka:eu-west-1:123456789012:cluster/c/1", None),
        ("queues.jobs", None),
        ("", None),
    ],
)
def test_the_service_in_an_arn_says_what_the_source_is(arn: str, expected: MappedSource | None) -> None:
    assert source_of_arn(arn) == expected


@pytest.mark.parametrize(
    ("text", "arn", "target"),
    [
        pytest.param("work", WORK, "work", id="a name"),
        pytest.param("work:$LATEST", WORK + ":$LATEST", "work", id="a name and the unpublished code"),
        pytest.param("work:live", WORK + ":live", "work:live", id="a name and an alias"),
        pytest.param(WORK, WORK, "work", id="an ARN"),
        pytest.param(WORK + ":1", WORK + ":1", "work:1", id="an ARN with a version"),
        pytest.param("123456789012:function:work", WORK, "work", id="a partial ARN"),
        pytest.param("function:work", WORK, "work", id="less of one"),
    ],
)
def test_a_function_is_addressed_in_several_ways(text: str, arn: str, target: str) -> None:
    reference = parse_reference(text, ACCOUNT)
    assert reference is not None
    assert (reference.name, reference.arn, reference.target) == ("work", arn, target)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("w rk", id="a blank"),
        pytest.param(WORK.replace("eu-west-1", "us-east-1"), id="another region"),
        pytest.param("000000000000:function:work", id="another account"),
        pytest.param("arn:aws:sqs:eu-west-1:123456789012:work", id="a queue"),
    ],
)
def test_what_is_no_function_of_this_account_refers_to_nothing(text: str) -> None:
    assert parse_reference(text, ACCOUNT) is None
