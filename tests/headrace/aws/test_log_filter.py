"""Filter patterns of CloudWatch Logs."""

import pytest

from headrace.aws.log_filter import BadPattern, compiled

EVENT = '{"level": "ERROR", "n": 4, "deep": {"a b": null, "ok": true, "list": [{"x": 1}, {"x": "two"}]}}\n'


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        pytest.param("", "anything", True, id="no pattern matches everything"),
        pytest.param("ERROR", "an ERROR here", True, id="a term"),
        pytest.param("ERROR", "an error here", False, id="terms are case sensitive"),
        pytest.param("ERROR timed", "timed out: ERROR", True, id="all terms, in any order"),
        pytest.param("ERROR timed", "an ERROR here", False, id="one of two terms is not enough"),
        pytest.param('"timed out"', "timed out", True, id="a phrase"),
        pytest.param('"timed out"', "out timed", False, id="the words of a phrase are one"),
        pytest.param('"say \\"hi\\""', 'say "hi"', True, id="a quote in a phrase"),
        pytest.param("ERROR -timed", "an ERROR here", True, id="what is excluded is not there"),
        pytest.param("ERROR -timed", "ERROR: timed out", False, id="what is excluded is there"),
        pytest.param('-"timed out"', "fine", True, id="an exclusion alone"),
        pytest.param("?ERROR ?WARN", "WARN: soon", True, id="one of several"),
        pytest.param("?ERROR ?WARN", "INFO: fine", False, id="none of several"),
        pytest.param("?ERROR INFO", "INFO: fine", True, id="options beside terms are ignored"),
        pytest.param("%E[RW]R+%", "an ERR", True, id="a regular expression"),
        pytest.param('{ $.level = "ERROR" }', EVENT, True, id="a property"),
        pytest.param("{ $.level = ERROR }", EVENT, True, id="a property and a word without quotes"),
        pytest.param('{ $.level = "ERR*" }', EVENT, True, id="a wildcard"),
        pytest.param('{ $.level != "ERROR" }', EVENT, False, id="a property that is another"),
        pytest.param('{ $.missing = "ERROR" }', EVENT, False, id="a property that is missing"),
        pytest.param('{ $.missing != "ERROR" }', EVENT, False, id="what is missing is not another either"),
        pytest.param("{ $.n > 3 && $.n <= 4 }", EVENT, True, id="numbers and both of two"),
        pytest.param("{ $.n = 5 || $.n < 5 }", EVENT, True, id="one of two"),
        pytest.param("{ $.n >= 5 || ($.n != 3 && $.level = W*) }", EVENT, False, id="parentheses"),
        pytest.param("{$.level=ERROR&&$.n=4}", EVENT, True, id="no spaces"),
        pytest.param("{ $.deep.ok IS TRUE }", EVENT, True, id="true"),
        pytest.param("{ $.deep.ok IS FALSE }", EVENT, False, id="not false"),
        pytest.param("{ $.deep.['a b'] IS NULL }", EVENT, True, id="null, by a quoted name"),
        pytest.param("{ $.deep.c NOT EXISTS }", EVENT, True, id="not there"),
        pytest.param("{ $.deep.ok NOT EXISTS }", EVENT, False, id="there"),
        pytest.param("{ $.deep.list[0].x = 1 }", EVENT, True, id="an item of a list"),
        pytest.param("{ $.deep.list[5].x = 1 }", EVENT, False, id="an item that is not there"),
        pytest.param('{ $.deep.list[*].x = "two" }', EVENT, True, id="any item of a list"),
        pytest.param("{ $.level = %^ERR% }", EVENT, True, id="a property and a regular expression"),
        pytest.param(
            '{ $.level = "ERROR" }', "ERROR in plain text", False, id="plain text has no properties"
        ),
        pytest.param('{ $.level = "ERROR" }', 'x {"level":', False, id="nor has broken JSON"),
        pytest.param('{ $.level = "ERROR" }', f"[INFO] {EVENT}", True, id="JSON behind a prefix"),
    ],
)
def test_a_pattern_matches_as_in_cloudwatch(pattern: str, text: str, expected: bool) -> None:
    assert compiled(pattern)(text) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        '"never closed',
        "{ level = 1 }",
        "{ $.level }",
        "{ $.level ~ 1 }",
        "{ $.level = }",
        "{ $.level = $.other }",
        "{ ($.level = 1 }",
        "{ $.level = 1 $.n = 2 }",
        "{ $.level > word }",
        "{ $.level IS SOMETHING }",
        "[ip, user]",
        "%[%",
        "%(a+)+%",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compiled(pattern)
