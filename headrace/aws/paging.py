"""Pages of a list that is sorted by name: a token says after which name the next page begins."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


class BadToken(ValueError):
    """A token that no page has given out."""


def page(
    items: Sequence[T], name_of: Callable[[T], str], token: str | None, limit: int
) -> tuple[list[T], str | None]:
    """Return a page and the token of the next one, None when there is none. Raises BadToken."""
    after = "" if token is None else _name(token)
    left = [item for item in items if token is None or name_of(item) > after]
    found = left[:limit]
    if len(left) <= limit:
        return found, None
    return found, base64.urlsafe_b64encode(name_of(found[-1]).encode()).decode()


def _name(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadToken(token) from None
