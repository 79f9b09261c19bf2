"""What share of its own ceiling a load asks of the generator."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from aifbench.metrics.ceiling import generator_share
from aifbench.metrics.validity import generator_ceiling
from aifbench.metrics.view import Generator, View
from aifbench.model.calibration import needed
from aifbench.model.load import Load
from tests.metrics.making import Row, at, users, view

CALIBRATION: dict[str, Any] = {
    "host": "h",
    "ceilings": {"http": {"per_cpu_s": 1000.0}, "sse": {"per_cpu_s": 50_000.0}},
}


def seen(rows: list[Row], transport: str = "http", calibration: Any = CALIBRATION, host: str = "h") -> View:
    load = Load("closed", duration_s=1.0, concurrency=2, workers=2)
    return replace(view(rows, load, host=host), generator=Generator(transport, calibration))


def test_requests_and_events_need_their_parts_of_the_core() -> None:
    assert needed(500, 0, "http", CALIBRATION) == 0.5
    assert needed(500, 10_000, "http", CALIBRATION) == 0.7
    assert needed(1, 0, "s3", CALIBRATION) is None
    assert needed(500, 1, "http", {"ceilings": {"http": {"per_cpu_s": 1000.0}}}) is None


def test_the_busiest_worker_counts() -> None:
    """Two workers of one user: one request each 10 ms, and each 20 ms: 100 and 50 per second of 1000."""
    busy = users(1, 10, 100)
    idle = [replace(row, worker=1) for row in users(1, 20, 50)]
    assert generator_share(seen(busy + idle)).value == pytest.approx(0.1, rel=0.03)


def test_events_inside_the_window_count() -> None:
    """100 requests per second with 50 events each: 0.1 for the requests and 0.1 for the events."""
    rows = [
        replace(row, own={"event_ns": [at(index * 10 + part / 10) for part in range(50)]})
        for index, row in enumerate(users(1, 10, 100))
    ]
    assert generator_share(seen(rows)).value == pytest.approx(0.2, rel=0.03)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"transport": ""}, "this client has no calibration"),
        ({"calibration": None}, "run aifbench calibrate"),
        ({"host": "other"}, "no calibration of other: run aifbench calibrate there"),
        ({"transport": "s3"}, "the calibration lacks s3 or sse: run aifbench calibrate"),
    ],
)
def test_what_is_not_known_is_said(how: dict[str, Any], reason: str) -> None:
    found = generator_share(seen(users(1, 10, 100), **how))
    assert (found.value, found.reason) == (None, reason)
    finding = generator_ceiling(found.value, found.reason, found.text)
    assert finding.verdict.value == "VALID"
    assert reason in finding.text


@pytest.mark.parametrize(
    ("share", "verdict"), [(0.41, "VALID"), (0.75, "VALID"), (0.76, "DEGRADED"), (2.0, "DEGRADED")]
)
def test_above_three_quarters_a_load_point_is_degraded(share: float, verdict: str) -> None:
    finding = generator_ceiling(share, "", "offered {seen} of what this generator can do")
    assert finding.verdict.value == verdict
    assert f"offered {share * 100:g} %".replace("200 %", "200 %") in finding.text.replace(".0 %", " %")
