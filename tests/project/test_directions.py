"""Who may import whom. The table is ARCHITECTURE's, with the reason where it says more."""

from __future__ import annotations

import pytest

from tests.project.source import imports, modules, place

EVERYONE = ("errors", "units", "clock", "registry", "model")

# package → what it may import beside EVERYONE and itself: packages, or single modules as `package.module`
ALLOWED: dict[str, tuple[str, ...]] = {
    "errors": (),
    "units": (),
    "clock": (),
    "registry": (),
    "model": (),
    "recipe": (),
    # tables and declarations only, to check names, options and expressions
    "plan": ("recipe", "services.base", "workloads.base", "load.arrival", "metrics.slo"),
    "executors": (),
    # the words of a recipe about the simulator, read by the same functions as those of its command line
    "services": ("simulate.faults", "simulate.timing"),
    "metrics": (),
    "samples": (),
    "store": (),
    "monitor": (),
    # executors.call starts a program and waits: what the workloads that measure programs do
    "workloads": ("metrics.stats", "load.transport", "executors.call", "executors.program"),
    # the server of known timing and faults that ships for tests and benchmarks: speaks on the engine's own loop
    "simulate": ("load.loop", "load.think"),
    "deploy": ("services", "executors"),
    "load": ("workloads", "executors", "samples"),
    "report": ("metrics",),
    "runner": (
        "plan",
        "deploy",
        "load",
        "samples",
        "metrics",
        "store",
        "monitor",
        "executors",
        "services",
        "workloads",
    ),
    "web": ("store", "report", "metrics", "runner"),
    "cli": ("*",),
    "__main__": ("cli.main",),
    "__init__": (),
}


def package(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def allowed(module: str, target: str) -> bool:
    inside = target.partition(".")[2]
    mine = package(module)
    permitted = (*EVERYONE, *ALLOWED[mine], mine)
    return not inside or "*" in permitted or any(inside == name or inside.startswith(f"{name}.") for name in permitted)


def test_every_package_has_a_line_in_the_table() -> None:
    assert {package(module) for module in modules()} <= set(ALLOWED)


@pytest.mark.parametrize("name", sorted({package(module) for module in modules()}))
def test_a_package_imports_only_what_the_table_allows(name: str) -> None:
    wrong = [
        f"{place(module, found.line)}: {name} may not import {found.target}"
        for module in modules()
        if package(module) == name
        for found in imports(module)
        if not allowed(module, found.target)
    ]
    assert not wrong, "\n".join(wrong)


def test_there_is_no_import_cycle() -> None:
    """Imports on use and imports for types only do not count: they cannot deadlock a start."""
    graph = {
        module: {found.target for found in imports(module) if not found.late and not found.typing_only}
        for module in modules()
    }
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join((*path[path.index(module) :], module))
        if module not in done:
            for target in sorted(graph.get(module, ())):
                visit(target, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())
