"""The payloads of schedules, against recorded events and an independent model of them."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aws_lambda_powertools.utilities.parser.models import EventBridgeModel

from engine.arn import Account
from triggers.schedule.event import fill_input, rule_event, scheduler_event

ACCOUNT = Account("111111111111", "eu-central-1")
EVENT_ID = "89d1a02d-5ec7-412e-82f5-13505f849b41"
DUE = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)


def test_the_event_of_a_rule() -> None:
    assert rule_event(ACCOUNT.rule("nightly"), ACCOUNT, EVENT_ID, DUE) == (
        b'{"version":"0","id":"89d1a02d-5ec7-412e-82f5-13505f849b41","detail-type":"Scheduled Event",'
        b'"source":"aws.events","account":"111111111111","time":"2026-01-02T03:04:05Z","region":"eu-central-1",'
        b'"resources":["arn:aws:events:eu-central-1:111111111111:rule/nightly"],"detail":{}}'
    )


def test_the_event_of_the_scheduler_has_a_text_as_its_detail() -> None:
    assert scheduler_event(ACCOUNT.schedule("nightly"), ACCOUNT, EVENT_ID, DUE) == (
        b'{"version":"0","id":"89d1a02d-5ec7-412e-82f5-13505f849b41","detail-type":"Scheduled Event",'
        b'"source":"aws.scheduler","account":"111111111111","time":"2026-01-02T03:04:05Z",'
        b'"region":"eu-central-1",'
        b'"resources":["arn:aws:scheduler:eu-central-1:111111111111:schedule/default/nightly"],"detail":"{}"}'
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            '{"arn":"<aws.scheduler.schedule-arn>"}',
            '{"arn":"arn:aws:scheduler:eu-central-1:111111111111:schedule/default/nightly"}',
            id="schedule arn",
        ),
        pytest.param(
            '{"at":"<aws.scheduler.scheduled-time>"}', '{"at":"2026-01-02T03:04:05Z"}', id="scheduled time"
        ),
        pytest.param('"<aws.scheduler.execution-id>"', '"89d1a02d5ec7412e"', id="execution id"),
        pytest.param(
            '"try <aws.scheduler.attempt-number>"',
            '"try <aws.scheduler.attempt-number>"',
            id="the attempt is left to whoever delivers it",
        ),
        pytest.param('{"<aws.scheduler.unknown>": 1}', '{"<aws.scheduler.unknown>": 1}', id="others stay"),
        pytest.param('{ "ü" : 1 }', '{ "ü" : 1 }', id="the rest is not touched"),
    ],
)
def test_context_attributes_are_replaced_in_the_input(text: str, expected: str) -> None:
    assert fill_input(text, ACCOUNT.schedule("nightly"), EVENT_ID, DUE) == expected.encode()


def test_powertools_reads_the_event_of_a_rule() -> None:
    event = EventBridgeModel.model_validate_json(rule_event(ACCOUNT.rule("nightly"), ACCOUNT, EVENT_ID, DUE))
    assert (event.source, event.detail_type, event.detail) == ("aws.events", "Scheduled Event", {})
    assert event.time == DUE.replace(microsecond=0)


@pytest.mark.parametrize("test", ["TestScheduleCron::test_schedule_cron_target_sqs"])
def test_the_event_of_a_rule_has_the_recorded_shape(test: str, shared: Path) -> None:
    recordings = json.loads((shared / "samples" / "recorded" / "events-schedule.json").read_text())
    recorded = recordings[test]["content"]["message"][0]["Body"]
    event = json.loads(rule_event(ACCOUNT.rule("nightly"), ACCOUNT, EVENT_ID, DUE))
    varying = {
        "id": EVENT_ID,
        "time": event["time"],
        "region": event["region"],
        "resources": event["resources"],
    }
    assert event == recorded | varying
    assert list(event) == list(recorded)
