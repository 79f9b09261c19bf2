"""Was it the generator or the target? The validity checks must tell a starved client from a saturated server.

Real worker processes, a simulator on another core where there is one. The client's core is shared with busy loops of
a higher priority, or the client is stopped most of the time; the server serves two requests at a time and is asked for
more than that. What else runs on the machine may starve the client too: such a run is done again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aifbench.executors.local import LocalExecutor
from aifbench.load.trial import TrialControl
from aifbench.metrics.thresholds import OF_GENERATOR
from aifbench.model.load import Load
from aifbench.model.result import Validity
from aifbench.model.service import Target
from tests.load.starving import BusyCore, Cores, Halting, Hogs, Judged, cores, judged, simulator

pytestmark = pytest.mark.slow

RUNS = 20
SECONDS = 0.5
OPEN = Load("poisson", duration_s=SECONDS, rate_per_s=400)
CLOSED = Load("closed", duration_s=SECONDS, concurrency=8)
ABOVE_CAPACITY = (
    OPEN,
    Load("poisson", duration_s=SECONDS, rate_per_s=400, max_in_flight=32),
    Load("constant", duration_s=SECONDS, rate_per_s=600, max_in_flight=16, when_full="drop"),
    CLOSED,
)
"""The server below does 200 operations per second: two at a time, 10 ms each."""
ATTEMPTS = 4


@pytest.fixture(scope="module")
def executor() -> Iterator[LocalExecutor]:
    local = LocalExecutor()
    yield local
    local.close()


@pytest.fixture(scope="module")
def apart() -> Cores:
    return cores()


@pytest.fixture(scope="module")
def quick(executor: LocalExecutor, apart: Cores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with simulator(executor, tmp_path_factory.mktemp("quick"), apart.server, "--first", "5ms") as target:
        yield target


@pytest.fixture(scope="module")
def saturated(executor: LocalExecutor, apart: Cores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    words = ("--first", "10ms", "--slots", "2")
    with simulator(executor, tmp_path_factory.mktemp("saturated"), apart.server, *words) as target:
        yield target


@pytest.fixture(scope="module")
def hogs(executor: LocalExecutor, apart: Cores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hogs]:
    loops = Hogs(executor, tmp_path_factory.mktemp("hogs"), apart.client)
    yield loops
    loops.end()


def of_generator(run: Judged) -> set[str]:
    return {code for code, verdict in run.wrong.items() if verdict is Validity.INVALID} & OF_GENERATOR


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_client_that_busy_loops_keep_off_its_core_makes_the_trial_invalid(
    executor: LocalExecutor, quick: Target, hogs: Hogs, apart: Cores, tmp_path: Path, seed: int
) -> None:
    load = (OPEN, CLOSED)[seed % 2]
    run = judged(executor, tmp_path, quick, load, seed, BusyCore(SECONDS, hogs), apart.client)
    assert of_generator(run), run.wrong


@pytest.mark.parametrize("seed", range(2))
def test_a_client_that_is_stopped_most_of_the_time_makes_the_trial_invalid(
    executor: LocalExecutor, quick: Target, apart: Cores, tmp_path: Path, seed: int
) -> None:
    """Where no queue of the kernel counts the waits: the starts tell."""
    run = judged(executor, tmp_path, quick, OPEN, seed, Halting(SECONDS), apart.client)
    assert "late-with-free-slot" in of_generator(run), run.wrong


@pytest.mark.parametrize("seed", range(RUNS))
def test_a_server_beyond_its_capacity_does_not_make_the_trial_invalid(
    executor: LocalExecutor, saturated: Target, apart: Cores, tmp_path: Path, seed: int
) -> None:
    load = ABOVE_CAPACITY[seed % len(ABOVE_CAPACITY)]
    for attempt in range(ATTEMPTS):
        run = judged(executor, tmp_path / str(attempt), saturated, load, seed, TrialControl(), apart.client)
        if not (of_generator(run) and run.disturbed):
            break
    else:
        pytest.skip(f"something else had the client's core in each of {ATTEMPTS} runs")
    assert run.result.validity is not Validity.INVALID, run.wrong
    if not load.closed:
        assert "achieved-rate" in run.wrong
