"""The table of formats and what each one writes."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import jsonschema
import pytest

from aifbench.model.codec import from_data, to_data
from aifbench.model.result import Metric, RunResult
from aifbench.registry import UnknownName
from aifbench.report import csv_, json_, markdown, parquet
from aifbench.report.formats import FILES, REPORTS, render, write_all
from tests.report import example

SCHEMA_PAGE = Path(__file__).parents[2] / "docs" / "result-schema.md"


@pytest.mark.parametrize("name", REPORTS.names())
def test_every_format_renders_a_full_and_an_empty_result(name: str) -> None:
    assert render(name, example.result(), example.plan(), example.RECIPE)
    assert render(name, example.empty(), None, "")


@pytest.mark.parametrize("name", REPORTS.names())
def test_equal_results_give_equal_bytes(name: str) -> None:
    once = render(name, example.result(), example.plan(), example.RECIPE)
    assert once == render(name, example.result(), example.plan(), example.RECIPE)


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(UnknownName, match="did you mean 'html'"):
        render("htm", example.result(), None, "")


def test_files_are_written_only_through_the_given_function() -> None:
    seen: dict[str, bytes] = {}
    written = write_all(
        Path("/nowhere"),
        example.result(),
        example.plan(),
        example.RECIPE,
        lambda path, made: seen.update({path.name: made}),
    )
    assert set(seen) == set(FILES.values())
    assert {item.path.name: item.bytes for item in written} == {name: len(made) for name, made in seen.items()}


def test_json_gives_the_same_result_back() -> None:
    result = example.result()
    assert from_data(RunResult, json.loads(json_.render(result, None, ""))) == from_data(RunResult, to_data(result))


def test_json_fits_its_own_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_.schema())
    jsonschema.validate(json.loads(json_.render(example.result(), None, "")), json_.schema())


def test_the_schema_refuses_a_value_of_the_wrong_type() -> None:
    data = json.loads(json_.render(example.result(), None, ""))
    data["points"][0]["metrics"]["throughput"]["value"] = "fast"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, json_.schema())


def test_every_key_of_the_schema_is_described_in_the_docs() -> None:
    schema = json_.schema()
    keys = set(schema["properties"]) | {key for part in schema["$defs"].values() for key in part.get("properties", {})}
    described = set(re.findall(r"^\| `(\w+)`", SCHEMA_PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    assert keys <= described, f"docs/result-schema.md does not describe {sorted(keys - described)}"
    assert described <= keys, f"docs/result-schema.md describes {sorted(described - keys)}, which do not exist"


def test_csv_has_one_row_per_load_point_and_metric_with_all_digits() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_.render(example.result(), None, ""))))
    wanted = {(point.point, name): metric for point in example.points() for name, metric in point.metrics.items()}
    assert len(rows) == len(wanted)
    for row in rows:
        metric: Metric = wanted[row["point"], row["metric"]]
        assert row["value"] == ("" if metric.value is None else str(metric.value))
        assert row["reason"] == metric.reason


def test_csv_has_a_column_for_each_varied_key() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_.render(example.result(), None, ""))))
    assert {row["varied.load.rate_per_s"] for row in rows if row["workload"] == "chat"} == {"2.0", "4.0", "8.0"}


def test_parquet_holds_the_rows_of_the_csv_with_types() -> None:
    import pyarrow as pa
    from pyarrow import parquet as reader

    table = reader.read_table(pa.BufferReader(parquet.render(example.result(), None, "")))
    rows = list(csv.DictReader(io.StringIO(csv_.render(example.result(), None, ""))))
    assert table.num_rows == len(rows)
    assert table.column_names == list(rows[0])
    assert table.schema.field("value").type == pa.float64()
    assert table.schema.field("varied.load.rate_per_s").type == pa.float64()
    missing = [row for row in table.to_pylist() if row["value"] is None]
    assert missing
    assert all(row["reason"] for row in missing)


def test_markdown_lets_no_html_and_no_table_cell_out_of_its_place() -> None:
    made = markdown.render(example.result(), example.plan(), "a: |\n  ```\n  </details><script>\n")
    outside = re.sub(r"^(`{3,}).*?^\1$", "", made, flags=re.MULTILINE | re.DOTALL)
    assert "<" not in outside
    for block in re.findall(r"(?:^\|.*\n)+", outside, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1


def test_a_recipe_with_backticks_stays_inside_its_block() -> None:
    assert "````yaml" in markdown.render(example.result(), None, "note: ```\n")
