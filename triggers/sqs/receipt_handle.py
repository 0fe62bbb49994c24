"""Receipt handles: opaque to clients, and all that a queue needs to find the message of a receipt."""

import binascii

from engine.value import dataclass

PREFIX = "AQEB"  # as the real ones begin


@dataclass(frozen=True, slots=True)
class Receipt:
    """One receipt of a message: its `count`th, at `received_at` (milliseconds from 1970)."""

    sequence: int
    count: int
    received_at: int
    message_id: str


def to_handle(receipt: Receipt) -> str:
    """Return the handle of a receipt."""
    text = f"{receipt.sequence}:{receipt.count}:{receipt.received_at}:{receipt.message_id}"
    return PREFIX + binascii.b2a_base64(text.encode(), newline=False).decode()


def from_handle(handle: str) -> Receipt | None:
    """Return the receipt that a handle stands for, None for text that is none of ours."""
    if not handle.startswith(PREFIX):
        return None
    try:
        text = binascii.a2b_base64(handle[len(PREFIX) :], strict_mode=True).decode()
        sequence, count, received_at, message_id = text.split(":")
        receipt = Receipt(int(sequence), int(count), int(received_at), message_id)
    except ValueError:
        return None
    return receipt if 0 < receipt.sequence < 2**63 else None
