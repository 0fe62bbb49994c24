"""The options of `[queues.NAME]`.

Source: Amazon SQS API reference, CreateQueue.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

from engine.settings import Settings

NAME = re.compile(r"[A-Za-z0-9_-]{1,80}")


def checked_name(name: str) -> str:
    """Return a queue's name. Raises ValueError for one that SQS would refuse."""
    if not NAME.fullmatch(name):
        raise ValueError("a queue's name has 1 to 80 letters, digits, hyphens and underscores")
    return name


QueueName = Annotated[str, AfterValidator(checked_name)]


class QueueSettings(Settings):
    """A standard queue. It has no options yet."""
