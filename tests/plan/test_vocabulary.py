"""The real tables: every name in them can be checked, described, started from and planned."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from aifbench import plan, recipe
from aifbench.recipe.keys import LoadKeys, ServiceKeys, WorkloadKeys
from aifbench.recipe.load_section import resolve

WORDS = plan.vocabulary()
ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(ROOT.joinpath("examples").glob("*.yaml"))
HEAVY = (
    "numpy",
    "pyarrow",
    "scipy",
    "plotly",
    "rich",
    "jinja2",
    "psycopg",
    "botocore",
    "chromadb",
    "pymilvus",
    "faiss",
)


@pytest.mark.parametrize("name", WORDS.services.names())
def test_a_services_keys_are_none_of_those_that_all_services_have(name: str) -> None:
    kind = WORDS.service(name)
    assert not set(kind.recipe_keys.model_fields) & set(ServiceKeys.model_fields)


@pytest.mark.parametrize("name", WORDS.workloads.names())
def test_a_workloads_keys_are_none_of_those_that_all_workloads_have(name: str) -> None:
    kind = WORDS.workload(name)
    assert not set(kind.recipe_keys.model_fields) & set(WorkloadKeys.model_fields)
    assert set(kind.prepared_by) <= set(kind.recipe_keys.model_fields)


@pytest.mark.parametrize("name", WORDS.workloads.names())
def test_a_workloads_own_load_is_a_good_one(name: str) -> None:
    default = WORDS.workload(name).default_load
    if default:
        made, found = resolve(default, WORDS)
        assert made is not None, found


@pytest.mark.parametrize("name", WORDS.arrivals.names())
def test_an_arrival_processes_keys_are_none_of_those_that_all_loads_have(name: str) -> None:
    assert not set(WORDS.shape_keys(name).model_fields) & set(LoadKeys.model_fields)


@pytest.mark.parametrize("name", WORDS.workloads.names())
def test_a_starter_for_each_workload_can_be_planned(name: str, tmp_path: Path) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(recipe.new([name], WORDS), encoding="utf-8")
    made = recipe.check(recipe.load(file), WORDS)
    assert plan.make(made, recipe.site.load("local"), WORDS).points()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_good_and_fits_the_schema(example: Path) -> None:
    document = recipe.load(example)
    made = recipe.check(document, WORDS)
    assert plan.make(made, recipe.site.load(made.site), WORDS).points()
    assert made.unused_services() == []
    jsonschema.Draft202012Validator(recipe.schema(WORDS)).validate(document.data)


def test_every_key_has_a_description() -> None:
    rows = [line for line in recipe.reference(WORDS).splitlines() if line.startswith("| `") and line.count("|") > 3]
    assert [line for line in rows if line.endswith("|  |")] == []


def test_an_slo_on_an_unknown_metric_is_a_mistake_with_the_nearest_name() -> None:
    problem = WORDS.slo_mistake("ttft_p9 < 1s", "llm")
    assert problem is not None
    assert "ttft_p99" in problem.message
    assert WORDS.slo_mistake("ttft_p99 < 1s", "llm") is None


def test_checking_and_planning_a_recipe_imports_nothing_heavy() -> None:
    program = f"""
import sys
from aifbench import plan, recipe
words = plan.vocabulary()
made = recipe.check(recipe.load({str(EXAMPLES[0])!r}), words)
plan.make(made, recipe.site.load(made.site), words)
print([name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
