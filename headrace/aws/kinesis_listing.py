"""The pages of ListShards and the tokens that lead from one to the next.

Source: Kinesis API reference, ListShards and ShardFilter.
"""

import base64
import binascii
from datetime import datetime, timedelta
from typing import cast

import orjson

from engine.clock import from_millis, to_millis
from engine.errors import ApiError
from engine.value import dataclass
from headrace.aws.json_protocol import Input
from triggers.kinesis.errors import InvalidArgument
from triggers.kinesis.shard import shard_number
from triggers.kinesis.shard_filter import FilterType, ShardFilter

TOKEN_LIFETIME = timedelta(seconds=300)
FILTER_TYPES = (
    "AFTER_SHARD_ID",
    "AT_TRIM_HORIZON",
    "FROM_TRIM_HORIZON",
    "AT_LATEST",
    "AT_TIMESTAMP",
    "FROM_TIMESTAMP",
)
EVERY_SHARD = ShardFilter("FROM_TRIM_HORIZON")


class ExpiredNextToken(ApiError):
    """The token was given out more than 300 seconds ago."""

    code = "ExpiredNextTokenException"


@dataclass(frozen=True, slots=True)
class Listing:
    """A listing in progress: what is asked for of a stream, and the number of the last shard shown so far."""

    stream: str
    wanted: ShardFilter
    after: int = -1


def token(listing: Listing, now: datetime) -> str:
    """Return the token that continues a listing."""
    wanted = listing.wanted
    moment = None if wanted.moment is None else to_millis(wanted.moment)
    parts = [listing.stream, wanted.kind, wanted.after, moment, listing.after, to_millis(now)]
    return base64.b64encode(orjson.dumps(parts)).decode("ascii")


def continued(text: str, now: datetime) -> Listing:
    """The reverse of `token`. Raises ExpiredNextToken, and InvalidArgument for what is no token."""
    try:
        stream, kind, after_id, moment, after, given_out = orjson.loads(base64.b64decode(text, validate=True))
        if kind not in FILTER_TYPES:
            raise ValueError(kind)
        wanted = ShardFilter(kind, after_id, None if moment is None else from_millis(moment))
        made = from_millis(given_out)
        listing = Listing(str(stream), wanted, int(after))
    except (binascii.Error, ValueError, TypeError, OverflowError):
        raise InvalidArgument("NextToken is invalid.") from None
    if now - made > TOKEN_LIFETIME:
        raise ExpiredNextToken("NextToken is expired: a token is good for 300 seconds.")
    return listing


def begun(stream: str, given: Input) -> Listing:
    """Return the listing that a request begins. Raises InvalidArgument or ValidationFailed."""
    after = _number(given.text("ExclusiveStartShardId"), "ExclusiveStartShardId")
    asked = given.structure("ShardFilter")
    if asked is None:
        return Listing(stream, EVERY_SHARD, after)
    kind = cast("FilterType", asked.choice("Type", FILTER_TYPES))
    shard, moment = asked.text("ShardId"), asked.moment("Timestamp")
    if kind == "AFTER_SHARD_ID" and shard is None:
        raise InvalidArgument("ShardFilter of type AFTER_SHARD_ID needs a ShardId.")
    if kind.endswith("_TIMESTAMP") and moment is None:
        raise InvalidArgument(f"ShardFilter of type {kind} needs a Timestamp.")
    return Listing(stream, ShardFilter(kind, _number(shard, "ShardId"), moment), after)


def _number(text: str | None, name: str) -> int:
    if text is None:
        return -1
    number = shard_number(text)
    if number is None:
        raise InvalidArgument(f"{name} {text} is not the id of a shard.")
    return number
