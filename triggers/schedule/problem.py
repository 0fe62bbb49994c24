"""What the grammars of schedule expressions raise; `expression.py` puts AWS's own message before it."""


class ExpressionProblem(ValueError):
    """One thing that is wrong with an expression: where it is, what is allowed, what to do."""
