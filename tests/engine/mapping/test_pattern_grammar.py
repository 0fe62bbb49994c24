"""Patterns that AWS refuses: the reason, and where it lies."""

import pytest

from engine.mapping.event_pattern import InvalidPattern, compile_pattern

TOO_COMPLEX = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences "
    "after a wildcard character"
)
LITERALS = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def problem(pattern: str) -> InvalidPattern:
    with pytest.raises(InvalidPattern) as caught:
        compile_pattern(pattern)
    return caught.value


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("[1]", "Filter is not an object"),
        ('"x"', "Filter is not an object"),
        ("", "Filter is not an object"),
        ("{}", "Empty objects are not allowed"),
        ('{"a": {}}', "Empty objects are not allowed"),
        ('{"a": []}', "Empty arrays are not allowed"),
        ('{"a": "x"}', '"a" must be an object or an array'),
        ('{"a": {"b": null}}', '"b" must be an object or an array'),
        ('{"a": [[1]]}', "Match value must be String, number, true, false, or null"),
        (
            '{"a": ["x"]} y',
            "Unexpected character ('y' (code 121)): expected nothing after the end of the pattern",
        ),
        ('{"a": {"b": ["x"]}', "Unexpected end-of-input: expected close marker for Object"),
        ('{"a": ["x"', "Unexpected end-of-input: expected close marker for Array"),
        ('{"a": ["x"}', "Unexpected close marker '}': expected ']' (for Array)"),
        ('{"a": ["x]}', "Unexpected end-of-input: was expecting closing quote for a string value"),
        ("{a: [1]}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name"),
        (
            '{"a" [1]}',
            "Unexpected character ('[' (code 91)): was expecting a colon to separate field name and value",
        ),
        (
            '{"a": [1] "b": [2]}',
            "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
        ),
        (
            '{"a": [1 2]}',
            "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries",
        ),
        ('{"a": [1,]}', f"Unexpected character (']' (code 93)): expected a valid value {LITERALS}"),
        ('{"a": [this]}', f"Unrecognized token 'this': was expecting {LITERALS}"),
        ('{"a": [NaN]}', f"Unrecognized token 'NaN': was expecting {LITERALS}"),
        ('{"a": [01]}', "Invalid numeric value: Leading zeroes not allowed"),
        (
            '{"a": [1.]}',
            "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit",
        ),
        ('{"a": [1e', "Unexpected end-of-input in numeric value"),
        (r'{"a": ["\q"]}', "Unrecognized character escape 'q'"),
    ],
)
def test_malformed_patterns_are_refused(pattern: str, reason: str) -> None:
    assert problem(pattern).reason == reason


