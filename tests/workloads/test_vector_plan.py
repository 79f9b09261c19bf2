"""How vector searches are planned: one data set for all targets, loaded again only where a target needs it."""

from __future__ import annotations

from pathlib import Path

from aifbench.cli.planning import plan_recipe

RECIPE = """
name: depth
services:
  chroma: {uses: chroma}
  milvus: {uses: milvus-lite}
workloads:
  search:
    uses: vector-search
    target: [chroma, milvus]
    ef: [10, 20, 40]
    load: {arrival: closed, concurrency: 1, duration: 1s}
"""


def test_chroma_is_loaded_once_per_ef_and_milvus_once_with_the_same_vectors(tmp_path: Path) -> None:
    """Chroma ignores a later change of ef; the vectors depend on neither ef nor target, so that recall compares."""
    (tmp_path / "depth.yaml").write_text(RECIPE)
    plan = plan_recipe(str(tmp_path / "depth.yaml"), (), None).plan
    made = [preparation for stage in plan.stages for preparation in stage.preparations]
    by_target = {name: [one.options["ef"] for one in made if one.target == name] for name in ("chroma", "milvus")}
    assert by_target == {"chroma": [10, 20, 40], "milvus": [10]}
    assert len({one.seed for one in made}) == 1
    used = {(point.target, point.options["ef"]): point.preparation for point in plan.points()}
    assert len({used["chroma", ef] for ef in (10, 20, 40)}) == 3
    assert len({used["milvus", ef] for ef in (10, 20, 40)}) == 1
