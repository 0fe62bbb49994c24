"""What is an expression, and what the service says of what is none."""

from collections.abc import Callable

import pytest

from engine.errors import ValidationFailed
from triggers.dynamodb.expression.bindings import Bindings
from triggers.dynamodb.expression.parser import parse_condition, parse_projection, parse_update

CONDITION, UPDATE, PROJECTION = "ConditionExpression", "UpdateExpression", "ProjectionExpression"
VALUES = {
    ":n": {"N": "1"},
    ":m": {"N": "2"},
    ":s": {"S": "x"},
    ":l": {"L": []},
    ":b": {"BOOL": True},
    ":ss": {"SS": ["a"]},
}


def condition(text: str) -> None:
    Bindings({"#a": "size"}, VALUES).condition(parse_condition(text), CONDITION)


def update(text: str) -> None:
    Bindings({"#a": "size"}, VALUES).changes(parse_update(text))


def projection(text: str) -> None:
    Bindings({"#a": "size"}, VALUES).projection(parse_projection(text))


@pytest.mark.parametrize(
    "text",
    [
        "a=:n",
        "a.b[0].#a <> :n",
        "(a = :n)",
        "(a) = (:n)",
        "((a = :n) AND (c = :m))",
        "a = :n and b = :m OR not c = :n",
        "NOT NOT a = :n",
        "a BETWEEN :n AND :m AND b = :n",
        "a IN (:n, :m, c)",
        "size(a) >= :n",
        "size(a.b) BETWEEN size(c) AND :n",
        "attribute_exists(a) OR attribute_not_exists (b[1])",
        "attribute_type(a, :type) ".replace(":type", ":tag"),
        "begins_with(a, :s) AND contains(b, :n)",
        "contains(b, size(c))",
        "between_ = :n",
    ],
)
def test_conditions_that_are_taken(text: str) -> None:
    values = {**VALUES, ":tag": {"S": "N"}}
    Bindings({"#a": "size"}, values).condition(parse_condition(text), CONDITION)


@pytest.mark.parametrize(
    "text",
    [
        "SET a = :n, b = b + :n",
        "set a = if_not_exists(a, :n) - :n remove b, c[1] add d :n delete e :ss",
        "SET a = (b + :n)",
        "SET a = list_append(:l, a.b)",
        "SET a.b[2] = (c)",
        "SET a = (b) + (c)",
        "REMOVE #a",
    ],
)
def test_updates_that_are_taken(text: str) -> None:
    update(text)


