"""File + includes + overrides → one Document."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aifbench.errors import Problem, RecipeError
from aifbench.recipe.document import Document, Node, Place, child, merge
from aifbench.recipe.reader import fail, parse, read_text

MAX_FILES = 100
_SHOWN = 60


def load(
    path: str | os.PathLike[str], overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Document:
    """Read a recipe or site file with everything that it includes, and lay the overrides (`a.b.c=VALUE`) over it.

    `environ` is only asked which names it has: a reference to a secret that is missing becomes a mistake when the
    document is checked. Without it nobody asks. Raises RecipeError with all mistakes of the first file that has any.
    """
    name = os.fspath(path)
    return _laid_over(_Files().read(name), name, overrides, environ)


def made(
    data: Mapping[str, Any], name: str, overrides: Sequence[str] = (), environ: Mapping[str, str] | None = None
) -> Document:
    """The same of a recipe that no file holds; `name` stands for the file in messages. Raises RecipeError."""
    root = parse(json.dumps(data), name, lines=False)
    assert root is not None
    return _laid_over(root, name, overrides, environ)


def _laid_over(root: Node, name: str, overrides: Sequence[str], environ: Mapping[str, str] | None) -> Document:
    for text in overrides:
        root = override(root, text)
    return Document(name, root, None if environ is None else frozenset(environ))


@dataclass
class _Files:
    """Counts what is read, so that files that include each other many times over end in a message."""

    count: int = 0
    open_files: list[str] = field(default_factory=list)

    def read(self, path: str) -> Node:
        self.count += 1
        if self.count > MAX_FILES:
            raise fail(f"more than {MAX_FILES} files are included", file=path)
        root = parse(read_text(path), path)
        if root is None:
            raise fail("is empty", file=path, hint="`aifbench recipe new` writes one to start from")
        if not isinstance(root.content, dict):
            got = "a list" if isinstance(root.content, list) else f"the text {str(root.content)[:_SHOWN]!r}"
            place = root.place
            raise fail(f"got {got}, expected `key: value` lines", file=path, line=place.line, column=place.column)
        return self.include(root, path)

    def include(self, root: Node, path: str) -> Node:
        wanted = root.content.get("include")
        rest = replace(root, content={key: node for key, node in root.content.items() if key != "include"})
        if wanted is None or wanted.content is None:
            return rest
        entries = wanted.content if isinstance(wanted.content, list) else [wanted]
        self.open_files.append(os.path.realpath(path))
        low: Node | None = None
        for entry in entries:
            found = self.included(entry, path)
            low = found if low is None else merge(low, found)
        self.open_files.pop()
        return rest if low is None else merge(low, rest)

    def included(self, entry: Node, path: str) -> Node:
        def wrong(message: str, hint: str = "") -> RecipeError:
            place = entry.place
            return RecipeError([Problem(message, "include", place.file, place.line, place.column, hint)])

        if not isinstance(entry.content, str) or not entry.content:
            raise wrong(f"got {entry.data()!r}, expected the path of a YAML file, or a list of paths")
        file = os.path.join(os.path.dirname(path), entry.content)  # noqa: PTH118, PTH120 - shown as the user wrote it
        if os.path.realpath(file) in self.open_files:
            raise wrong(f"{entry.content} includes itself", "take one of the includes out")
        if not os.path.exists(file):  # noqa: PTH110 - same
            raise wrong(f"{file} does not exist", "the path counts from the folder of the file that includes")
        return self.read(file)


def override(root: Node, text: str) -> Node:
    """The tree with `a.b.c=VALUE` laid over it; VALUE is read as YAML. Raises RecipeError that names the override."""
    shown = f"--set {text if len(text) <= _SHOWN else text[:_SHOWN] + '…'}"
    path, equals, value = text.partition("=")
    parts = [part.strip() for part in path.split(".")]
    if not equals or not all(parts):
        raise fail("expected a dotted path and a value", file=shown, hint="such as --set workloads.chat.trials=5")
    made = parse(value, shown, lines=False) or Node(None, Place(shown))
    return _put(root, parts, replace(made, key=Place(shown)), shown, ())


def _put(node: Node, parts: list[str], value: Node, shown: str, above: tuple[str, ...]) -> Node:
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    content: Any = node.content
    here = ".".join(above)
    if isinstance(content, list):
        if not part.isdecimal() or int(part) >= len(content):
            raise fail(f"{here} is a list of {len(content)}: expected a number from 0", file=shown)
        items = list(content)
        items[int(part)] = _put(items[int(part)], rest, value, shown, (*above, part))
        return replace(node, content=items)
    if content is None:
        content = {}
    if not isinstance(content, dict):
        raise fail(f"{here} is {content!r}, which has no keys below it", file=shown)
    below = child(replace(node, content=content), part) or Node({}, Place(shown), Place(shown))
    return replace(node, content={**content, part: _put(below, rest, value, shown, (*above, part))})
