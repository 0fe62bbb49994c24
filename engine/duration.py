"""Durations as people write them: `90s`, `1h30m`, `2d`, `120ms`."""

import re
from datetime import timedelta

UNITS = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[wdhms])")
_WHOLE = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` names: numbers with their units (w, d, h, m, s, ms), added up.

    Raises ValueError, with what is allowed, for anything else, and for what is longer than a timedelta.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f'a duration such as "90s", "1h30m" or "2d" is needed, got {text!r}')
    try:
        return sum((UNITS[unit] * float(number) for number, unit, *_ in _PART.findall(text)), timedelta())
    except OverflowError:
        raise ValueError(f"a duration of less than a million years is needed, got {text!r}") from None


def duration_text(duration: timedelta) -> str:
    """Write a duration in its two largest units, rounded down: `2d 3h`, `1m 30s`, `120ms`, `0s`."""
    if duration < timedelta():
        return f"-{duration_text(-duration)}"
    parts: list[str] = []
    for unit, length in UNITS.items():
        if unit == "w":  # a month is told in days
            continue
        count, rest = divmod(duration, length)
        if count:
            parts.append(f"{count}{unit}")
        if len(parts) == 2 or (parts and not count):
            break
        duration = rest
    return " ".join(parts) or "0s"
