"""Tables: literal dicts `name → "module:Class"`, imported on use, plus an entry point group for plugins.

Nothing registers itself by being imported, so listing names costs no import.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from aifbench.errors import AifbenchError, UsageError

T = TypeVar("T")


def nearest(name: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known names that look most like `name`, best first; may be empty."""
    return difflib.get_close_matches(name, list(known), n=limit, cutoff=0.5)


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """The message for a name that is in no table: nearest first, then all of them."""
    names = sorted(known)
    close = nearest(name, names)
    ordered = [*close, *(other for other in names if other not in close)]
    guess = f"did you mean {close[0]!r}? " if close else ""
    return f"unknown {kind} {name!r}; {guess}known: {', '.join(ordered)}"


class UnknownName(UsageError):
    """A name that is in no table."""


class Table(Generic[T]):
    """One kind of thing that people add. `group` is the entry point group that plugins use."""

    def __init__(self, kind: str, entries: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self.group = group
        self._entries = dict(entries)

    def names(self) -> list[str]:
        return sorted({*self._entries, *(point.name for point in entry_points(group=self.group))})

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def load(self, name: str) -> T:
        """Import and return the class; raises UnknownName, or AifbenchError when a plugin cannot be imported."""
        place = self._entries.get(name)
        if place is None:
            place = next((point.value for point in entry_points(group=self.group) if point.name == name), None)
        if place is None:
            raise UnknownName(unknown(self.kind, name, self.names()))
        module, _, attribute = place.partition(":")
        try:
            found: Any = getattr(import_module(module), attribute)
        except (ImportError, AttributeError) as error:
            raise AifbenchError(f"{self.kind} {name!r} ({place}) cannot be imported: {error}") from error
        return found  # type: ignore[no-any-return]
