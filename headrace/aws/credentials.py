"""Access keys: the configured pair, and those that STS gives out, whose secrets follow from it.

A session token says whose it is, so that nothing has to be remembered of the sessions that were begun.
"""

import base64
import binascii
import hmac
import re

import orjson

from engine.functions.variables import KeyPair
from engine.random_uuid import random_hex
from engine.value import dataclass

TEMPORARY = "ASIA"
ACCOUNT_ID = re.compile(r"[0-9]{12}")


def secret_of(keys: KeyPair, access_key_id: str) -> str | None:
    """Return the secret of an access key: that of the pair, or one given out with it; else None.

    Functions of other accounts have the account's number for their access key.
    """
    if access_key_id == keys.access_key_id:
        return keys.secret_access_key
    if not access_key_id.startswith(TEMPORARY) and not ACCOUNT_ID.fullmatch(access_key_id):
        return None
    digest = hmac.digest(keys.secret_access_key.encode(), access_key_id.encode(), "sha256")
    return base64.b64encode(digest).decode()[:40]


def temporary(keys: KeyPair) -> KeyPair:
    """Return a new pair that belongs to another."""
    access_key_id = TEMPORARY + random_hex(16).upper()
    return KeyPair(access_key_id, secret_of(keys, access_key_id) or "")


@dataclass(frozen=True, slots=True)
class Caller:
    """Whose request it is, as STS says it."""

    user_id: str
    arn: str

    def session_token(self) -> str:
        """Return a token that stands for this caller."""
        return base64.b64encode(orjson.dumps([self.user_id, self.arn])).decode()


def caller_of(session_token: str) -> Caller | None:
    """Return whom a token stands for; None for one that was not given out here."""
    try:
        user_id, arn = orjson.loads(base64.b64decode(session_token, validate=True))
    except (binascii.Error, ValueError, TypeError):
        return None
    return Caller(user_id, arn) if isinstance(user_id, str) and isinstance(arn, str) else None


def account_of(access_key_id: str, session_token: str) -> str | None:
    """Return the account that a request's credentials say; None when they do not.

    That is a key of twelve digits, or the role that a session token stands for.
    """
    if ACCOUNT_ID.fullmatch(access_key_id):
        return access_key_id
    caller = caller_of(session_token) if access_key_id.startswith(TEMPORARY) else None
    if caller is None:
        return None
    account_id = caller.arn.split(":")[4:5]
    return account_id[0] if account_id and ACCOUNT_ID.fullmatch(account_id[0]) else None
