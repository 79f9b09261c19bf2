"""The example recipes: the files of `examples/` in a checkout, and the same ones inside an installed package."""

from __future__ import annotations

from pathlib import Path

import aifbench
from aifbench.errors import Problem, RecipeError
from aifbench.registry import nearest

_ENDINGS = (".yaml", ".yml")


def examples_folder() -> Path:
    """Inside the installed package, or beside `src` in a checkout."""
    package = Path(aifbench.__file__).resolve().parent
    shipped = package / "examples"
    return shipped if shipped.is_dir() else package.parents[1] / "examples"


def examples() -> dict[str, Path]:
    """Name (the file's, without ending) → file, sorted by name."""
    return {path.stem: path for path in sorted(examples_folder().glob("*.yaml"))}


def find_recipe(given: str) -> Path:
    """A recipe file: the path that was given (`-`: standard input), or the example of that name.

    Raises RecipeError when there is neither.
    """
    from aifbench.recipe.reader import STDIN

    if given == "-":
        return Path(STDIN)
    path = Path(given)
    if path.exists() or given.endswith(_ENDINGS):
        return path  # what is wrong with it is said by whoever reads it
    known = examples()
    if given in known:
        return known[given]
    close = nearest(given, known)
    guess = f"did you mean the example {close[0]!r}?" if close else "aifbench recipe list shows the examples"
    raise RecipeError([Problem("no such file, and no example of that name", file=given, hint=guess)])
