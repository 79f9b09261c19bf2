"""What is known of this machine's generator, from run to run."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path

import pytest

import aifbench
from aifbench.errors import StoreError
from aifbench.model.calibration import CALIBRATION_SCHEMA, Calibration, Ceiling
from aifbench.store.calibration import (
    all_calibrations,
    calibration_facts,
    calibration_file,
    calibration_here,
    keep_calibration,
)
from aifbench.store.environment import cpu_model

HTTP = Ceiling("http", "requests", 30_000.0, 29_000.0, 0.97, 0.6, "generator", 2000.0, 5e-5, 4e-4)
HERE = Calibration(
    CALIBRATION_SCHEMA, aifbench.__version__, platform.node(), cpu_model(), platform.release(), "auto",
    "2026-11-21T14:15:00.000Z", True, {"p50": 50.0, "p99": 70.0}, {"http": HTTP},
)  # fmt: skip


def test_nothing_is_known_at_first(tmp_path: Path) -> None:
    assert calibration_here(home=tmp_path) is None
    assert calibration_facts(tmp_path) is None


def test_what_is_kept_is_found_again_and_another_transport_is_added(tmp_path: Path) -> None:
    keep_calibration(HERE, tmp_path)
    assert calibration_here(home=tmp_path) == HERE
    later = replace(HERE, taken="later", ceilings={"file": replace(HTTP, transport="file", unit="calls")})
    keep_calibration(later, tmp_path)
    found = calibration_here(home=tmp_path)
    assert found is not None
    assert (set(found.ceilings), found.taken, len(all_calibrations(tmp_path))) == ({"http", "file"}, "later", 1)


@pytest.mark.parametrize(
    "other", [{"host": "x"}, {"aifbench": "0"}, {"kernel": "2"}, {"cpu": "x"}, {"timestamps": "user"}]
)
def test_another_machine_version_or_mode_does_not_count(tmp_path: Path, other: dict[str, str]) -> None:
    keep_calibration(replace(HERE, **other), tmp_path)  # type: ignore[arg-type]
    assert calibration_here(home=tmp_path) is None


def test_a_damaged_file_is_named_but_does_not_keep_a_run_from_starting(tmp_path: Path) -> None:
    calibration_file(tmp_path).write_text('{"calibrations": [{"schema": 1}]}')
    with pytest.raises(StoreError, match="not a file of calibrations"):
        calibration_here(home=tmp_path)
    assert calibration_facts(tmp_path) is None
