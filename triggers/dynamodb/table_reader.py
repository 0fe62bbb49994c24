"""What is done on the thread that owns a user's database: keep its capture in line, read records, trim."""

import sqlite3
from collections import deque
from datetime import datetime, timedelta

from engine.arn import Account
from engine.clock import Clock, to_millis
from engine.mapping.source import StreamRecord
from engine.value import dataclass
from triggers.dynamodb import change_log
from triggers.dynamodb.arrivals import Arrivals, writers_now
from triggers.dynamodb.capture import Capture, Plan, bring_into_line, move_on, rename_stream, transaction
from triggers.dynamodb.capture_sql import names_for
from triggers.dynamodb.record import RecordBuilder
from triggers.dynamodb.settings import TableSettings

PAGE_BYTES = 10_000_000
READ_AT_ONCE = 200  # rows, each of which may have a megabyte
RETENTION = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Sight:
    """What is to be seen of a table: its capture, and the last position, None without a log."""

    capture: Capture | None
    newest: int | None


class TableReader:
    """Looks at one table through one connection. `label` is the stream's, for good once it is settled.

    Every method is called on the connection's thread. `changes` gathers what was done to the capture, and
    `unshown` the columns with values that DynamoDB does not have, for somebody else to take.
    """

    def __init__(
        self, name: str, settings: TableSettings, account: Account, clock: Clock, label: str
    ) -> None:
        self.label = label
        self.is_label_settled = False
        self.was_missing = False
        self.changes: deque[str] = deque()
        self.unshown: set[str] = set()
        self._name = name
        self._settings = settings
        self._account = account
        self._clock = clock
        self._names = names_for(name)
        self._arrivals = Arrivals(clock)
        self._builder = self._make_builder()
        self._connection: sqlite3.Connection | None = None
        self._versions: tuple[int, int] | None = None
        self._capture: Capture | None = None
        self._newest: int | None = None

    def look(self, connection: sqlite3.Connection) -> Sight:
        """See whether anything has changed; capture the table if it is not, or not as it is now.

        Raises CaptureImpossible and sqlite3.Error; looking again tries again.
        """
        if connection is not self._connection:
            self._connection, self._versions = connection, None
        data, schema = _version(connection, "data"), _version(connection, "schema")
        if self._versions is None or self._versions[1] != schema:
            self._bring_into_line(connection)
            schema = _version(connection, "schema")
        if self._versions != (data, schema) and self._capture is not None:
            self._newest = change_log.newest_position(connection, self._names)
            self._arrivals.notice(self._newest)
        self._versions = data, schema
        return Sight(self._capture, self._newest)

    def read(self, connection: sqlite3.Connection, after: int, limit: int) -> list[StreamRecord]:
        """Return up to `limit` records after a position, about 10 MB at most. Raises as `look` does."""
        records: list[StreamRecord] = []
        size = 0
        while len(records) < limit and size < PAGE_BYTES:
            sight = self.look(connection)
            if sight.capture is None:
                break
            rows = change_log.read_changes(
                connection, self._names, sight.capture.slots, after, min(limit - len(records), READ_AT_ONCE)
            )
            if rows:
                self._arrivals.notice(rows[-1][0])
            for row in rows:
                position, _, millis, shape, *_ = row
                if shape is None:
                    return records  # logged after the table was altered, and after this look
                after = position
                record = self._builder.build(row, self._arrivals.moment(position, millis))
                if record is not None:
                    records.append(record)
                    size += record.record["dynamodb"]["SizeBytes"]
            if len(rows) < READ_AT_ONCE:
                break
        return records

    def position_at(self, connection: sqlite3.Connection, moment: datetime) -> int:
        """Return the position before the first change at or after a moment. Raises as `look` does."""
        if self.look(connection).capture is None:
            return 0
        self._arrivals.notice(change_log.newest_position(connection, self._names))
        return change_log.position_before(
            connection, self._names, lambda position, millis: self._arrivals.moment(position, millis) < moment
        )

    def trim(self, connection: sqlite3.Connection) -> bool:
        """Delete some records that are too old; return whether there may be more of them."""
        if self._capture is None:
            return False
        self._arrivals.notice(change_log.newest_position(connection, self._names))
        oldest = self._clock.now() - RETENTION
        return change_log.trim(
            connection, self._names, lambda position, millis: self._arrivals.moment(position, millis) < oldest
        )

    def move_on(self, connection: sqlite3.Connection) -> None:
        """Let new positions be those of the present, in case the file is an older copy of itself."""
        if self._capture is not None:
            with transaction(connection):
                move_on(connection, self._names, to_millis(writers_now(self._clock)))

    def _bring_into_line(self, connection: sqlite3.Connection) -> None:
        plan = Plan(
            self._name,
            self._settings.table or self._name,
            self._settings.key,
            self.label,
            to_millis(writers_now(self._clock)),
            self.was_missing,
        )
        capture = self._capture = bring_into_line(connection, plan)
        self.was_missing = capture is None or not capture.is_active
        if capture is None:
            self._newest = None
            return
        if capture.label != self.label:
            if self.is_label_settled:
                rename_stream(connection, self._names, self.label)
            else:
                self.label = capture.label
                self._builder = self._make_builder()
        self._builder.learn(capture.shapes)
        if capture.change is not None:
            self.changes.append(capture.change)

    def _make_builder(self) -> RecordBuilder:
        return RecordBuilder(
            self._account.table_stream(self._name, self.label),
            self._account.region,
            self._settings.stream_view_type,
            self._settings.nulls,
            self.unshown.add,
        )


def _version(connection: sqlite3.Connection, what: str) -> int:
    version: int = connection.execute(f"PRAGMA {what}_version").fetchone()[0]
    return version