def test_a_line_break_in_a_text_has_to_be_escaped() -> None:
    assert problem('{"a": ["x\ny"]}').reason.startswith("Illegal unquoted character ((CTRL-CHAR, code 10))")


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("{}", "Match expression name not found"),
        ('{"Prefix": "x"}', "Unrecognized match type Prefix"),
        ('{"prefix": "a", "suffix": "b"}', "Only one key allowed in match expression"),
        ('{"exactly": 1}', "exact match pattern must be a string"),
        ('{"prefix": ["a"]}', "prefix match pattern must be a string"),
        ('{"prefix": {}}', "Prefix expression name not found"),
        ('{"prefix": {"suffix": "a"}}', "Unsupported prefix pattern: suffix"),
        ('{"suffix": {"prefix": "a"}}', "Unsupported suffix pattern: prefix"),
        ('{"suffix": {"equals-ignore-case": 5}}', "equals-ignore-case match pattern must be a string"),
        ('{"suffix": null}', "suffix match pattern must be a string"),
        ('{"equals-ignore-case": ["a"]}', "equals-ignore-case match pattern must be a string"),
        ('{"wildcard": 5}', "wildcard match pattern must be a string"),
        ('{"wildcard": "a**"}', "Consecutive wildcard characters at pos 2"),
        ('{"wildcard": "é**"}', "Consecutive wildcard characters at pos 3"),
        (r'{"wildcard": "a\\b"}', "Invalid escape character at pos 2"),
        (r'{"wildcard": "a\\"}', "Invalid escape character at pos 2"),
        ('{"wildcard": "*:*:*:*:*:event-bus/*"}', TOO_COMPLEX),
        ('{"anything-but": {"wildcard": "*:*:*:*:*:event-bus/*"}}', TOO_COMPLEX),
        ('{"anything-but": {}}', "Anything-But expression name not found"),
        ('{"anything-but": {"exists": true}}', "Unsupported anything-but pattern: exists"),
        ('{"anything-but": true}', "Value of anything-but must be an array or single string/number value."),
        (
            '{"anything-but": {"prefix": {"equals-ignore-case": "a"}}}',
            "Value of anything-but must be an array or single string/number value.",
        ),
        ('{"anything-but": [null]}', "Inside anything but list, start|null|boolean is not supported."),
        (
            '{"anything-but": ["a", 1]}',
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            '{"anything-but": {"equals-ignore-case": [1]}}',
            "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
        ),
        ('{"anything-but": {"prefix": 1}}', "prefix/suffix match pattern must be a string"),
        ('{"anything-but": {"suffix": ["a", ""]}}', "Null prefix/suffix not allowed"),
        ('{"anything-but": {"wildcard": [1]}}', "wildcard match pattern must be a string"),
        ('{"anything-but": {"wildcard": "**"}}', "Consecutive wildcard characters at pos 1"),
        ('{"anything-but": {"prefix": "a", "b": 1}}', "Too many elements in numeric expression"),
        ('{"anything-but": 1e400}', "Cannot compare number : 1e400"),
        ('{"numeric": 5}', "Value of numeric must be an array."),
        ('{"numeric": []}', "Invalid member in numeric match: ]"),
        ('{"numeric": [5]}', "Invalid member in numeric match: 5"),
        ('{"numeric": ["==", 5]}', "Unrecognized numeric range operator: =="),
        ('{"numeric": ["=", "5"]}', "Value of equals must be numeric"),
        ('{"numeric": ["<"]}', "Value of < must be numeric"),
        ('{"numeric": ["<", 5, ">", 1]}', "Too many elements in numeric expression"),
        ('{"numeric": [">", 0, 5]}', "Bad value in numeric range: 5"),
        ('{"numeric": [">", 0, ">", 5]}', "Bad numeric range operator: >"),
        ('{"numeric": [">", 0, "<"]}', "Value of < must be numeric"),
        ('{"numeric": [">", 0, "<", 5, 6]}', "Too many terms in numeric range expression"),
        ('{"numeric": [">", 5, "<=", 5]}', "Bottom must be less than top"),
        ('{"numeric": ["=", 1E-400]}', "Cannot compare number : 1E-400"),
        ('{"numeric": ["=", 1], "b": 1}', "Too many elements in numeric expression"),
        ('{"exists": "yes"}', "exists match pattern must be either true or false."),
        ('{"cidr": ["10.0.0.0/8"]}', "prefix match pattern must be a string"),
        ('{"cidr": "10.0.0.0"}', "Malformed CIDR, one '/' required"),
        ('{"cidr": "10.0.0.0/8/8"}', "Malformed CIDR, one '/' required"),
        ('{"cidr": "10.0.0.0/x"}', "Malformed CIDR, mask bits must be an integer"),
        ('{"cidr": "10.0.0.0/-1"}', "Malformed CIDR, mask bits must not be negative"),
        ('{"cidr": "10.0.0.0/32"}', "IPv4 mask bits must be < 32"),
        ('{"cidr": "::/128"}', "IPv6 mask bits must be < 128"),
        ('{"cidr": "300.0.0.0/8"}', "Invalid IP address: 300.0.0.0"),
        ('{"cidr": "host/8"}', "Nonstandard IP address: host"),
    ],
)
def test_match_expressions_are_checked(expression: str, reason: str) -> None:
    found = problem(f'{{"a": [{expression}]}}')
    assert found.reason == reason
    assert found.message == f"Event pattern is not valid. Reason: {reason}"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ('{"$or": [{"a": [1]}]}', "There must have at least 2 Objects in $or relationship."),
        ('{"$or": [{"a": [1]}, [2]]}', "Only JSON object is allowed in array of $or relationship."),
        ('{"$or": 5}', "It must be an Array followed with $or."),
        (
            '{"$or": [{"numeric": [1]}, {"b": [1]}]}',
            "numeric is Ruler reserved fieldName which cannot be used inside $or.",
        ),
    ],
)
def test_alternatives_are_checked(pattern: str, reason: str) -> None:
    assert problem(pattern).reason == reason


def test_alternatives_make_at_most_1000_combinations() -> None:
    ten = '"%s": {"$or": [' + ", ".join(f'{{"k{number}": [1]}}' for number in range(10)) + "]}"
    compile_pattern("{" + ", ".join(ten % name for name in "abc") + "}")
    refused = problem("{" + ", ".join(ten % name for name in "abcd") + "}")
    assert refused.reason == "$or makes more than 1000 rule combinations"


def test_nesting_has_a_limit() -> None:
    compile_pattern('{"a":' * 299 + '{"a":["x"]}' + "}" * 299)
    assert problem('{"a":' * 5000 + '["x"]' + "}" * 5000).reason.startswith("Document nesting depth")


@pytest.mark.parametrize(
    ("pattern", "line", "column"),
    [
        pytest.param('{"a": []}', 1, 7, id="an empty array is where it begins"),
        pytest.param('{\n  "a": [{"prefix": 5}]\n}', 2, 20, id="a wrong value is on its line"),
        pytest.param('{"a": [1 2]}', 1, 10, id="a mistake of JSON is at the character"),
        pytest.param("", 1, 1, id="nothing is at the beginning"),
    ],
)
def test_a_problem_has_its_place(pattern: str, line: int, column: int) -> None:
    found = problem(pattern)
    assert (found.line, found.column) == (line, column)
