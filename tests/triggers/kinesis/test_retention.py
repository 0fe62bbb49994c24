"""How long a stream may keep its records."""

from datetime import timedelta
from typing import Literal

import pytest

from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.retention import changed_retention

Direction = Literal["Increase", "Decrease"]


@pytest.mark.parametrize(
    ("hours", "direction"),
    [
        pytest.param(8760, "Increase", id="up to a year"),
        pytest.param(48, "Increase", id="to what it is"),
        pytest.param(24, "Decrease", id="down to a day"),
        pytest.param(48, "Decrease", id="down to what it is"),
    ],
)
def test_retention_may_change(hours: int, direction: Direction) -> None:
    assert changed_retention(hours, timedelta(hours=48), direction, "clicks") == timedelta(hours=hours)


@pytest.mark.parametrize(
    ("hours", "direction", "text"),
    [
        pytest.param(
            23,
            "Decrease",
            "Minimum allowed retention period is 24 hours. "
            "Requested retention period (23 hours) is too short.",
            id="less than a day",
        ),
        pytest.param(
            8761,
            "Increase",
            "Maximum allowed retention period is 8760 hours. "
            "Requested retention period (8761 hours) is too long.",
            id="more than a year",
        ),
        pytest.param(
            30,
            "Increase",
            "Requested retention period (30 hours) for stream clicks can not be shorter than existing "
            "retention period (48 hours). Use DecreaseRetentionPeriod API.",
            id="an increase that is a decrease",
        ),
        pytest.param(
            72,
            "Decrease",
            "Requested retention period (72 hours) for stream clicks can not be longer than existing "
            "retention period (48 hours). Use IncreaseRetentionPeriod API.",
            id="a decrease that is an increase",
        ),
    ],
)
def test_retention_may_not_change(hours: int, direction: Direction, text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        changed_retention(hours, timedelta(hours=48), direction, "clicks")
    assert str(caught.value) == text
