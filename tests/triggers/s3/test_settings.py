"""The `[buckets.NAME]` tables."""

import pytest
from pydantic import ValidationError

from triggers.s3.notification import OVERLAP_MESSAGE
from triggers.s3.settings import BucketSettings, check_bucket_name


@pytest.mark.parametrize("name", ["inbox", "my-bucket.1", "a1b", "x" * 63])
def test_bucket_names(name: str) -> None:
    assert check_bucket_name(name) == name


@pytest.mark.parametrize(
    "name", ["ab", "Inbox", "my_bucket", "-a1", "a..b", "10.0.0.1", "xn--abc", "x" * 64, "a/b"]
)
def test_bucket_names_that_s3_refuses(name: str) -> None:
    with pytest.raises(ValueError, match="is no bucket name"):
        check_bucket_name(name)


def test_a_notification_without_an_id_is_named_by_function_and_position() -> None:
    settings = BucketSettings.model_validate({"folder": "in", "notifications": [{"function": "resize"}]})
    assert [rule.id for rule in settings.rules()] == ["resize-1"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"notifications": [{"function": "f"}, {"function": "g"}]}, OVERLAP_MESSAGE, id="overlap"
        ),
        pytest.param(
            {"notifications": [{"function": "f", "events": ["s3:Replication:*"]}]},
            "s3:Replication:* is not simulated",
            id="not simulated",
        ),
        pytest.param({"settle_time": 0}, "greater than 0", id="no settle time"),
        pytest.param({"watch": "never"}, "'auto' or 'poll'", id="unknown watch"),
        pytest.param({"fodler": "x"}, "Extra inputs are not permitted", id="misspelt option"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        BucketSettings.model_validate({"folder": "in"} | settings)
    assert message in str(caught.value)
