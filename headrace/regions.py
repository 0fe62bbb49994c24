"""The regions of a simulator: the one that its configuration describes, and those that requests ask for.

AWS keeps what there is in one region of one account apart from all else. So does a simulator: each has a
store of its own, is opened at the first request that is signed for it, and at each start from then on.
"""

import asyncio
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self

from engine.arn import Account
from engine.errors import ServiceFailure
from engine.feed import Notice
from headrace.config import Configuration, ConfigurationFile
from headrace.region import Region

FOLDER = "regions"  # in the state folder, by account and region
ACCOUNT_ID = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]")


class Regions:
    """All regions that are open, the configured one first. Enter it with `async with`."""

    def __init__(self, home: Region) -> None:
        self.home = home
        self._others: dict[tuple[str, str], Region] = {}
        self._changing = asyncio.Lock()
        self._group: asyncio.TaskGroup | None = None
        self._exit = AsyncExitStack()

    def __iter__(self) -> Iterator[Region]:
        return iter([self.home, *self._others.values()])

    async def __aenter__(self) -> Self:
        """Open those that were used before. Raises StoreError."""
        async with AsyncExitStack() as stack:
            for account_id, region in _stored(self.home.configuration.state / FOLDER):
                if self.get(account_id, region) is self.home:
                    self._tell_of_what_is_hidden(account_id, region)
                else:
                    await self._open(stack, account_id, region)
            self._exit = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close all but the configured one."""
        await self._exit.aclose()

    def get(self, account_id: str, region: str) -> Region | None:
        """Return a region that is open; None for one that was never used."""
        here = self.home.configuration.account
        if (account_id, region) == (here.account_id, here.region):
            return self.home
        return self._others.get((account_id, region))

    async def at(self, account_id: str, region: str) -> Region:
        """Return a region, opening it the first time. Raises StoreError, and ServiceFailure at the end."""
        found = self.get(account_id, region)
        if found is not None:
            return found
        async with self._changing:
            if self.home.is_stopping:
                raise ServiceFailure("The simulator is stopping.")
            found = self.get(account_id, region)
            if found is None:
                found = await self._open(self._exit, account_id, region)
                self._tell(found)
                if self._group is not None:
                    await found.begin(self._group)
                    found.go_on(self._group)
            return found

    async def begin(self, group: asyncio.TaskGroup) -> None:
        """Let those that are open work within `group`, and those that will be; return once they listen."""
        self._group = group
        for region in self._others.values():
            await region.begin(group)

    def go_on(self, group: asyncio.TaskGroup) -> None:
        """Let those that are open begin what nobody has to wait for."""
        for region in self._others.values():
            region.go_on(group)

    async def wind_down(self) -> None:
        """Wind all down, and open no more."""
        self.home.is_stopping = True
        async with self._changing:
            await asyncio.gather(*(region.wind_down() for region in self))

    def lineage_of(self, trace_root: str) -> tuple[str, ...] | None:
        """Return the functions that a running invocation, in whatever region, stems from, itself included."""
        for region in self:
            lineage = region.functions.lineage_of(trace_root)
            if lineage is not None:
                return lineage
        return None

    async def _open(self, stack: AsyncExitStack, account_id: str, region: str) -> Region:
        home = self.home.configuration
        prefix = f"{region}/" if account_id == home.account.account_id else f"{account_id}/{region}/"
        opened = Region(_configuration(home, Account(account_id, region)), prefix)
        async with AsyncExitStack() as opening:
            await opened.open_store(opening, self.home.world)
            await opened.open(opening)
            stack.push_async_exit(opening.pop_all())
        self._others[account_id, region] = opened
        return opened

    def _tell_of_what_is_hidden(self, account_id: str, region: str) -> None:
        """Say that what was made in the configured region before it was the configured one is not there."""
        folder = self.home.configuration.state / FOLDER / account_id / region
        text = (
            "what was made here while another region was the configured one is left alone: "
            f"name that one again to have it back, or delete {folder}"
        )
        self.home.feed.publish(Notice(self.home.clock.now(), "warning", region, text))

    def _tell(self, opened: Region) -> None:
        home, here = self.home.configuration.account, opened.configuration.account
        where = home.region if here.account_id == home.account_id else f"account {home.account_id}"
        text = f"is new, as requests are signed for it; what the configuration describes is in {where}"
        self.home.feed.publish(Notice(self.home.clock.now(), "info", opened.prefix.removesuffix("/"), text))


def _stored(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield account and region of each folder below, in their order."""
    for path in sorted(folder.glob("*/*")):
        account_id, region = path.parent.name, path.name
        if ACCOUNT_ID.fullmatch(account_id) and REGION.fullmatch(region):
            yield account_id, region


def _configuration(home: Configuration, account: Account) -> Configuration:
    """Return the configuration of a region in which nothing is configured."""
    settings = home.file.simulator
    given: dict[str, object] = {
        "state": home.state.absolute() / FOLDER / account.account_id / account.region,
        "region": account.region,
        "account_id": account.account_id,
    }
    if account.account_id != home.account.account_id:
        from headrace.aws.credentials import secret_of

        given |= {
            "access_key_id": account.account_id,
            "secret_access_key": secret_of(settings.keys, account.account_id),
        }
    file = ConfigurationFile(settings.model_copy(update=given))
    return replace(home, file=file, account=account, functions={})
