"""`aifbench doctor`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from aifbench.cli.machine import Fact, Mark, machine_facts, program_facts
from aifbench.cli.options import runs_option
from aifbench.cli.screen import console, json_option, print_json
from aifbench.errors import AifbenchError
from aifbench.services.base import SERVICES, Service
from aifbench.workloads.base import WORKLOADS, Workload


@click.command(epilog="\b\nExamples:\n  aifbench doctor\n  aifbench doctor --json")
@runs_option
@json_option
def doctor(runs: Path | None, as_json: bool) -> None:
    """Say what this machine has and lacks, with the install lines.

    Looks only; nothing is started, installed or changed. Exit code 0 as long as it could look.
    """
    from aifbench.store.find import runs_root

    sections = {
        "machine": machine_facts(runs_root(runs)),
        "programs": program_facts(),
        "services": [_service_fact(name) for name in SERVICES.names()],
        "workloads": [_workload_fact(name) for name in WORKLOADS.names()],
    }
    if as_json:
        print_json({title: [vars(fact) for fact in facts] for title, facts in sections.items()})
        return
    for title, facts in sections.items():
        _print_section(title, facts)


def _service_fact(name: str) -> Fact:
    try:
        kind = SERVICES.load(name)
        lacking = _service_lacks(name, kind)
    except AifbenchError as error:
        return Fact(name, "lacks", error.message)
    if lacking:
        return Fact(name, "lacks", f"{', '.join(lacking)} not installed", _extra(kind.extra))
    return Fact(name, "good", kind.summary)


def _service_lacks(name: str, kind: type[Service]) -> list[str]:
    """What a service with default keys lacks; one that cannot be without keys depends on them alone."""
    try:
        options = kind.recipe_keys()
    except ValueError:
        return []
    return kind(name, options).missing()


def _workload_fact(name: str) -> Fact:
    try:
        kind = WORKLOADS.load(name)
        lacking = {protocol: _workload_lacks(kind, protocol) for protocol in kind.targets}
    except AifbenchError as error:
        return Fact(name, "lacks", error.message)
    short = {protocol: names for protocol, names in lacking.items() if names}
    if not short:
        return Fact(name, "good", kind.summary)
    seen = "; ".join(f"{protocol} needs {', '.join(names)}" for protocol, names in short.items())
    mark: Mark = "lacks" if len(short) == len(kind.targets) else "note"
    lines = dict.fromkeys(_extra(kind.extra.get(protocol, "")) for protocol in short)
    return Fact(name, mark, seen, "; ".join(line for line in lines if line))


def _workload_lacks(kind: type[Workload], protocol: str) -> list[str]:
    try:
        options = kind.recipe_keys()
    except ValueError:
        return []
    return kind(options).missing(protocol)


def _extra(extra: str) -> str:
    return f"pip install 'aifbench[{extra}]'" if extra else ""


_SIGNS: dict[Mark, tuple[str, str]] = {"good": ("✓", "green"), "note": ("!", "yellow"), "lacks": ("✗", "red")}


def _print_section(title: str, facts: Iterable[Fact]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, title=Text(title, style="bold"), title_justify="left", show_header=False, padding=(0, 1))
    for fact in facts:
        sign, colour = _SIGNS[fact.mark]
        table.add_row(Text(sign, style=colour), Text(fact.name), Text(fact.seen))
        if fact.advice:
            table.add_row("", "", Text(f"→ {fact.advice}", style="dim"))
    console().print(table)
