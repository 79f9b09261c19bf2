"""What must be true of the data is looked at after the load, on a real server that ends with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from aifbench.cli.main import main
from aifbench.model.result import Validity
from aifbench.runner.results import load_result
from aifbench.store.folder import RunFolder

pytestmark = pytest.mark.live

RECIPE = """\
name: checked
services:
  db: {uses: postgres}
workloads:
  good: &tpcb
    uses: sql
    target: db
    script: tpcb
    load: {arrival: closed, concurrency: 2, duration: 1s, warmup: 0s}
  bad:
    <<: *tpcb
    setup: ["UPDATE pgbench_tellers SET tbalance = 7 WHERE tid = 1"]
trials: 1
"""


def test_a_broken_balance_makes_the_load_point_invalid_and_a_kept_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIFBENCH_HOME", str(tmp_path / "home"))
    recipe = tmp_path / "checked.yaml"
    recipe.write_text(RECIPE)
    assert main(["run", str(recipe), "--runs", str(tmp_path / "runs"), "--quiet"]) == 6
    folder = RunFolder(next(path for path in (tmp_path / "runs").iterdir() if path.is_dir()))
    result = load_result(folder)
    good, bad = result.checks["good-data.1"], result.checks["bad-data.1"]
    assert set(good["invariants"].values()) == {True}
    assert good["server"]["wal_bytes"] > 0
    assert bad["invariants"]["tellers = branches"] is False
    found = {
        point.point: [finding.text for finding in point.findings if finding.code == "invariant"]
        for point in result.points
    }
    assert found["good"] == []
    assert found["bad"][0].startswith("not true after the load: tellers = branches")
    assert next(point for point in result.points if point.point == "bad").validity is Validity.INVALID
    assert (folder.preparation("good-data.1") / "checked.json").is_file()
