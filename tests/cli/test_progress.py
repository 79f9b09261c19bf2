"""How far a run is, told from its events and ticks."""

from __future__ import annotations

import pytest

from aifbench.cli.progress import Follower, clock_text
from aifbench.cli.story import line, stamped
from aifbench.cli.watching import Plain
from aifbench.load.progress import Progress
from aifbench.model.load import Load
from aifbench.model.plan import PLAN_SCHEMA, Estimate, LoadPoint, Plan, Stage, Trial
from aifbench.runner.recorder import Said, Tick
from aifbench.store.journal import Event


def plan(trials: int = 2) -> Plan:
    """One load point of 10 s with some trials."""
    point = LoadPoint("chat", "chat", "llm-chat", "llm", {}, Load("constant", 8.0, warmup_s=2.0, rate_per_s=4.0), "")
    made = tuple(Trial(f"chat.t{number}", "chat", number, number) for number in range(1, trials + 1))
    stage = Stage("stage-1", (), (), (point,), made)
    return Plan(PLAN_SCHEMA, "p", "local", "local", 1, "", (stage,), Estimate(20.0, 80, 0, 1, trials))


def tick(elapsed_s: float, offered: int, ended: int, errors: int = 0, trial: str = "chat.t1") -> Tick:
    return Tick(trial, "chat", Progress(offered, ended, ended, errors, 0, 2), elapsed_s)


def event(kind: str, **data: object) -> Event:
    return Event("2026-11-21T14:15:00.000Z", 1, kind, data)


def test_why_a_service_is_waited_for_is_a_plain_line(capsys: pytest.CaptureFixture[str]) -> None:
    follower = Follower(plan())
    Plain(follower)(Said("chroma: waiting, last answer: connection refused"))
    assert capsys.readouterr().err == "          chroma: waiting, last answer: connection refused\n"
    assert follower.view() is None


def test_nothing_is_under_way_before_the_first_tick() -> None:
    assert Follower(plan()).view() is None


def test_rates_are_those_of_the_last_seconds_and_failed_operations_are_not_achieved() -> None:
    follower = Follower(plan())
    for second in range(1, 8):
        follower.see(tick(second, offered=4 * second, ended=4 * second, errors=2 * second))
    view = follower.view()
    assert view is not None
    assert view.offered_per_s == pytest.approx(4)
    assert view.achieved_per_s == pytest.approx(2)


def test_time_left_is_the_load_that_is_still_to_be_offered() -> None:
    follower = Follower(plan())
    assert follower.left_s() == 20
    follower.see(tick(4.0, 16, 16))
    assert follower.left_s() == 16
    follower.see(event("trial-finished", trial="chat.t1"))
    assert follower.left_s() == 10
    assert follower.share() == pytest.approx(0.5)


def test_trials_of_an_earlier_controller_count_as_done() -> None:
    follower = Follower(plan(), done={"chat.t1"})
    follower.see(tick(5.0, 20, 20, trial="chat.t2"))
    view = follower.view()
    assert view is not None
    assert (view.number, view.of) == (2, 2)
    assert follower.left_s() == 5


def test_a_drain_after_the_load_never_gives_negative_time() -> None:
    follower = Follower(plan(1))
    follower.see(tick(25.0, 40, 40))
    assert follower.left_s() == 0


def test_the_text_names_phase_rates_and_errors() -> None:
    follower = Follower(plan())
    follower.see(tick(1.0, 4, 4))
    follower.see(tick(3.0, 12, 10, errors=1))
    view = follower.view()
    assert view is not None
    assert view.text() == "[1/2] chat.t1 steady  offered 4.00/s  achieved 2.50/s  errors 1  left 0:17"


@pytest.mark.parametrize(("seconds", "text"), [(-3, "0:00"), (59.6, "1:00"), (754, "12:34"), (10_800, "3:00:00")])
def test_time_left_is_written_like_a_clock(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text


@pytest.mark.parametrize(
    ("happened", "told"),
    [
        (event("service-ready", service="llm", seconds=2.0), "service llm ready after 2.00 s"),
        (event("trial-failed", trial="chat.t1", reason="service llm died"), "trial chat.t1 failed: service llm died"),
        (event("problem", text="the index is gone"), "problem: the index is gone"),
        (event("process-started", process=3), ""),
        (event("something-new"), ""),
    ],
)
def test_an_event_is_one_plain_line_or_nothing(happened: Event, told: str) -> None:
    assert line(happened) == told
    assert stamped(happened) == (f"14:15:00  {told}" if told else "")
