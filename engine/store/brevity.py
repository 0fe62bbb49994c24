"""Whether the operations on a table are brief: a matter of how large its rows are."""

from collections.abc import Iterable

MOST_BYTES = 64 * 1024  # of all rows of an operation, in about a millisecond


class Brevity:
    """Brief once something small was seen, and never again after something large: there may be more of it."""

    def __init__(self) -> None:
        self.is_brief = False
        self._has_large = False

    def see(self, sizes: Iterable[int]) -> None:
        """Take notice of the rows of an operation, by their bytes or characters; nothing tells nothing."""
        total = sum(sizes)
        self._has_large |= total > MOST_BYTES
        if total:
            self.is_brief = not self._has_large
