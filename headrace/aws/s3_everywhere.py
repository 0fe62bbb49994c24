"""The buckets of all regions and accounts: their names are unique among them all, as on AWS.

Source: S3 user guide, "General purpose bucket naming rules".
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping

from engine.arn import Account
from engine.clock import Clock
from engine.invocation.destination import Destination
from engine.value import dataclass
from triggers.s3.bucket import Bucket
from triggers.s3.buckets import Buckets
from triggers.s3.multipart import MultipartUploads


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What S3 works with in one region.

    `lineage_of` returns the functions that a running invocation, known by the root of its trace id, stems
    from, oldest first and itself included; None when no such invocation runs. `knows_function` and
    `destination_of` say what notifications may name.
    """

    buckets: Buckets
    uploads: MultipartUploads
    account: Account
    clock: Clock
    lineage_of: Callable[[str], tuple[str, ...] | None]
    knows_function: Callable[[str, str | None], bool]
    destination_of: Callable[[str], Destination | None]


class BucketsEverywhere(Mapping[str, Bucket]):
    """Buckets by name. `regions` yields those that are open, the configured one first; `at` opens others."""

    def __init__(
        self,
        regions: Callable[[], Iterable[Surroundings]],
        at: Callable[[str, str], Awaitable[Surroundings]],
    ) -> None:
        self._regions = regions
        self.at = at
        self.making = asyncio.Lock()  # held by who looks whether a name is free, and makes the bucket

    def __getitem__(self, name: str) -> Bucket:
        for region in self._regions():
            bucket = region.buckets.get(name)
            if bucket is not None:
                return bucket
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return (name for region in self._regions() for name in region.buckets)

    def __len__(self) -> int:
        return sum(len(region.buckets) for region in self._regions())

    def around(self, name: str) -> Surroundings:
        """Return the region that a bucket is in; for one that there is not, the configured region."""
        home, *others = self._regions()
        if name in home.buckets:
            return home
        return next((region for region in others if name in region.buckets), home)

    def of_account(self, account_id: str) -> list[Buckets]:
        """Return the buckets of an account, by region."""
        return [region.buckets for region in self._regions() if region.account.account_id == account_id]

    @property
    def home(self) -> Account:
        """The configured account and region."""
        return next(iter(self._regions())).account
