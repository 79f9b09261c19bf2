"""Numbers that no recipe can mean: negative, zero, huge, NaN; exit code 3 with what would be right, nothing begun."""

from __future__ import annotations

import pytest

from tests.badinput.place import GOOD, Place

NINES = "9" * 400
MANY_NINES = "9" * 5000

NUMBERS: dict[str, dict[str, str]] = {
    "workloads.get.load.rate_per_s": {
        "-1": "got -1, expected more than 0",
        "-5/s": "'-5/s' is not a rate; write a number or, say, 10/s or 600/min",
        "0": "got 0, expected more than 0",
        "1e308": "got 1e+308, expected at most 10000000/s",
        NINES: f"got {NINES[:60]}, expected a finite rate, such as 10/s",
        MANY_NINES: f"{MANY_NINES[:40]!r} is not a number that can be used",
        "-" + NINES: f"got -{NINES[:59]}, expected a finite rate, such as 10/s",
        "1e400/s": "got 1e400/s, expected a finite rate, such as 10/s",
        ".nan": "got .nan, expected a finite number",
        "-.inf": "got -.inf, expected a finite number",
        "nan": "'nan' is not a rate; write a number or, say, 10/s or 600/min",
    },
    "workloads.get.load.duration": {
        "-1s": "'-1s' is not a duration; write a number and a unit, such as 30s, 5m, 1h30m or 500ms",
        "-1": "got -1, expected at least 0",
        "0s": "got 0, expected a duration above 0: nothing would be measured",
        "1000d": "got 1000d, expected at most 366d",
        f"{NINES}s": f"got {NINES[:60]}, expected a finite duration, such as 30s",
        ".inf": "got .inf, expected a finite number",
    },
    "workloads.get.load.workers": {
        "-1": "got -1, expected at least 1",
        "0": "got 0, expected at least 1",
        "1000000": "got 1000000, expected at most 4,096",
        NINES: f"got {NINES[:60]}…, expected at most 10,000,000,000",
        ".nan": "got .nan, expected a finite number",
    },
    "workloads.get.body_size": {
        "-1": "got -1, expected at least 0",
        "1e400GiB": "'1e400GiB' is not a whole number of bytes",
        "1GiB": "got '1GiB', expected at most 268,435,456",
        NINES: f"got {NINES[:60]}, expected a finite size, such as 64KiB",
    },
    "trials": {
        "-1": "got -1, expected at least 1",
        "0": "got 0, expected at least 1",
        "1000000": "got 1000000, expected at most 1,000",
        ".nan": "got .nan, expected a finite number",
    },
    "seed": {
        "-1": "got -1, expected at least 0",
        "1.5": "got 1.5, expected a whole number",
        NINES: f"got {NINES[:60]}…, expected at most 10,000,000,000",
    },
    "services.sim.ready_timeout": {
        "-3s": "'-3s' is not a duration; write a number and a unit, such as 30s, 5m, 1h30m or 500ms",
        "0s": "got 0.0, expected more than 0",
    },
    "services.sim.slots": {"0": "got 0, expected at least 1", "1e9": "got 1000000000.0, expected at most 1,000,000"},
    "workloads.get.slo": {
        "[ttfb_p99 < -5ms]": "'ttfb_p99 < -5ms': limit of ttfb_p99: '-5ms' is not a duration; write a number",
        "[error_rate < nan]": "'error_rate < nan': limit of error_rate: 'nan' is not a share between 0 and 1",
        "[error_rate < 200%]": "'error_rate < 200%': limit of error_rate: '200%' is outside of 0 to 1 (0 % to 100 %)",
    },
}
CASES = [(path, value, message) for path, values in NUMBERS.items() for value, message in values.items()]


@pytest.mark.parametrize(("path", "value", "message"), CASES, ids=[f"{path}={value[:10]}" for path, value, _ in CASES])
def test_a_number_that_cannot_be_meant_is_refused(place: Place, path: str, value: str, message: str) -> None:
    place.write()
    shown = f"{path}={value}"
    also = ("--set", "workloads.get.method=POST") if path.endswith("body_size") else ()
    said = place.fork("run", "r.yaml", *also, "--set", shown)
    assert said.code == 3, said.err
    where = f"--set {shown if len(shown) <= 60 else shown[:60] + '…'}: "
    assert said.err.startswith(where), said.err
    assert message in said.err.splitlines()[0]
    assert said.err.endswith("\n1 mistake found\n"), said.err
    assert not place.runs.exists()


def test_more_operations_than_can_be_kept_are_refused_before_anything_is_made_of_them(place: Place) -> None:
    place.write()
    load = ("--set", "workloads.get.load.rate_per_s=10000000", "--set", "workloads.get.load.duration=360d")
    said = place.fork("run", "r.yaml", *load)
    assert said.code == 3
    assert "is 311,040,000,000,000 operations in one trial\n    hint: at most 1,000,000,000 can be kept" in said.err


def test_more_load_points_than_one_run_takes_are_counted_not_made(place: Place) -> None:
    values = "[" + ",".join(map(str, range(10, 210))) + "]"
    paths = ("load.rate_per_s", "load.timeout", "load.drain")
    place.write(GOOD + "matrix: {" + ", ".join(f"workloads.get.{path}: {values}" for path in paths) + "}\n")
    said = place.fork("run", "r.yaml")
    assert said.code == 3
    assert said.err.startswith(
        "r.yaml:5:3: workloads.get: the recipe makes 8,000,000 load points, more than the 10,000"
    )
