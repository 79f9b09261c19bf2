"""Paths in recipe keys: relative ones count from the folder in which the user typed the command.

Processes work in folders of their own, so the plan makes paths absolute, once: the folder comes with the validation
(`counted_from`). Where it does not, while a recipe is only checked or a plan is read back, paths stay as they are.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo, WithJsonSchema

_KEY = "relative paths count from"
_FIRST_WORD = re.compile(r"\s*(?P<program>\S+)(?P<rest>.*)", re.DOTALL)
_NOT_PLAIN = frozenset("={$~'\"`")  # an assignment, a placeholder, or something that the shell makes


def counted_from(folder: str) -> dict[str, Any]:
    """The validation context that makes relative paths absolute; nothing when `folder` is empty."""
    return {_KEY: folder} if folder else {}


def _absolute(path: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get(_KEY)
    if not folder or not path or path[0] in "/{$":  # nothing, absolute, or a reference
        return path
    return os.path.normpath(os.path.join(folder, path))  # noqa: PTH118 - text only, no file system access here


def or_name(*names: str) -> AfterValidator:
    """The validator of a path in whose place one of these names may stand."""

    def validate(path: str, info: ValidationInfo) -> str:
        return path if path in names else _absolute(path, info)

    return AfterValidator(validate)


def _program(line: str, info: ValidationInfo) -> str:
    found = _FIRST_WORD.fullmatch(line)
    if found is None or "/" not in found["program"] or _NOT_PLAIN & set(found["program"]):
        return line
    program = _absolute(found["program"], info)
    return line if program == found["program"] else shlex.quote(program) + found["rest"]


def _program_of(argv: list[str], info: ValidationInfo) -> list[str]:
    return [_absolute(argv[0], info), *argv[1:]] if argv and "/" in argv[0] else argv


def _files(attributes: Mapping[str, Any], info: ValidationInfo) -> dict[str, Any]:
    return {
        key: _absolute(value, info) if key.endswith("_file") and isinstance(value, str) else value
        for key, value in attributes.items()
    }


LocalPath = Annotated[str, AfterValidator(_absolute), WithJsonSchema({"type": "string", "x-quantity": "path"})]
CommandLine = Annotated[str, AfterValidator(_program)]
"""A program and its arguments in one text. The program is a path when it has a slash; the arguments stay."""
Arguments = Annotated[list[str], AfterValidator(_program_of)]
"""The same as a list."""
Attributes = Annotated[Mapping[str, Any], AfterValidator(_files)]
"""Of an endpoint: those whose name ends in `_file` are paths."""
