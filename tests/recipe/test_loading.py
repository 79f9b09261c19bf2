from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from aifbench import recipe
from aifbench.errors import RecipeError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "main.yaml"


def refusal(path: Path, *overrides: str) -> str:
    with pytest.raises(RecipeError) as caught:
        recipe.load(path, overrides)
    return str(caught.value)


def test_included_mappings_are_merged_and_the_later_value_wins(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main="include: [one.yaml, two.yaml]\nservices: {a: {x: 9}}",
        one="services: {a: {x: 1, y: 1}, b: {z: 1}}\nseed: 1",
        two="services: {a: {y: 2}}\nseed: [2]",
    )
    assert recipe.load(main).data == {"services": {"a": {"x": 9, "y": 2}, "b": {"z": 1}}, "seed": [2]}


def test_included_values_keep_the_place_in_their_own_file(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: one.yaml\nname: x", one="# first\nseed: 1")
    place = recipe.load(main).place(("seed",))
    assert (Path(place.file).name, place.line, place.column) == ("one.yaml", 2, 7)


def test_an_include_counts_from_the_folder_of_the_file_that_includes(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    write(tmp_path / "sub", one="include: two.yaml", two="seed: 7")
    assert recipe.load(write(tmp_path, main="include: sub/one.yaml")).data == {"seed": 7}


def test_a_cycle_of_includes_is_refused_where_it_closes(tmp_path: Path) -> None:
    main = write(tmp_path, main="include: one.yaml", one="seed: 1\ninclude: main.yaml")
    assert "one.yaml:2:10: include: main.yaml includes itself" in refusal(main)


def test_the_same_file_may_be_included_on_two_ways(tmp_path: Path) -> None:
    main = write(
        tmp_path, main="include: [a.yaml, b.yaml]", a="include: base.yaml", b="include: base.yaml", base="seed: 3"
    )
    assert recipe.load(main).data == {"seed": 3}


def test_files_that_include_each_other_many_times_over_are_refused(tmp_path: Path) -> None:
    names = [f"f{n}" for n in range(12)]
    files = {name: f"include: [{after}.yaml, {after}.yaml]" for name, after in pairwise(names)}
    main = write(tmp_path, main="include: f0.yaml", **files, f11="seed: 1")
    assert "more than 100 files are included" in refusal(main)


def test_an_include_that_is_missing_is_told_at_its_place(tmp_path: Path) -> None:
    assert "main.yaml:1:10: include: " in refusal(write(tmp_path, main="include: none.yaml"))
    assert "expected the path of a YAML file" in refusal(write(tmp_path, main="include: [5]"))


@pytest.mark.parametrize(("text", "said"), [("", "is empty"), ("- a", "got a list"), ("hello", "got the text 'hello'")])
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in refusal(write(tmp_path, main=text))


def test_an_override_is_read_as_yaml_and_makes_the_keys_above_it(tmp_path: Path) -> None:
    main = write(tmp_path, main="a: {b: [1, 2]}")
    made = recipe.load(main, ["a.b.1=[3, x]", "c.d.e=5s", "a.f="]).data
    assert made == {"a": {"b": [1, [3, "x"]], "f": None}, "c": {"d": {"e": "5s"}}}


def test_an_override_shows_itself_as_the_place(tmp_path: Path) -> None:
    place = recipe.load(write(tmp_path, main="a: 1"), ["a=two"]).place(("a",))
    assert (place.file, place.line) == ("--set a=two", 0)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("a", "--set a: expected a dotted path and a value"),
        ("a..b=1", "expected a dotted path and a value"),
        ("a.b=1", "a is 1, which has no keys below it"),
        ("l.5=1", "l is a list of 1: expected a number from 0"),
        ("a=[1", "--set a=[1: not valid YAML"),
        ("a=.nan", "expected a finite number"),
    ],
)
def test_an_override_that_cannot_be_laid_over_is_named(tmp_path: Path, override: str, said: str) -> None:
    assert said in refusal(write(tmp_path, main="a: 1\nl: [1]"), override)


def test_a_resolved_text_reads_back_as_the_same_data(tmp_path: Path) -> None:
    main = write(
        tmp_path,
        main='include: one.yaml\nk: "${env:T}"\nl: [1, 2.5, "5", true, ~, "a: b", "yes", ü]\nm: "x\\ny"',
        one="seed: 1\nz: {}",
    )
    document = recipe.load(main, ["w.rate=10/s"])
    again = tmp_path / "again.yaml"
    again.write_text(recipe.to_text(document), encoding="utf-8")
    assert recipe.load(again).data == document.data
    assert "${env:T}" in again.read_text(encoding="utf-8")
