"""Random names as AWS makes them: quickly made, no secrets, and the same again after the same seed."""

from random import Random

_FIXED, _VERSION_4 = 0xF000_C000 << 48, 0x4000_8000 << 48  # the bits that say version and variant
_CHANCE = Random()  # noqa: S311 - a system call for each would cost as much as storing what is named


def random_uuid() -> str:
    """Return a fresh UUID of version 4."""
    bits = _CHANCE.getrandbits(128) & ~_FIXED | _VERSION_4
    digits = f"{bits:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def random_hex(digits: int) -> str:
    """Return so many random hexadecimal digits."""
    return f"{_CHANCE.getrandbits(4 * digits):0{digits}x}"


def seed_names(seed: int | None) -> None:
    """Make the same names from now on as after every other call with this seed; None: fresh ones."""
    _CHANCE.seed(seed)
