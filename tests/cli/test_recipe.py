"""`aifbench recipe …` and `aifbench plan`: before anything is started."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest

from aifbench.cli.examples import examples
from aifbench.recipe.loading import load
from tests.cli.calling import call
from tests.project.source import ROOT


def test_list_names_every_example(capsys: pytest.CaptureFixture[str]) -> None:
    names = [path.stem for path in (ROOT / "examples").glob("*.yaml")]
    assert sorted(row["name"] for row in json.loads(call(capsys, "recipe", "list", "--json").out)) == sorted(names)


@pytest.mark.parametrize("name", list(examples()))
def test_every_example_is_good_and_fits_the_schema(capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert call(capsys, "recipe", "check", name).code == 0
    schema = json.loads(call(capsys, "recipe", "schema").out)
    jsonschema.validate(load(examples()[name]).data, schema)


def test_show_prints_an_example_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "recipe", "show", "sql").out == examples()["sql"].read_text()


def test_show_lays_overrides_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert "trials: 7" in call(capsys, "recipe", "show", "sql", "--set", "trials=7").out


def test_check_names_every_mistake_with_its_place(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    recipe = tmp_path / "bad.yaml"
    recipe.write_text("trails: 3\nservices:\n  db: {uses: postgress}\nworkloads:\n  q: {uses: sql, target: db}\n")
    answer = call(capsys, "recipe", "check", str(recipe))
    assert answer.code == 3
    assert f"{recipe}:1:1: " in answer.err
    assert f"{recipe}:3:" in answer.err
    assert "'trials'" in answer.err
    assert "'postgres'" in answer.err


def test_check_tells_which_secrets_a_run_would_miss(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIFBENCH_TEST_KEY", raising=False)
    recipe = tmp_path / "secret.yaml"
    attributes = 'attributes: {api_key: "${env:AIFBENCH_TEST_KEY}"}'
    recipe.write_text(
        examples()["external"].read_text().replace("protocol: openai", f"protocol: openai\n    {attributes}")
    )
    answer = call(capsys, "recipe", "check", str(recipe))
    assert answer.code == 0
    assert "AIFBENCH_TEST_KEY" in answer.err


def test_check_finds_values_that_only_do_not_go_together(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Each list is good with the other's first value; the clash shows when all combinations are made."""
    recipe = tmp_path / "clash.yaml"
    recipe.write_text(
        "services: {dir: {uses: directory}}\nworkloads:\n  disk:\n    uses: file\n    target: dir\n"
        "    pattern: rand-read\n    block_size: [4KiB, 8KiB]\n    file_size: [8KiB, 12KiB]\n"
        "    load: {arrival: closed, concurrency: 1, duration: 1s}\n"
    )
    answer = call(capsys, "recipe", "check", str(recipe))
    assert answer.code == 3
    assert f"{recipe}:3:3: workloads.disk: file_size 12288 is not a multiple of block_size 8192" in answer.err


def test_paths_count_from_where_the_command_is_typed_wherever_the_recipe_lies(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "disk.yaml").write_text(
        "services: {dir: {uses: directory, path: scratch/here}}\nworkloads:\n  disk:\n    uses: file\n    target: dir\n"
    )
    monkeypatch.chdir(tmp_path)
    plan = json.loads(call(capsys, "plan", "recipes/disk.yaml", "--json").out)
    text = json.dumps(plan)
    assert f'"path": "{tmp_path}/scratch/here"' in text


def test_a_missing_file_offers_the_examples(capsys: pytest.CaptureFixture[str]) -> None:
    answer = call(capsys, "run", "quickstat")
    assert answer.code == 3
    assert "'quickstart'" in answer.err


@pytest.mark.parametrize("workload", ["llm-chat", "sql", "object", "file", "vector-search"])
def test_new_writes_a_recipe_that_is_good(capsys: pytest.CaptureFixture[str], tmp_path: Path, workload: str) -> None:
    path = tmp_path / "new.yaml"
    assert call(capsys, "recipe", "new", str(path), "--workload", workload).code == 0
    assert call(capsys, "recipe", "check", str(path)).code == 0


def test_a_recipe_may_come_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def given(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))

    given(call(capsys, "recipe", "new", "-").out)
    assert call(capsys, "recipe", "check", "-").out.startswith("<stdin>: good")
    given("seed: -1\n" + examples()["sql"].read_text().replace("seed:", "#"))
    wrong = call(capsys, "recipe", "check", "-")
    assert (wrong.code, wrong.err.partition(" ")[0]) == (3, "<stdin>:1:7:")
    given(examples()["sql"].read_text())
    assert call(capsys, "plan", "-").out == call(capsys, "plan", "sql").out


def test_new_does_not_replace_a_file(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\n")
    assert call(capsys, "recipe", "new", str(path)).code == 2
    assert path.read_text() == "name: mine\n"


def test_the_plan_is_printed_and_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    first, again = (call(capsys, "plan", "quickstart", "--json").out for _ in range(2))
    assert first == again
    table = call(capsys, "plan", "quickstart", "--order").out
    plan = json.loads(first)
    assert [point["id"] for stage in plan["stages"] for point in stage["points"] if point["id"] not in table] == []
    assert [trial["id"] for stage in plan["stages"] for trial in stage["trials"] if trial["id"] not in table] == []
