"""Reads one shard ahead of its lanes: filters, writes each record as JSON once, deals them out by key.

It reads while all lanes have room. When some lanes are full and another one is empty, perhaps because a batch
fails again and again, the full ones are left out of what is read from then on, and catch up by themselves.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from zlib import crc32

import orjson

from engine.errors import HeadraceError
from engine.feed import RecordsFiltered
from engine.mapping.shard_lane import ShardLane, ShardTip
from engine.mapping.shard_progress import ShardProgress
from engine.mapping.source import ShardPage, StreamRecord
from engine.mapping.stream_job import StreamJob
from engine.mapping.stream_record import ReadyRecord

PAGE_RECORDS = 1000
SHORTEST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)


class ShardReader:
    """Run it in a task; `wake` it when the shard may have more records."""

    def __init__(self, job: StreamJob, shard_id: str, progress: ShardProgress) -> None:
        self._news = asyncio.Event()
        self._tip = ShardTip()
        self._page_records = max(PAGE_RECORDS, job.settings.batch_size)
        self.lanes = [
            ShardLane(job, shard_id, number, progress, self._tip, self._page_records, self._news.set)
            for number in range(job.settings.lanes)
        ]
        self._job = job
        self._shard_id = shard_id
        self._progress = progress

    def wake(self) -> None:
        """Say that the shard may have more records."""
        self._tip.may_have_more = True
        self._news.set()

    async def run(self) -> None:
        """Read until the shard has ended and every lane has all of its records, or until cancelled."""
        while not self._tip.ended or any(place is not None for place in self._progress.resume_after):
            self._news.clear()
            if not await self._step():
                await self._news.wait()

    async def _step(self) -> bool:
        """Read a page if there is room for it; say whether there may be more at once."""
        for lane in self.lanes:
            place = self._progress.resume_after[lane.number]
            if place is not None and not lane.is_full:
                await self._catch_up(lane, place)
                return True
        return self._may_read_on() and await self._read_on()

    def _may_read_on(self) -> bool:
        if self._tip.ended or not self._tip.may_have_more:
            return False
        return not any(lane.is_full for lane in self.lanes) or any(lane.is_empty for lane in self.lanes)

    async def _read_on(self) -> bool:
        progress, tip, asked_at = self._progress, self._tip, self._job.now
        tip.may_have_more = False  # which may be mended while it reads
        page = await self._read(progress.cursor)
        records = page.records
        if records:
            for lane in self.lanes:
                if lane.is_full and progress.resume_after[lane.number] is None:
                    progress.resume_after[lane.number] = progress.cursor
            takers = [lane for lane in self.lanes if progress.resume_after[lane.number] is None]
            filtered = self._deal(records, takers)
            progress.cursor = records[-1].position
            if filtered:
                self._tell_of_filtered(filtered)
        else:
            tip.seen_at = asked_at
        tip.may_have_more = tip.may_have_more or bool(records)
        tip.ended = page.ended
        tip.more_at_once = len(records) >= self._page_records and self._may_read_on()
        for lane in self.lanes:
            lane.news.set()
        return True

    async def _catch_up(self, lane: ShardLane, place: int) -> None:
        """Read again, for one lane, what it was left out of."""
        progress = self._progress
        page = await self._read(place)
        missed = [record for record in page.records if record.position <= progress.cursor]
        self._deal(missed, [lane])
        is_level = len(missed) < len(page.records) or not missed or missed[-1].position == progress.cursor
        progress.resume_after[lane.number] = None if is_level else missed[-1].position
        lane.news.set()

    def _deal(self, records: Sequence[StreamRecord], takers: Sequence[ShardLane]) -> int:
        """Give records to those lanes; return how many were filtered out, whosever they are."""
        count, keeps, read_at = len(self.lanes), self._job.criteria.keeps, self._job.now
        marks = self._progress.marks
        dealt: dict[int, list[ReadyRecord]] = {lane.number: [] for lane in takers}
        filtered = 0
        for record in records:
            number = 0 if count == 1 else crc32(record.key.encode("utf-8", "surrogatepass")) % count
            if not keeps(record.record):
                filtered += 1
            # After a restart, reading begins where the slowest lane was.
            elif number in dealt and record.position > marks[number]:
                dealt[number].append(
                    ReadyRecord(
                        record.position,
                        record.sequence_number,
                        record.arrived_at,
                        read_at,
                        _to_json(record.record),
                    )
                )
        for lane in takers:
            if dealt[lane.number]:
                lane.put(dealt[lane.number])
        return filtered

    def _tell_of_filtered(self, count: int) -> None:
        job = self._job
        job.publish(RecordsFiltered(job.now, job.function, job.source.name, count))
        if self._progress.has_free_lane:
            self._progress.save()  # there will be no batch of that lane that does

    async def _read(self, after: int) -> ShardPage:
        """Read a page, trying again for as long as the source fails."""
        pause = SHORTEST_PAUSE
        while True:
            try:
                page = await self._job.source.read(self._shard_id, after, self._page_records)
            except (HeadraceError, OSError) as error:
                self._job.reading.note(error)
                self._tip.more_at_once = False
                for lane in self.lanes:
                    lane.news.set()
                await self._job.clock.sleep_until(self._job.now + pause)
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._job.reading.is_over()
                return page


def _to_json(record: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(record)
    except TypeError:  # half a surrogate pair, which JSON can only escape
        return json.dumps(record, separators=(",", ":")).encode()
