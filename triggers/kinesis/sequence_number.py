"""The 56 digits that name a record.

Read as hexadecimal they are: 2, the shard's creation (9 digits, seconds from 1970), the shard's number (1),
the position (16), 00, the record's arrival (9, seconds), the shard's number (8), 2. So they grow along a
shard, are larger in a shard's children than in itself, and give the position back.
Source: what the kinesalite project found out about AWS's own.
"""

from engine.value import dataclass

END = 2**63 - 1  # the position that the end of a closed shard has
FIRST_DIGIT, LAST_DIGIT = 2 << 184, 2
DIGITS = 56


@dataclass(frozen=True, slots=True)
class SequenceNumber:
    """The parts of a sequence number. `shard_created` and `arrived` are seconds from 1970."""

    shard_created: int
    shard: int
    position: int
    arrived: int

    def __str__(self) -> str:
        return str(shard_part(self.shard_created, self.shard) | record_part(self.position, self.arrived))


def shard_part(shard_created: int, shard: int) -> int:
    """Return what all sequence numbers of a shard share."""
    return FIRST_DIGIT | shard_created << 148 | (shard & 15) << 144 | shard << 4 | LAST_DIGIT


def record_part(position: int, arrived: int) -> int:
    """Return what tells the sequence numbers of one shard from each other."""
    return position << 80 | arrived << 36


def parse(text: str) -> SequenceNumber | None:
    """Return the parts of a sequence number; None for what none of these streams has given out."""
    if len(text) != DIGITS or not (text.isascii() and text.isdigit()):
        return None
    value = int(text)
    number = SequenceNumber(
        shard_created=value >> 148 & 0xF_FFFF_FFFF,
        shard=value >> 4 & 0xFFFF_FFFF,
        position=value >> 80 & 0xFFFF_FFFF_FFFF_FFFF,
        arrived=value >> 36 & 0xF_FFFF_FFFF,
    )
    return number if str(number) == text and number.position <= END else None
