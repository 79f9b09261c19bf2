"""The package's source as syntax trees: what the rules of this folder are checked against."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "aifbench"


@dataclass(frozen=True)
class Import:
    """`line` imports `target` (a module of aifbench); `late` when it happens on use, inside a function."""

    target: str
    line: int
    late: bool
    typing_only: bool


@cache
def modules() -> dict[str, Path]:
    """Dotted name → file, of every module of the package."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    path = modules()[module]
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(module: str, line: int) -> str:
    return f"{modules()[module].relative_to(ROOT)}:{line}"


@cache
def imports(module: str) -> tuple[Import, ...]:
    """Every import of a module of aifbench, wherever in the file it stands."""
    return tuple(_walk(module, tree(module), late=False, typing_only=False))


def _walk(module: str, node: ast.AST, *, late: bool, typing_only: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield from (Import(name, child.lineno, late, typing_only) for name in _targets(module, child))
        inside = late or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _walk(module, child, late=inside, typing_only=typing_only or _is_typing_block(child))


def _is_typing_block(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _targets(module: str, node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif node.level:
        raise AssertionError(f"{place(module, node.lineno)}: a relative import; write the whole name")
    else:
        base = node.module or ""
        names = [f"{base}.{a.name}" if f"{base}.{a.name}" in modules() else base for a in node.names]
    return [name for name in dict.fromkeys(names) if name.split(".")[0] == "aifbench"]


def calls(module: str) -> Iterator[tuple[str, int]]:
    """Dotted name (as written) and line of every call in a module."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call) and (name := dotted(node.func)):
            yield name, node.lineno


def dotted(node: ast.AST) -> str:
    """`a.b.c` of an attribute chain that starts at a name, else an empty string."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := dotted(node.value)):
        return f"{base}.{node.attr}"
    return ""


def outside_imports(module: str) -> Iterator[tuple[str, int]]:
    """Whole dotted name and line of everything imported that is not aifbench: `os`, `subprocess.Popen`."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
