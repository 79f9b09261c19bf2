"""Effects stay at their named edges: time, processes, output, randomness, and names that say nothing."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator

import pytest

from tests.project.source import calls, dotted, modules, outside_imports, place, tree

STARTS_PROCESSES = ("aifbench.executors", "aifbench.services.launch")
# The supervisor is a program that must start in milliseconds and therefore imports no other module of aifbench.
READS_TIME = ("aifbench.clock", "aifbench.executors.supervisor")
# Programs that an executor starts: their err file is where their last words belong.
PROGRAMS = (
    "aifbench.services.launch",
    "aifbench.executors.supervisor",
    "aifbench.load.worker",
    "aifbench.load.prepare",
    "aifbench.runner.evaluate",
)
PRINTS = ("aifbench.cli", "aifbench.report", *PROGRAMS)


def inside(module: str, *packages: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in packages)


def findings(
    find: Callable[[str], Iterator[tuple[str, int]]], wrong: Callable[[str], bool], *allowed: str
) -> list[str]:
    return [
        f"{place(module, line)}: {name}"
        for module in modules()
        if not inside(module, *allowed)
        for name, line in find(module)
        if wrong(name)
    ]


TIME = {"time", "timeit", "sched"}
TIME_CALLS = {"datetime.now", "datetime.utcnow", "date.today", "os.times"}


def test_time_is_read_only_in_clock() -> None:
    wrong = findings(outside_imports, lambda name: name.partition(".")[0] in TIME, *READS_TIME)
    wrong += findings(calls, lambda name: name in TIME_CALLS, *READS_TIME)
    assert not wrong, "\n".join(wrong)


STARTERS = {"subprocess", "multiprocessing", "pty"}
START_CALLS = ("os.fork", "os.exec", "os.spawn", "os.posix_spawn", "os.system", "os.popen", "os.forkpty")


def test_processes_are_started_only_in_executors() -> None:
    wrong = findings(outside_imports, lambda name: name.partition(".")[0] in STARTERS, *STARTS_PROCESSES)
    wrong += findings(calls, lambda name: name.startswith(START_CALLS), *STARTS_PROCESSES)
    assert not wrong, "\n".join(wrong)


def test_only_the_command_line_and_reports_write_to_the_terminal() -> None:
    writers = {"print", "sys.stdout.write", "sys.stderr.write", "click.echo"}
    wrong = findings(calls, lambda name: name in writers, *PRINTS)
    assert not wrong, "\n".join(wrong)


SHARED = re.compile(r"(random|(np|numpy)\.random)\.[a-z_]+")
GENERATORS = {"default_rng", "Random", "PCG64", "Philox", "SeedSequence"}


def test_randomness_is_seeded() -> None:
    """The module-level functions share one hidden state, and a generator made without an argument has no seed."""
    wrong = [
        f"{place(module, line)}: {name}"
        for module in modules()
        for name, line in calls(module)
        if SHARED.fullmatch(name) and name.rpartition(".")[2] not in GENERATORS
        # a generator may be called `random` too, where the module of that name is not imported
        if not name.startswith("random.") or "random" in {imported for imported, _ in outside_imports(module)}
    ]
    wrong += [
        f"{place(module, node.lineno)}: {dotted(node.func)}() without a seed"
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.Call) and dotted(node.func).rpartition(".")[2] in GENERATORS
        if not node.args and not node.keywords
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("word", ["utils", "util", "common", "helpers", "helper", "misc", "manager"])
def test_no_module_has_a_name_that_says_nothing(word: str) -> None:
    assert [module for module in modules() if word in module.split(".")] == []
