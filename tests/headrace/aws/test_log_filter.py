"""Filter patterns of CloudWatch Logs."""

import pytest

from headrace.aws.log_condition import BadPattern
from headrace.aws.log_filter import compiled

EVENT = '{"level": "ERROR", "n": 4, "deep": {"a b": null, "ok": true, "list": [{"x": 1}, {"x": "two"}]}}\n'
ACCESS = '127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534\n'


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
        pytest.param(
            "[ip, user, username, timestamp, request, status_code, bytes]",
            ACCESS,
            True,
            id="brackets and quotes make one field",
        ),
        pytest.param(
            "[ip, user, username, timestamp, request = *.html*, status_code = 4*, bytes]",
            ACCESS,
            True,
            id="fields with wildcards",
        ),
        pytest.param(
            "[ip, user, username, timestamp = 10/Oct*, request, status_code != 404, bytes]",
            ACCESS,
            False,
            id="a field that is the one excluded",
        ),
        pytest.param(
            "[ip, user, username, timestamp, request, status_code, bytes, more]",
            ACCESS,
            False,
            id="more fields than the event has",
        ),
        pytest.param('[ip, user, rest = "frank *1534"]', ACCESS, True, id="the last field takes the rest"),
        pytest.param("[w1=ERROR, w2]", "ERROR and so on", True, id="a first word"),
        pytest.param("[w1=ERROR]", "ERROR and so on", False, id="a word alone"),
        pytest.param("[w1=ERROR, w2]", "ERROR", False, id="a field that is missing"),
        pytest.param("[..., status_code = 404, bytes > 1000]", ACCESS, True, id="any fields before others"),
        pytest.param("[..., bytes <= 1000]", ACCESS, False, id="a number that is too great"),
        pytest.param("[ip = 127*, ...]", ACCESS, True, id="any fields after others"),
        pytest.param("[ip, ..., bytes]", "127.0.0.1", False, id="too few fields around any"),
        pytest.param(
            "[w1=ERROR || w1=%WARN%, w2]", "XWARNING: soon", True, id="one of two conditions of a field"
        ),
        pytest.param(
            "[w1!=ERROR && (w1!=WARN||w1=x), w2]", "WARN: soon", True, id="both of two conditions of a field"
        ),
        pytest.param(r"[ip=%127\.0\.0\.[1-9]%, ...]", ACCESS, True, id="a regular expression with brackets"),
        pytest.param('[..., request = "GET *, 1.0", status, bytes]', ACCESS, False, id="a comma in quotes"),
        pytest.param("[bytes > 5, ...]", ACCESS, False, id="what is no number is not greater"),
        pytest.param("[a != 5, ...]", ACCESS, True, id="what is no number is another"),
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
        "{ $.level = 1",
        "[ip, user",
        "[]",
        "[a,,b]",
        "[..., a, ...]",
        "[a=1 || b=2, c]",
        "[a=]",
        "[a=(]",
        "[a ~ 1]",
        "[a > x]",
        '["a" = 1]',
        '[a = "x]',
        "%[%",
        "%(a+)+%",
    ],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compiled(pattern)


@pytest.mark.parametrize("piece", ["[ ", '"a" ', '"a ', '["[" ', "a[ "])
def test_the_fields_of_a_long_event_are_found_in_one_pass(piece: str) -> None:
    assert compiled("[..., last = end]")(piece * 60_000 + "end")
