"""The ways to address a function: by name, partial ARN or ARN, with or without a qualifier.

Source: Lambda API reference, CreateEventSourceMapping (FunctionName).
"""

import re

from engine.arn import Account
from engine.value import dataclass

_FORM = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:)?(?:(?P<region>[a-z]{2,4}(?:-[a-z]+)+-\d):)?(?:(?P<account>\d{12}):)?"
    r"(?:function:)?(?P<name>[a-zA-Z0-9-_.]+)(?::(?P<qualifier>\$LATEST(?:\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """A function of this account. `arn` ends in the qualifier if one was given, and is echoed so."""

    name: str
    qualifier: str | None
    arn: str

    @property
    def target(self) -> str:
        """What is invoked: the function's unpublished code has two names and is one target."""
        return self.name if self.qualifier in (None, "$LATEST") else f"{self.name}:{self.qualifier}"


def parse_reference(text: str, account: Account) -> FunctionReference | None:
    """Return what `text` refers to; None when it is no reference, or one to another account or region."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    elsewhere = (
        found["region"] not in (None, account.region),
        found["account"] not in (None, account.account_id),
    )
    if any(elsewhere):
        return None
    return FunctionReference(
        found["name"], found["qualifier"], account.function(found["name"], found["qualifier"])
    )
