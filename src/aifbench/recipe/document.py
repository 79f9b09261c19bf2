"""What the user wrote, as a tree in which every value knows its place. Nothing here knows what a recipe means.

A `Document` is what is left after includes and overrides: one tree whose parts remember the file (or the `--set`)
that they came from. Secrets are in it as references only.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aifbench.errors import Problem
from aifbench.model.options import secret_names

Path = tuple[str | int, ...]
"""Where a value is in the tree: `("workloads", "chat", "load", "rate_per_s", 0)`."""


@dataclass(frozen=True)
class Place:
    """Line and column count from 1; 0 means that the source has no lines (an override, a built-in default)."""

    file: str
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Node:
    """One value. `content` is a dict or list of nodes, or a scalar; `key` is the place of the key that holds it."""

    content: Any
    place: Place
    key: Place | None = None

    def data(self) -> Any:
        """The same as plain dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: node.data() for key, node in self.content.items()}
        if isinstance(self.content, list):
            return [node.data() for node in self.content]
        return self.content


def merge(low: Node, high: Node) -> Node:
    """`high` over `low`: mappings are merged key by key, everything else is replaced."""
    if not (isinstance(low.content, dict) and isinstance(high.content, dict)):
        return high
    merged = dict(low.content)
    for key, node in high.content.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return replace(high, content=merged)


def dotted(path: Path) -> str:
    return ".".join(str(part) for part in path)


def child(node: Node, part: str | int) -> Node | None:
    content = node.content
    if isinstance(content, dict):
        found = content.get(part)
        return found if isinstance(found, Node) else None
    if isinstance(content, list) and isinstance(part, int) and 0 <= part < len(content):
        item = content[part]
        return item if isinstance(item, Node) else None
    return None


@dataclass(frozen=True)
class Document:
    """`file` is the path as the user gave it; `known_env` holds the names (never the values) of the environment."""

    file: str
    root: Node
    known_env: frozenset[str] | None = field(default=None, repr=False)

    @property
    def folder(self) -> str:
        """The folder of the file: relative paths in a recipe count from it."""
        return os.path.dirname(self.file)  # noqa: PTH120 - as the user gave it

    @property
    def data(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.root.data()
        return found

    def place(self, path: Path, *, at_key: bool = False) -> Place:
        """The place of the value at `path`, or of what holds it when there is no such value.

        `at_key`: the place of the key before it. A value that is a mapping or list is placed at its key too, since
        it starts only on the line after.
        """
        node = self.root
        for part in path:
            found = child(node, part)
            if found is None:
                break
            node = found
        if node.key is not None and (at_key or _below_its_key(node)):
            return node.key
        return node.place

    def problem(self, path: Path, message: str, *, hint: str = "", at_key: bool = False, seen: Path = ()) -> Problem:
        """A mistake at `path`; `seen` is the place to show when the value was written elsewhere (in a matrix)."""
        place = self.place(seen or path, at_key=at_key)
        return Problem(message, dotted(path), place.file, place.line, place.column, hint)

    def scalars(self) -> Iterator[tuple[Path, str]]:
        """Every text value and where it is."""
        yield from _scalars(self.root, ())

    def missing_secrets(self) -> Iterator[tuple[Path, str]]:
        """Every reference to a variable that the environment does not have; nothing when no environment was given."""
        if self.known_env is None:
            return
        for path, text in self.scalars():
            for name in secret_names(text):
                if name not in self.known_env:
                    yield path, name


def _below_its_key(node: Node) -> bool:
    return node.key is not None and isinstance(node.content, dict | list) and node.place.line != node.key.line


def without_nothing(data: Any) -> Any:
    """The data without keys that have no value: `rate_per_s:` alone means that it is not given."""
    if isinstance(data, dict):
        return {key: without_nothing(value) for key, value in data.items() if value is not None}
    if isinstance(data, list):
        return [without_nothing(value) for value in data]
    return data


def _scalars(node: Node, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(node.content, dict):
        for key, item in node.content.items():
            yield from _scalars(item, (*path, key))
    elif isinstance(node.content, list):
        for index, item in enumerate(node.content):
            yield from _scalars(item, (*path, index))
    elif isinstance(node.content, str):
        yield path, node.content
