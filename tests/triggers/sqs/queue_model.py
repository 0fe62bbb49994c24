"""What a queue should do, as plainly as it can be said: lists, and a search through all of them."""

from dataclasses import dataclass, field

DEDUPLICATION_MS = 300_000


@dataclass
class ModelMessage:
    """A message of the model; times are milliseconds."""

    body: str
    sent_at: int
    visible_at: int
    group: str | None = None
    receives: int = 0
    receipts: list[str] = field(default_factory=list)  # handles, the newest last
    leased: bool = False


@dataclass
class Model:
    """A queue with its dead-letter queue. It can say what may be received, not which of it will be."""

    is_fifo: bool
    max_receive_count: int
    retention: int
    now: int = 0
    messages: list[ModelMessage] = field(default_factory=list)
    dead: list[ModelMessage] = field(default_factory=list)
    sent_ids: dict[str, int] = field(default_factory=dict)

    def send(self, body: str, group: str | None = None, identity: str | None = None, delay: int = 0) -> bool:
        """Return whether the message is new."""
        if identity is not None:
            if self.now - self.sent_ids.get(identity, -DEDUPLICATION_MS) < DEDUPLICATION_MS:
                return False
            self.sent_ids[identity] = self.now
        self.messages.append(ModelMessage(body, self.now, self.now + delay, group))
        return True

    def tidy(self) -> None:
        """Drop what is past the retention period."""
        self.messages = [each for each in self.messages if self.now - each.sent_at < self.retention]
        self.dead = [each for each in self.dead if self.now - each.sent_at < self.retention]

    def candidates(self) -> list[ModelMessage]:
        """Return what can be received now; exhausted messages on the way go to the dead-letter queue."""
        self.tidy()
        found = []
        blocked: set[str | None] = set()
        for each in list(self.messages):
            if self.is_fifo and each.group in blocked:
                continue
            if each.visible_at > self.now:
                blocked.add(each.group)
            else:
                found.append(each)
        return found

    def redrive(self, message: ModelMessage) -> None:
        """Move a message to the dead-letter queue."""
        self.messages.remove(message)
        if self.is_fifo:
            message.sent_at = self.now
        self.dead.append(message)

    def holder(self, handle: str) -> ModelMessage | None:
        """Return the message that a handle was given out for, if it is still in the queue."""
        return next((each for each in self.messages if handle in each.receipts), None)

    def in_force(self, message: ModelMessage, handle: str) -> bool:
        """Say whether a FIFO queue heeds a handle: it is the last one, and the message is still hidden."""
        return message.receipts[-1] == handle and message.visible_at > self.now
