"""What `aifbench run` prints at its end."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from aifbench.report import terminal
from aifbench.report.lines import wrapped
from tests.report import example


def printed(width: int, *, colour: bool = False) -> str:
    target = StringIO()
    terminal.render(example.result(), example.plan(), Console(file=target, width=width, force_terminal=colour))
    return target.getvalue()


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(len(line) for line in printed(width).splitlines()) <= width


@pytest.mark.parametrize("width", [80, 100, 120])
def test_no_number_is_cut_at_any_width(width: int) -> None:
    shown = printed(width)
    assert "…" not in shown.replace(", …", "")
    for number in ("26\u202f406", "0.965", "none set"):
        assert (number in shown) == (number != "none set")


def test_names_that_are_too_long_go_on_beneath_themselves() -> None:
    """Cut, the load points of one sweep would look the same."""
    result = example.result()
    long = replace(result.points[0], point="random-reads-of-a-very-large-and-long-file.1")
    target = StringIO()
    terminal.render(replace(result, points=(long,)), None, Console(file=target, width=80))
    table = target.getvalue().partition("is DEGRADED")[0]
    assert "random-reads-of-a-very-" in table
    assert "large-and-long-file.1" in table
    assert "…" not in table.replace(", …", "")


def test_lines_are_broken_between_words_and_go_on_indented() -> None:
    path = "/a/path/that/is/longer/than/any/terminal/is/wide"
    assert wrapped(f"  hint: full log: {path}", 30) == ["  hint: full log:", f"    {path}"]
    assert wrapped("one\ntwo", 30) == ["one", "two"]


def test_without_a_terminal_there_is_no_control_character() -> None:
    assert "\x1b" not in printed(100)


def test_on_a_terminal_verdicts_are_coloured() -> None:
    assert "\x1b[" in printed(100, colour=True)


def test_an_invalid_load_point_is_named_with_reason_and_hint() -> None:
    shown = " ".join(printed(100).split())
    assert "chat.3 is INVALID" in shown
    assert "schedule lag p99 is 412 ms although a slot was free" in shown
    assert "hint: give the load more workers" in shown


def test_a_missing_value_is_named_with_its_reason_and_its_load_point() -> None:
    assert "n/a ttft p99: n=39, needs 368 (chat.1)" in printed(100)


def test_every_slo_is_told_with_what_was_seen() -> None:
    shown = printed(120)
    for point in example.points():
        for verdict in point.slo:
            assert f"SLO {point.point}: {verdict.text}" in shown


def test_user_text_is_no_markup() -> None:
    """Rich reads `[bold]` in strings; names come from the user."""
    target = StringIO()
    console = Console(file=target, width=100)
    problem = example.with_problem("[bold]not markup[/bold] [/nonsense]")
    terminal.render(problem, None, console)
    assert "[bold]not markup[/bold] [/nonsense]" in target.getvalue()