@pytest.mark.parametrize(
    ("read", "parameter", "text", "problem"),
    [
        pytest.param(condition, CONDITION, "", "The expression can not be empty;", id="an empty condition"),
        pytest.param(condition, CONDITION, " ", "The expression can not be empty;", id="nothing but space"),
        pytest.param(
            condition, CONDITION, "a =", 'Syntax error; token: "<EOF>", near: "="', id="an operand too few"
        ),
        pytest.param(
            condition,
            CONDITION,
            "a = -1",
            'Syntax error; token: "-", near: "= -1"',
            id="a number without value",
        ),
        pytest.param(
            condition, CONDITION, "a ? :n", 'Syntax error; token: "?", near: "a ?"', id="a sign of no token"
        ),
        pytest.param(
            condition, CONDITION, "a = :n b", 'Syntax error; token: "b", near: ":n b"', id="words behind it"
        ),
        pytest.param(condition, CONDITION, "a", 'Syntax error; token: "<EOF>", near: "a"', id="a path alone"),
        pytest.param(
            condition,
            CONDITION,
            "(a = :n",
            'Syntax error; token: "<EOF>", near: ":n"',
            id="a parenthesis open",
        ),
        pytest.param(
            condition,
            CONDITION,
            "((a = :n))",
            "The expression has redundant parentheses;",
            id="parentheses twice around a condition",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a = ((:n))",
            "The expression has redundant parentheses;",
            id="parentheses twice around an operand",
        ),
        pytest.param(
            condition,
            CONDITION,
            "size = :n",
            "Attribute name is a reserved keyword; reserved keyword: size",
            id="a reserved word",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a.Name = :n",
            "Attribute name is a reserved keyword; reserved keyword: Name",
            id="a reserved word inside a path",
        ),
        pytest.param(
            condition,
            CONDITION,
            "#b = :n",
            "An expression attribute name used in the document path is not defined; attribute name: #b",
            id="a name that is not defined",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a = :x",
            "An expression attribute value used in expression is not defined; attribute value: :x",
            id="a value that is not defined",
        ),
        pytest.param(
            condition,
            CONDITION,
            "exists(a)",
            "Invalid function name; function: exists",
            id="no such function",
        ),
        pytest.param(
            condition,
            CONDITION,
            "begins_with(a)",
            "Incorrect number of operands for operator or function; operator or function: begins_with, "
            "number of operands: 1",
            id="an operand of a function too few",
        ),
        pytest.param(
            condition,
            CONDITION,
            "begins_with(a, :n)",
            "Incorrect operand type for operator or function; operator or function: begins_with, "
            "operand type: N",
            id="a prefix that is a number",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a < :b",
            "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL",
            id="an order of truths",
        ),
        pytest.param(
            condition,
            CONDITION,
            "attribute_type(a, :s)",
            "Invalid attribute type name found; type: x, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}",
            id="no such type",
        ),
        pytest.param(
            condition,
            CONDITION,
            "size(a)",
            "The function is not allowed to be used this way in an expression; function: size",
            id="a size that is compared with nothing",
        ),
        pytest.param(
            condition,
            CONDITION,
            "attribute_exists(a) = :b",
            "The function is not allowed to be used this way in an expression; function: attribute_exists",
            id="a condition that is compared",
        ),
        pytest.param(
            condition,
            CONDITION,
            "attribute_exists(:n)",
            "Operator or function requires a document path; operator or function: attribute_exists",
            id="a value that exists",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a.b = a.b",
            "The first operand must be distinct from the remaining operands for this operator or function; "
            "operator: =, first operand: [a, b]",
            id="a path compared with itself",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a BETWEEN :m AND :n",
            "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower "
            "bound operand: AttributeValue: {N:2}, upper bound operand: AttributeValue: {N:1}",
            id="bounds the wrong way round",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a BETWEEN :n AND :s",
            "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: "
            "AttributeValue: {N:1}, upper bound operand: AttributeValue: {S:x}",
            id="bounds of two types",
        ),
        pytest.param(
            condition,
            CONDITION,
            "NOT " * 70 + "a = :n",
            "The expression is nested too deeply;",
            id="too deep",
        ),
        pytest.param(
            condition,
            CONDITION,
            "a = :n" + " " * 4096,
            "Expression size has exceeded the maximum allowed size; expression size: 4102",
            id="too long",
        ),
        pytest.param(
            update,
            UPDATE,
            "a = :n",
            'Syntax error; token: "a", near: "a ="',
            id="an update without a section",
        ),
        pytest.param(
            update, UPDATE, "SET a := :n", 'Syntax error; token: ":", near: "a :="', id="another assignment"
        ),
        pytest.param(
            update,
            UPDATE,
            "SET a = :n SET b = :n",
            'The "SET" section can only be used once in an update expression;',
            id="a section twice",
        ),
        pytest.param(
            update,
            UPDATE,
            "SET a = :n REMOVE a.b",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a], path two: [a, b]",
            id="paths that overlap",
        ),
        pytest.param(
            update,
            UPDATE,
            "SET a.b = :n, a[0] = :n",
            "Two document paths conflict with each other; must remove or rewrite one of these paths; "
            "path one: [a, b], path two: [a, [0]]",
            id="paths that conflict",
        ),
        pytest.param(
            update,
            UPDATE,
            "SET a = b + :s",
            "Incorrect operand type for operator or function; operator or function: +, operand type: S",
            id="a text added",
        ),
        pytest.param(
            update,
            UPDATE,
            "ADD a :s",
            "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, "
            "typeSet: ALLOWED_FOR_ADD_OPERAND",
            id="ADD of a text",
        ),
        pytest.param(
            update,
            UPDATE,
            "DELETE a :n",
            "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, "
            "typeSet: ALLOWED_FOR_DELETE_OPERAND",
            id="DELETE of a number",
        ),
        pytest.param(
            update,
            UPDATE,
            "SET a = size(b)",
            "Invalid function name; function: size",
            id="a function of conditions in an update",
        ),
        pytest.param(
            projection, PROJECTION, "a,", 'Syntax error; token: "<EOF>", near: ","', id="a comma at the end"
        ),
        pytest.param(
            projection,
            PROJECTION,
            "a.b, a",
            "Two document paths overlap with each other; must remove or rewrite one of these paths; "
            "path one: [a, b], path two: [a]",
            id="a projection twice",
        ),
    ],
)
def test_expressions_that_are_refused(
    read: Callable[[str], None], parameter: str, text: str, problem: str
) -> None:
    with pytest.raises(ValidationFailed) as caught:
        read(text)
    assert str(caught.value) == f"Invalid {parameter}: {problem}"


@pytest.mark.parametrize(
    ("names", "values", "text", "problem"),
    [
        pytest.param(
            {"#a": "a", "#b": "b"},
            None,
            "attribute_exists(#a)",
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}",
            id="a name that nothing uses",
        ),
        pytest.param(
            None,
            {":a": {"N": "1"}, ":b": {"N": "1"}},
            "a = :a",
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:b}",
            id="a value that nothing uses",
        ),
        pytest.param(
            {"#a": "a"},
            None,
            None,
            "ExpressionAttributeNames can only be specified when using expressions",
            id="names without an expression",
        ),
        pytest.param(
            None,
            {":a": {"N": "1"}},
            None,
            "ExpressionAttributeValues can only be specified when using expressions: "
            "ConditionExpression is null",
            id="values without an expression",
        ),
        pytest.param({}, None, "a = b", "ExpressionAttributeNames must not be empty", id="no names"),
        pytest.param(None, {}, "a = b", "ExpressionAttributeValues must not be empty", id="no values"),
        pytest.param(
            {"a": "a"},
            None,
            "a = b",
            'ExpressionAttributeNames contains invalid key: Syntax error; key: "a"',
            id="a name without its sign",
        ),
        pytest.param(
            None,
            {":a": {"N": "x"}},
            "a = :a",
            "ExpressionAttributeValues contains invalid value: The parameter cannot be converted to a "
            "numeric value: x for key :a",
            id="a value that is none",
        ),
    ],
)
def test_placeholders_that_are_refused(
    names: dict[str, str] | None, values: dict[str, object] | None, text: str | None, problem: str
) -> None:
    def bind() -> None:
        bindings = Bindings(names, values)
        if text is not None:
            bindings.condition(parse_condition(text), CONDITION)
        bindings.finish(has_expression=text is not None, without=CONDITION)

    with pytest.raises(ValidationFailed) as caught:
        bind()
    assert str(caught.value) == problem
