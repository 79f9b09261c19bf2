"""A file that nothing leads to is dead: it is imported by nobody, in no table, and no program of its own."""

from __future__ import annotations

import re

from aifbench.cli.commands import SECTIONS, Line
from aifbench.executors.base import EXECUTORS
from aifbench.services.base import SERVICES
from aifbench.workloads.base import WORKLOADS
from tests.project.source import ROOT, imports, modules

# Honest small twins of outside things ship in the package for tests and benchmarks: their users.
TWINS = ("aifbench.simulate.twin",)


def places(lines: dict[str, Line]) -> set[str]:
    found = set()
    for line in lines.values():
        found |= places(dict(line.commands)) if line.commands else {line.place}
    return found


def test_every_module_is_imported_or_named_in_a_table_or_started_as_a_program() -> None:
    named = {found.target for module in modules() for found in imports(module) if found.target != module}
    text = "\n".join(path.read_text(encoding="utf-8") for path in modules().values())
    named |= set(re.findall(r'"(aifbench(?:\.\w+)+)(?::\w+)?"', text))  # tables, and `python -m` command lines
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py"))
    for section in SECTIONS.values():
        named |= {place.partition(":")[0] for place in places(dict(section))}
    named |= {twin for twin in TWINS if twin in tests}
    packages = {module for module, path in modules().items() if path.name == "__init__.py"}
    dead = sorted(set(modules()) - named - packages - {"aifbench.__main__"})
    assert not dead, f"nothing leads to {', '.join(dead)}"


def test_every_line_of_every_table_leads_to_a_class() -> None:
    for table in (SERVICES, WORKLOADS, EXECUTORS):
        for name in table.names():
            assert isinstance(table.load(name), type), f"{table.kind} {name}"


def test_a_package_is_not_empty() -> None:
    packages = {module for module, path in modules().items() if path.name == "__init__.py"}
    empty = [
        package
        for package in packages
        if modules()[package].stat().st_size == 0 and not any(m.startswith(f"{package}.") for m in modules())
    ]
    assert empty == []


def test_every_test_file_is_found_by_pytest() -> None:
    """A folder of tests without `__init__.py` would clash with another one's file names."""
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []
