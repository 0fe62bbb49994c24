"""CREATE INDEX statements, taken apart."""

import pytest

from triggers.dynamodb.index_text import take_apart


@pytest.mark.parametrize(
    ("sql", "terms", "where"),
    [
        pytest.param("CREATE UNIQUE INDEX i ON t (a, b DESC)", ("a", "b"), None, id="columns"),
        pytest.param(
            "CREATE INDEX i ON t (lower(a), b || ',' )", ("lower(a)", "b || ','"), None, id="expressions"
        ),
        pytest.param("CREATE INDEX i ON t((a))", ("(a)",), None, id="parentheses"),
        pytest.param("CREATE INDEX i ON t (a) WHERE b > 0", ("a",), "b > 0", id="a partial index"),
        pytest.param(
            "CREATE INDEX i ON t (a)\nwhere (b) IN (1, ')')", ("a",), "(b) IN (1, ')')", id="on lines"
        ),
        pytest.param(
            'CREATE INDEX "a(b" ON [c)d] (`e,f` COLLATE NOCASE ASC /* , */, g -- )\n)',
            ("`e,f` COLLATE NOCASE", "g"),
            None,
            id="odd names and comments",
        ),
        pytest.param(
            "CREATE INDEX i ON t (a || 'it''s, (')", ("a || 'it''s, ('",), None, id="quotes in text"
        ),
    ],
)
def test_an_index_has_terms_and_a_condition(sql: str, terms: tuple[str, ...], where: str | None) -> None:
    assert take_apart(sql) == (terms, where)
