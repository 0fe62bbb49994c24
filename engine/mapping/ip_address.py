"""IP addresses and CIDR blocks as event patterns read them.

An address is a pair of its length in bits and its value. The messages are those of Event Ruler, as
EventBridge answers them.
"""

import ipaddress
import re

IPV4_BITS, IPV6_BITS = 32, 128
IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
IPV6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
LONGEST_IPV6 = 39  # characters
INTEGER = re.compile(r"[+-]?[0-9]+")
INTEGER_RANGE = range(-(2**31), 2**31)

Address = tuple[int, int]


def read_address(text: str) -> Address | None:
    """Return the address that a text spells; None when it is none. IPv4 in IPv6 (::ffff:0:0/96) is IPv4."""
    if len(text) > LONGEST_IPV6:
        return None
    if IPV4.fullmatch(text):
        parts = [int(part) for part in text.split(".")]
        return (IPV4_BITS, int.from_bytes(bytes(parts))) if max(parts) <= 255 else None
    if not IPV6.fullmatch(text):
        return None
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        return None
    if address.ipv4_mapped is not None:
        return IPV4_BITS, int(address.ipv4_mapped)
    return IPV6_BITS, int(address)


def read_block(text: str) -> tuple[Address, int]:
    """Return the first address of a CIDR block and how many bits vary. Raises ValueError with the reason."""
    address_text, slash, mask_text = text.rstrip("/").partition("/")
    if not slash or "/" in mask_text:
        raise ValueError("Malformed CIDR, one '/' required")
    if not INTEGER.fullmatch(mask_text) or len(mask_text) > 12 or int(mask_text) not in INTEGER_RANGE:
        raise ValueError("Malformed CIDR, mask bits must be an integer")
    mask = int(mask_text)
    if mask < 0:
        raise ValueError("Malformed CIDR, mask bits must not be negative")
    address = read_address(address_text)
    if address is None:
        known_form = IPV4.fullmatch(address_text) or IPV6.fullmatch(address_text)
        raise ValueError(f"{'Invalid' if known_form else 'Nonstandard'} IP address: {address_text}")
    bits, value = address
    if mask >= bits:
        raise ValueError(f"IPv{4 if bits == IPV4_BITS else 6} mask bits must be < {bits}")
    varying = bits - mask
    return (bits, value >> varying << varying), varying
