"""Lines for a terminal: broken between words, never inside one, so that paths and commands can be copied."""

from __future__ import annotations

from textwrap import wrap

_DEEPER = "  "


def wrapped(text: str, width: int) -> list[str]:
    """Each line of the text, what goes on is indented a little more. A word longer than the width stands alone."""
    return [piece for line in text.splitlines() or [""] for piece in _wrapped(line, width)]


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    return wrap(
        line.strip(),
        width,
        initial_indent=indent,
        subsequent_indent=indent + _DEEPER,
        break_long_words=False,
        break_on_hyphens=False,
    )
