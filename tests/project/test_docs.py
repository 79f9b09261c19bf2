"""Documents against code, both ways: what is named there exists, and what exists is named there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from tools import write_docs

from aifbench.cli.commands import LazyGroup
from aifbench.cli.main import cli
from aifbench.executors.base import EXECUTORS
from aifbench.load.arrival.base import ARRIVALS
from aifbench.report.formats import REPORTS
from aifbench.services.base import SERVICES
from aifbench.workloads.base import WORKLOADS
from tests.project.source import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BY_HAND = [page for page in PAGES if write_docs.NOTE not in page.read_text()]
TEXT = "\n".join(page.read_text() for page in PAGES)
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
CALL = re.compile(r"\baifbench((?:[ ]+[^\s`|;&)]+)+)")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", write_docs.PAGES)
def test_a_generated_page_is_up_to_date(page: str) -> None:
    path = write_docs.FOLDER / page
    now = path.read_text() if path.is_file() else ""
    assert now == write_docs.text(page), "run `make docs`"


def command_lines(text: str) -> Iterator[list[str]]:
    """The words after `aifbench` in every piece of code, up to a comment."""
    for code in CODE.findall(text):
        for line in code.replace("\\\n", " ").splitlines():
            for words in CALL.findall(line.partition(" #")[0]):
                yield words.split()


def resolve(words: list[str]) -> tuple[click.Command | None, list[str]]:
    """The command that the words call, and what is left of them; None when there is no such command."""
    command: click.Command = cli
    while isinstance(command, LazyGroup):
        while words and words[0] in ("--debug", "--version", "-h", "--help"):
            words = words[1:]
        if not words or not re.fullmatch(r"[a-z-]+(?:\|[a-z-]+)*", words[0]):
            return command, []
        found = command.get_command(click.Context(command), words[0].split("|")[0])
        if found is None:
            return None, words
        command, words = found, words[1:]
    return command, words


@pytest.mark.parametrize("page", BY_HAND, ids=name)
def test_every_command_and_flag_that_a_page_names_exists(page: Path) -> None:
    wrong = []
    for words in command_lines(page.read_text()):
        command, rest = resolve(words)
        if command is None:
            wrong.append(f"aifbench {' '.join(words)}: no such command")
            continue
        flags = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
        asked = [word.split("=")[0] for word in rest if re.match(r"--?[a-z]", word)]
        wrong += [
            f"aifbench {' '.join(words)}: no flag {flag}" for flag in asked if flag not in {*flags, "--help", "-h"}
        ]
    assert not wrong, "\n".join(wrong)


def all_commands(group: LazyGroup, before: str) -> Iterator[tuple[str, click.Command]]:
    for word in group.lines:
        found = group.get_command(click.Context(group), word)
        assert found is not None
        if isinstance(found, LazyGroup):
            yield from all_commands(found, f"{before} {word}")
        else:
            yield f"{before} {word}", found


def test_every_command_and_flag_is_documented() -> None:
    lacking = []
    for path, command in all_commands(cli, "aifbench"):
        lacking += [] if path in TEXT else [path]
        flags = [flag for option in command.params if isinstance(option, click.Option) for flag in option.opts]
        lacking += [f"{path} {flag}" for flag in flags if flag not in TEXT]
    assert lacking == []


@pytest.mark.parametrize("table", [SERVICES, WORKLOADS, EXECUTORS, ARRIVALS, REPORTS], ids=lambda table: table.kind)
def test_every_name_of_a_table_is_documented(table: object) -> None:
    names = table.names()  # type: ignore[attr-defined]
    assert [known for known in names if f"`{known}`" not in TEXT and f"{known}," not in TEXT] == []


USES = re.compile(r"uses: *([A-Za-z0-9._-]+)")
ADDED = re.compile(r'^ *"?([A-Za-z0-9._-]+)"?(?::| =) "[a-z_]+(?:\.[a-z_]+)*:[A-Za-z]+"', re.MULTILINE)
FENCE = re.compile(r"```yaml\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_recipe_in_a_page_uses_names_that_exist(page: Path) -> None:
    """A page that teaches how to add a name may use the one that it adds."""
    text = page.read_text()
    known = {*SERVICES.names(), *WORKLOADS.names(), *ADDED.findall(text)}
    used = {word for block in FENCE.findall(text) for word in USES.findall(block)}
    assert used - known == set()


TARGET = re.compile(r"\bmake ([a-z][a-z-]*)")


@pytest.mark.parametrize("page", BY_HAND, ids=name)
def test_every_make_target_that_a_page_names_exists(page: Path) -> None:
    rules = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rules |= {f"bench-{path.stem.replace('_', '-')}" for path in (ROOT / "benchmarks").glob("*.py")}
    named = {word for code in CODE.findall(page.read_text()) for word in TARGET.findall(code)}
    assert named - rules - {"bench-"} == set()


LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    targets = [target for target in LINK.findall(page.read_text()) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []
