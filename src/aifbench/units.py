"""Quantities with units: one parser and one formatter each.

Inside the program a duration is a float in seconds, a size an int in bytes, a rate a float per second.
"""

from __future__ import annotations

import math
import re

_NUMBER = r"([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?|\.[0-9]+)"
_DURATION_PART = re.compile(_NUMBER + r"\s*(ns|us|µs|ms|s|min|m|h|d)")
_SIZE = re.compile(_NUMBER + r"\s*([kKMGTP]i?B|B)")
_RATE = re.compile(_NUMBER + r"\s*/\s*(ms|s|min|m|h)")

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {
    "B": 1,
    **{f"{letter}B": 10 ** (3 * power) for power, letter in enumerate("kMGTP", 1)},
    "KB": 1000,
    **{f"{letter}iB": 1 << (10 * power) for power, letter in enumerate("KMGTP", 1)},
    "kiB": 1024,
}


def parse_duration_s(text: str) -> float:
    """`30s`, `5m`, `1h30m`, `500ms` → seconds. Raises ValueError that names the form."""
    stripped = text.strip()
    parts = _DURATION_PART.findall(stripped)
    if not parts or _DURATION_PART.sub("", stripped).strip():
        raise ValueError(f"{text!r} is not a duration; write a number and a unit, such as 30s, 5m, 1h30m or 500ms")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def parse_bytes(text: str) -> int:
    """`64KiB`, `10MB`, `1.5GiB` → bytes: KiB and its kin are powers of 1024, kB and its kin powers of 1000."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size; write a number and a unit, such as 64KiB, 10MB or 512B")
    value = float(match[1]) * _BYTES[match[2]]
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"{text!r} is not a whole number of bytes")
    return int(value)


def parse_rate_per_s(text: str) -> float:
    """`10/s`, `600/min` → operations per second."""
    match = _RATE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a rate; write a number or, say, 10/s or 600/min")
    return float(match[1]) / _SECONDS[match[2]]


def format_duration(seconds: float | None, digits: int = 3) -> str:
    """Seconds in the unit that reads best: `1.23 ms`, `4.5 s`, `2 h 05 min`; None becomes `n/a`."""
    if seconds is None or math.isnan(seconds):
        return "n/a"
    size = abs(seconds)
    if size >= 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    if size >= 120:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("µs", 1e6)):
        if size * factor >= 1 or unit == "µs":
            return f"{significant(seconds * factor, digits)} {unit}"
    return "0 s"


def format_bytes(count: float | None) -> str:
    """Bytes in powers of 1024: `1.50 MiB`; None becomes `n/a`."""
    if count is None:
        return "n/a"
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(value) < 1024 or unit == "TiB":
            return f"{int(value)} B" if unit == "B" else f"{significant(value, 3)} {unit}"
        value /= 1024
    return "n/a"


def significant(value: float, digits: int = 3) -> str:
    """`value` with that many significant digits and never in exponent form: 1234.5 → `1234`, 0.01234 → `0.0123`."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"
