"""The `[streams.NAME]` tables."""

from datetime import timedelta

import pytest
from pydantic import TypeAdapter, ValidationError

from triggers.kinesis.properties import StreamProperties
from triggers.kinesis.settings import StreamName, StreamSettings


def test_without_options_a_stream_is_as_aws_makes_it() -> None:
    assert StreamSettings().properties() == StreamProperties(1, timedelta(hours=24), 1048576)


def test_options_become_properties() -> None:
    settings = StreamSettings(shards=4, retention_period_hours=168, max_record_size_in_kib=10_240)
    assert settings.properties() == StreamProperties(4, timedelta(days=7), 10_485_760)


@pytest.mark.parametrize(
    "option",
    [
        {"shards": 0},
        {"retention_period_hours": 23},
        {"retention_period_hours": 8761},
        {"max_record_size_in_kib": 1023},
        {"max_record_size_in_kib": 10_241},
        {"stream_mode": "ON_DEMAND"},
    ],
    ids=str,
)
def test_values_aws_refuses_are_refused(option: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        StreamSettings.model_validate(option)


@pytest.mark.parametrize("name", ["clicks", "Clicks_2.eu-west", "x" * 128])
def test_names_kinesis_takes(name: str) -> None:
    assert TypeAdapter(StreamName).validate_python(name) == name


@pytest.mark.parametrize("name", ["", "x" * 129, "clicks/2", "klicks ä"])
def test_names_kinesis_refuses(name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 128"):
        TypeAdapter(StreamName).validate_python(name)
