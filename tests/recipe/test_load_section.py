from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aifbench.model.load import Load, Retries, Stop
from aifbench.recipe.load_section import resolve, with_defaults
from tests.recipe.words import WORDS, checked, with_chat, wrong


def load(**keys: Any) -> Load:
    made, found = resolve(keys, WORDS)
    assert made is not None, found
    return made


def test_a_rate_makes_poisson_arrivals_and_a_concurrency_a_closed_loop() -> None:
    assert load(rate_per_s=2).arrival == "poisson"
    assert load(concurrency=2).arrival == "closed"
    assert load(arrival="constant", rate_per_s="600/min").rate_per_s == 10


def test_what_is_left_out_has_the_documented_value() -> None:
    assert load(rate_per_s=2) == Load("poisson", duration_s=30, warmup_s=5, rate_per_s=2)


def test_counted_operations_end_the_load_and_have_no_warm_up_of_their_own() -> None:
    made = load(concurrency=2, operations=10)
    assert (made.operations, made.duration_s, made.warmup_s) == (10, 3600, 0)


def test_a_schedule_that_counts_is_long_enough_for_its_count() -> None:
    made = load(rate_per_s=10, operations=100)
    assert made.duration_s == pytest.approx((100 + 100 + 10) / 10)


def test_a_number_of_workers_is_fixed_and_auto_is_not() -> None:
    given = [load(rate_per_s=100, workers=workers) for workers in (2, "auto", None)]
    assert [(one.workers, one.workers_fixed) for one in given] == [(2, True), (1, False), (1, False)]


def test_there_are_never_more_workers_than_users() -> None:
    assert load(concurrency=2, workers=8).workers == 2
    assert load(rate_per_s=100, workers=8).workers == 8


def test_stops_retries_and_thinking_are_part_of_the_load() -> None:
    made = load(
        concurrency=3,
        think_time="1s",
        think_distribution="lognormal",
        think_cv=2,
        ramp_up="2s",
        cooldown="3s",
        stop={"error_rate": 0.5, "after": 20},
        retries={"attempts": 2, "on": ["reset", "http-503"], "backoff": "100ms"},
    )
    assert (made.think_time_s, made.think_distribution, made.think_cv) == (1, "lognormal", 2)
    assert (made.ramp_up_s, made.cooldown_s, made.length_s, made.steady_end_s) == (2, 3, 38, 35)
    assert made.stop == Stop(error_rate=0.5, after=20)
    assert made.retries == Retries(2, ("reset", "http-503"), 0.1)


def test_a_workloads_own_closed_loop_gives_way_to_another_process() -> None:
    default = {"arrival": "closed", "concurrency": 4, "duration": "10s"}
    assert with_defaults({"arrival": "steps", "steps": []}, default) == {"arrival": "steps", "steps": []}
    assert with_defaults({"sequence": []}, default) == {"sequence": []}


