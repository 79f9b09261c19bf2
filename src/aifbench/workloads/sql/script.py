"""SQL text → statements with `$1`, `$2`, … and the names behind them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<quoted>   [eE]?'(?:[^'\\]|''|\\.)*' | "(?:[^"]|"")*" | \$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$ )
    | (?P<comment>  --[^\n]* | /\*.*?\*/ )
    | (?P<cast>     :: | := )
    | (?P<name>     :[A-Za-z_][A-Za-z0-9_]* )
    | (?P<end>      ; )
    | (?P<other>    . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Statement:
    """`names[i]` is the parameter whose value goes to `$i+1`."""

    sql: str
    names: tuple[str, ...]


def parse(text: str) -> tuple[Statement, ...]:
    """Statements separated by `;`, parameters written `:name`; quotes, comments and `::` casts are left alone."""
    statements: list[Statement] = []
    parts: list[str] = []
    names: list[str] = []

    def finish() -> None:
        sql = "".join(parts).strip()
        if sql:
            statements.append(Statement(sql, tuple(names)))
        parts.clear()
        names.clear()

    for match in _TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "comment":
            parts.append(" ")
        elif kind == "end":
            finish()
        elif kind == "name":
            name = match["name"][1:]
            if name not in names:
                names.append(name)
            parts.append(f"${names.index(name) + 1}")
        else:
            parts.append(match[0])
    finish()
    return tuple(statements)
