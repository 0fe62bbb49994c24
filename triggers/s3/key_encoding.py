"""How S3 writes an object key into an event record.

Source: S3 user guide, "Event message structure": the key is form-url-encoded UTF-8, with `/` left alone.
"""

from urllib.parse import quote_plus

PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_*/")


def encode_key(key: str) -> str:
    """Return `key` as the record carries it; a handler undoes it with `urllib.parse.unquote_plus`."""
    if PLAIN.issuperset(key):
        return key
    return quote_plus(key, safe="/*").replace("~", "%7E")