def test_keys_of_one_arrival_process_become_its_shape() -> None:
    assert load(arrival="bursts", rate_per_s=5, burst=3).shape == {"burst": 3}
    assert load(arrival="bursts", rate_per_s=5).shape == {"burst": 10}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("{concurrency: 1, rate_per_s: 1}", "9:12 .*concurrency \\(closed loop\\) and rate_per_s \\(open loop\\)"),
        ("{arrival: closed, concurrency: 1, rate_per_s: 5}", "9:45 .*rate_per_s belongs to an open loop"),
        ("{arrival: closed}", "9:12 .*a closed loop needs concurrency"),
        ("{concurrency: 2, max_in_flight: 3}", "9:28 .*max_in_flight belongs to an open loop"),
        ("{concurrency: 2, when_full: drop}", "9:28 .*when_full belongs to an open loop"),
        ("{arrival: poisson}", "9:12 .*the arrival process poisson needs rate_per_s"),
        ("{arrival: poisson, rate_per_s: 1, concurrency: 1}", "9:45 .*concurrency belongs to a closed loop"),
        ("{concurrency: 1, stop: {overload: true}}", "9:35 .*a closed loop cannot be overloaded"),
        ("{concurrency: 1, stop: {error_rate: 2}}", "9:47 .*got 2, expected at most 1"),
        ("{concurrency: 1, retries: {on: []}}", "9:42 .*at least 1 value"),
        ("{concurrency: 1, retries: {times: 2}}", "9:38 .*unknown key 'times'"),
        ("{rate_per_s: 1, ramp_up: 1s}", "9:27 .*ramp_up belongs to a closed loop"),
        ("{concurrency: 1, ramp_up: 1m}", "9:37 .*users start within 60 s, but the load takes only 35 s"),
        ("{concurrency: 1, think_distribution: uniform}", "9:48 .*needs a think_time above 0"),
        ("{concurrency: 1, think_time: 1, think_cv: 2}", "9:43 .*belongs to a lognormal think time"),
        ("{rate_per_s: 1, think_time: 1s}", "9:27 .*think_time belongs to a closed loop"),
        ("{duration: 3s}", "9:11 .*neither rate_per_s .* nor concurrency"),
        ("{concurrency: 1, duration: 0s}", "9:38 .*got 0, expected a duration above 0"),
        ("{concurrency: 1, operations: 0, duration: 0}", "9:40 .*got 0, expected at least 1"),
        ("{concurrency: 1, warmup: 1h, duration: 10s}", "9:36 .*the warm-up of 3600 s is more than ten times"),
        ("{concurrency: -1}", "9:25 .*got -1, expected at least 1"),
        ("{concurrency: 99999999}", "9:25 .*got 99999999, expected at most 1,000,000"),
        ("{rate_per_s: 1e300}", "9:24 .*expected at most 10000000/s"),
        ("{rate_per_s: 1000000, duration: 10h}", "9:24 .*36,005,000,000 operations in one trial"),
        ("{rate_per_s: 0.01, duration: 1s}", "9:24 .*is less than one operation"),
        ("{rate_per_s: 1, duration: 2000d}", "9:37 .*expected at most 366d"),
        ("{rate_per_s: 1, timeout: 0}", "9:36 .*got 0, expected more than 0"),
        ("{rate_per_s: '5'}", "9:24 .*'5' is not a rate"),
        ("{rate_per_s: true}", "9:24 .*got true, expected a rate"),
        ("{rate_per_s: 1, when_full: wait}", "9:38 .*got 'wait', expected one of 'queue', 'drop'"),
        ("{rate_per_s: 1, burst: 3}", "9:27 .*unknown key 'burst'"),
        ("{arrival: bursts, rate_per_s: 1, burst: [1, 0]}", "9:55 .*got 0, expected at least 1"),
        ("{rate: 1}", "9:12 .*unknown key 'rate'; did you mean 'rate_per_s'"),
        ("5", "9:11 .*got 5, expected `key: value` lines"),
    ],
)
def test_a_load_that_contradicts_itself_is_told(tmp_path: Path, keys: str, said: str) -> None:
    import re

    found = wrong(tmp_path, with_chat("target: llm", f"load: {keys}"))
    assert any(re.match(said, one) for one in found), found


def test_a_sweep_over_open_and_closed_loops_is_told_where_it_fails(tmp_path: Path) -> None:
    found = wrong(tmp_path, with_chat("target: llm", "load: {arrival: [poisson, closed], rate_per_s: 1}"))
    assert [one.split(" ")[0] for one in found] == ["9:31", "9:31"]


def test_the_workloads_own_load_lies_below_the_users(tmp_path: Path) -> None:
    text = with_chat("target: llm", "load: {concurrency: 1}")
    made = checked(tmp_path, text + "  put: {uses: put, target: s3, bytes: 1KiB, load: {duration: 3s}}\n")
    assert made.workloads["put"].raw["load"] == {"concurrency": 2, "duration": "3s"}


def test_defaults_that_the_user_contradicts_are_left_out() -> None:
    closed = {"arrival": "closed", "concurrency": 4, "duration": "10s"}
    assert with_defaults({"rate_per_s": 5}, closed) == {"duration": "10s", "rate_per_s": 5}
    assert with_defaults({"operations": 5}, closed) == {"arrival": "closed", "concurrency": 4, "operations": 5}
    opened = {"arrival": "bursts", "rate_per_s": 4, "burst": 2, "operations": 9}
    assert with_defaults({"concurrency": 5, "duration": "1s"}, opened) == {"concurrency": 5, "duration": "1s"}
