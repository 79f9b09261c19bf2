"""YAML text → tree with places. Refuses what is too large, not text, or not plain YAML, with the place of it."""

from __future__ import annotations

import codecs
import math
import re
import sys
import warnings
from collections.abc import Callable
from typing import Any

from aifbench.errors import Problem, RecipeError
from aifbench.recipe.document import Node, Place

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
_TAG = "tag:yaml.org,2002:"
_TEXTS = {
    "mapping values are not allowed here": "a second ': ' on one line; quote the value, or start a new line",
    "could not find expected ':'": "this line is no `key: value`; a colon is missing",
    "found unexpected end of stream": "the file ends inside a quoted text; a closing quote is missing",
}


def fail(message: str, *, file: str, line: int = 0, column: int = 0, hint: str = "") -> RecipeError:
    return RecipeError([Problem(message, "", file, line, column, hint)])


STDIN = "<stdin>"
"""Stands for the name of a file where the text comes from standard input."""


def read_text(path: str) -> str:
    """The file's text. Reads at most one byte over the limit, whatever the file is."""
    try:
        if path == STDIN:
            raw = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with open(path, "rb") as file:  # noqa: PTH123 - the path is shown as the user wrote it
                raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise fail(f"cannot be read: {(error.strerror or str(error)).lower()}", file=path) from error
    if len(raw) > MAX_BYTES:
        raise fail(
            f"is larger than {MAX_BYTES >> 20} MiB, which no recipe is",
            file=path,
            hint="data belongs into files that the recipe names",
        )
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise fail("is UTF-16 text, expected UTF-8", file=path, hint="save it as UTF-8")
    if b"\0" in raw:
        raise fail("is a binary file, expected YAML text", file=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        message = f"is not UTF-8 text: byte 0x{raw[error.start]:02x} at offset {error.start}"
        raise fail(message, file=path, line=line, column=column, hint="save it as UTF-8") from error


def parse(text: str, file: str, *, lines: bool = True) -> Node | None:
    """The tree, or None for an empty text. `lines=False` for a text without lines of its own (an override).

    Raises RecipeError: not YAML, an alias bomb, duplicate keys, tags, numbers that are not finite.
    """
    composed = _compose(text, file, lines)
    if composed is None:
        return None
    try:
        nodes = _weigh(composed, {}, set())
    except RecursionError as error:
        raise fail("is nested too deeply", file=file) from error
    if nodes is None:
        raise fail("an anchor contains an alias of itself", file=file)
    if nodes > MAX_NODES:
        raise fail(f"has {nodes:,} values once its aliases are written out; the limit is {MAX_NODES:,}", file=file)
    reader = _Reader(file, lines)
    tree = reader.convert(composed)
    if reader.problems:
        raise RecipeError(reader.problems)
    return tree


def _compose(text: str, file: str, lines: bool) -> Any:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark and lines else (0, 0)
        hint = _hint(error.problem or "", text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else text)
        raise fail(_say(error), file=file, line=line, column=column, hint=hint) from error
    except YAMLError as error:
        raise fail(f"not valid YAML: {str(error).splitlines()[0]}", file=file) from error
    except RecursionError as error:
        raise fail("is nested too deeply", file=file) from error
    except ValueError as error:
        raise fail(f"not valid YAML: {error}", file=file) from error


def _say(error: Any) -> str:
    problem = str(error.problem or error.context or "").replace("<stream end>", "the end of the file")
    if "found another document" in problem:
        return "a second YAML document starts here (---); one file holds one"
    return f"not valid YAML: {_TEXTS.get(problem, problem)}"


def _hint(problem: str, line: str) -> str:
    if "\\t" in problem:
        return "indent with spaces, not with tabs"
    if "${" in line and "{" in line.replace("${", "", 1):
        return "inside { } or [ ] write references in quotes: '${env:NAME}'"
    return ""


def _weigh(node: Any, known: dict[int, int], open_nodes: set[int]) -> int | None:
    """How many values the node has with every alias written out; None when it contains itself."""
    if isinstance(node.value, str):
        return 1
    number = id(node)
    if number in open_nodes:
        return None
    if number not in known:
        open_nodes.add(number)
        total = 1
        for item in node.value:
            for part in item if isinstance(item, tuple) else (item,):
                weight = _weigh(part, known, open_nodes)
                if weight is None:
                    return None
                total += weight
        open_nodes.discard(number)
        known[number] = total
    return known[number]


class _Reader:
    def __init__(self, file: str, lines: bool) -> None:
        self.file = file
        self.lines = lines
        self.problems: list[Problem] = []

    def place(self, node: Any) -> Place:
        if not self.lines:
            return Place(self.file)
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def wrong(self, node: Any, message: str, hint: str = "") -> None:
        place = self.place(node)
        self.problems.append(Problem(message, "", place.file, place.line, place.column, hint))

    def convert(self, node: Any) -> Node:
        tag = str(node.tag)
        if isinstance(node.value, str):
            return Node(self.scalar(node, tag.removeprefix(_TAG)), self.place(node))
        if tag not in (_TAG + "map", _TAG + "seq"):
            self.wrong(node, f"the tag {_shown_tag(tag)} means nothing here", "leave it out")
        if node.value and isinstance(node.value[0], tuple):
            return self.mapping(node)
        if tag == _TAG + "map":
            return Node({}, self.place(node))
        return Node([self.convert(item) for item in node.value], self.place(node))

    def mapping(self, node: Any) -> Node:
        content: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            if not isinstance(key.value, str):
                self.wrong(key, "a key must be one word, not a list or mapping")
                continue
            if key.tag == _TAG + "merge":
                for name, item in self.merged(value).items():
                    merged.setdefault(name, item)
                continue
            name = key.value
            if name in content:
                first = content[name].key
                where = f" (first on line {first.line})" if first is not None and first.line else ""
                self.wrong(key, f"the key {name!r} is here twice{where}", "keep one of them")
                continue
            made = self.convert(value)
            content[name] = Node(made.content, made.place, self.place(key))
        return Node({**merged, **content}, self.place(node))

    def merged(self, value: Any) -> dict[str, Node]:
        """What `<<: *anchor` brings: the first of several wins."""
        made: dict[str, Node] = {}
        sources = [value] if value.tag == _TAG + "map" else value.value
        for source in sources if isinstance(sources, list) else []:
            node = None if isinstance(source, tuple) or isinstance(source.value, str) else self.convert(source)
            if node is None or not isinstance(node.content, dict):
                break
            for name, item in node.content.items():
                made.setdefault(name, item)
        else:
            if isinstance(sources, list):
                return made
        self.wrong(value, "<<: takes an alias of a mapping, or a list of them")
        return {}

    def scalar(self, node: Any, kind: str) -> Any:
        text: str = node.value
        try:
            if kind in _SCALARS:
                value = _SCALARS[kind](text)
            else:
                self.wrong(node, f"the tag {_shown_tag(str(node.tag))} means nothing here", "leave it out")
                return text
        except ValueError:
            self.wrong(node, f"{text[:40]!r} is not a number that can be used")
            return 0
        if isinstance(value, float) and not math.isfinite(value):
            self.wrong(node, f"got {text[:40]}, expected a finite number")
            return 0
        return value


def _shown_tag(tag: str) -> str:
    return "!!" + tag.removeprefix(_TAG) if tag.startswith(_TAG) else tag


def _integer(text: str) -> int:
    plain = text.replace("_", "").lower()
    sign = -1 if plain.startswith("-") else 1
    digits = plain.lstrip("+-")
    for prefix, base in (("0x", 16), ("0o", 8), ("0b", 2)):
        if digits.startswith(prefix):
            return sign * int(digits[2:], base)
    return sign * int(digits)


def _number(text: str) -> float:
    plain = text.replace("_", "").lower()
    if re.fullmatch(r"[+-]?\.(inf|nan)", plain):
        return float(plain.replace(".", "", 1))
    return float(plain)


_SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _integer,
    "float": _number,
    "str": str,
    "timestamp": str,
    "merge": str,
    "value": str,
}
