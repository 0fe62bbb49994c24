"""The options of a table."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from triggers.dynamodb.settings import TableName, TableSettings


def test_a_table_needs_a_database_only() -> None:
    settings = TableSettings.model_validate({"database": "shop.db"})
    assert (settings.table, settings.key) == (None, None)
    assert (settings.stream_view_type, settings.nulls) == ("NEW_AND_OLD_IMAGES", "omit")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no database"),
        pytest.param({"database": "x", "key": []}, id="an empty key"),
        pytest.param({"database": "x", "key": ["a", "b", "c"]}, id="a key of three"),
        pytest.param({"database": "x", "stream_view_type": "ALL"}, id="no such view type"),
        pytest.param({"database": "x", "nulls": "drop"}, id="no such treatment of NULL"),
        pytest.param({"database": "x", "table": ""}, id="an empty name"),
        pytest.param({"database": "x", "keys": ["a"]}, id="an unknown option"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        TableSettings.model_validate(options)


@pytest.mark.parametrize(
    ("name", "is_right"), [("orders", True), ("a.b-c_1", True), ("ab", False), ("a b c", False)]
)
def test_a_name_is_one_that_dynamodb_allows(name: str, is_right: bool) -> None:
    names = TypeAdapter(TableName)
    if is_right:
        assert names.validate_python(name) == name
    else:
        with pytest.raises(ValidationError):
            names.validate_python(name)
