from __future__ import annotations

import re
from pathlib import Path

import pytest

from aifbench.errors import RecipeError
from aifbench.recipe.reader import MAX_BYTES, parse, read_text


def data(text: str) -> object:
    node = parse(text, "r.yaml")
    assert node is not None
    return node.data()


def message(text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        parse(text, "r.yaml")
    return "\n".join(str(problem) for problem in caught.value.problems)


def test_scalars_have_the_types_of_yaml_1_2() -> None:
    text = "{a: 1, b: 1.5, c: yes, d: true, e: ~, f: 0x1F, g: 0o17, h: 1_000, i: 1e3, j: 2026-01-01, k: '5', l: -2}"
    assert data(text) == {
        "a": 1,
        "b": 1.5,
        "c": "yes",
        "d": True,
        "e": None,
        "f": 31,
        "g": 15,
        "h": 1000,
        "i": 1000.0,
        "j": "2026-01-01",
        "k": "5",
        "l": -2,
    }


def test_every_key_and_value_knows_its_line_and_column() -> None:
    node = parse("a:\n  b: [10, 20]\n", "r.yaml")
    assert node is not None
    below = node.content["a"].content["b"]
    assert (below.key.line, below.key.column) == (2, 3)
    assert [(item.place.line, item.place.column) for item in below.content] == [(2, 7), (2, 11)]


def test_merge_keys_bring_the_anchor_and_the_own_keys_win() -> None:
    assert data("base: &b {x: 1, y: 2}\nmade: {<<: *b, y: 3}") == {"base": {"x": 1, "y": 2}, "made": {"x": 1, "y": 3}}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: [1,\nb: 2", r"r\.yaml:2:\d+: not valid YAML"),
        ("a:\n\t- b", r"r\.yaml:2:1: not valid YAML.*\n.*not with tabs"),
        ("a: b: c", r"r\.yaml:1:5: not valid YAML: a second ': '"),
        ("a: {b: ${env:X}}", r"r\.yaml:1:9: .*\n.*references in quotes"),
        ("a: 1\n---\nb: 2", r"r\.yaml:2:1: a second YAML document"),
        ("a: *nobody", "undefined alias 'nobody'"),
        ("a: \x01", "unacceptable character"),
        ("a: 1\nb: 2\na: 3", r"r\.yaml:3:1: the key 'a' is here twice \(first on line 1\)"),
        ("a: !!python/object:os.system x", r"r\.yaml:1:\d+: the tag !!python/object:os\.system means nothing"),
        ("? [a]\n: 1", "a key must be one word"),
        ("a: .nan", r"r\.yaml:1:4: got \.nan, expected a finite number"),
        ("a: -.inf", "expected a finite number"),
        ("a: 1e5000", "expected a finite number"),
        (f"a: {'9' * 5000}", "is not a number that can be used"),
        ("a: &a [*a]", "an anchor contains an alias of itself"),
        ("[" * 3000, "nested too deeply"),
        ("a: {<<: 5}", "<<: takes an alias of a mapping"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_place(text: str, said: str) -> None:
    assert re.search(said, message(text))


def test_all_duplicate_keys_are_told_at_once() -> None:
    assert message("a: 1\na: 2\nb: {c: 1, c: 2}").count("is here twice") == 2


def test_an_alias_bomb_is_counted_and_not_written_out() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    assert re.search(r"values once its aliases are written out; the limit is 100,000", message(bomb))


def test_an_empty_text_is_no_tree() -> None:
    assert parse("# nothing\n", "r.yaml") is None


def refusal(path: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        read_text(str(path))
    return str(caught.value)


def test_a_file_of_50_mb_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    file = tmp_path / "large.yaml"
    with file.open("wb") as out:
        out.truncate(50_000_000)
    assert "is larger than 1 MiB" in refusal(file)


def test_a_file_of_the_largest_size_is_read(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(b"#" * MAX_BYTES)
    assert len(read_text(str(file))) == MAX_BYTES


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(b"\x7fELF\x00\x01")
    assert "is a binary file" in refusal(file)


def test_a_file_that_is_not_utf8_is_refused_with_the_place_of_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(b"name: x\ndescription: caf\xe9\n")
    assert "r.yaml:2:17: is not UTF-8 text: byte 0xe9 at offset 24" in refusal(file)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(b"\xef\xbb\xbfname: x\n")
    assert read_text(str(file)) == "name: x\n"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "nothing.yaml: cannot be read: no such file" in refusal(tmp_path / "nothing.yaml")
    assert "cannot be read: is a directory" in refusal(tmp_path)
