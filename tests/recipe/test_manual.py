from __future__ import annotations

from aifbench import recipe
from aifbench.recipe.key_table import key_rows
from tests.recipe.words import WORDS, AskOptions, EngineOptions


def test_every_key_of_every_model_is_in_the_reference() -> None:
    page = recipe.reference(WORDS)
    for key in ("rate_per_s", "ready_timeout", "threads", "prompts.words", "burst", "executor", "include"):
        assert f"| `{key}`" in page


def test_a_row_has_type_default_and_meaning() -> None:
    assert "| `threads` ↔ | whole number | `1` | threads that compute |" in recipe.reference(WORDS)
    assert "| `duration` ↔ | duration | – | Length of the measured load" in recipe.reference(WORDS)
    assert "| `ready_timeout` | duration | `120s` |" in recipe.reference(WORDS)
    assert "| `bytes` ↔ | size | required | size of an object |" in recipe.reference(WORDS)


def test_nested_keys_have_dotted_names() -> None:
    assert [row.name for row in key_rows(AskOptions)] == [
        "tokens",
        "least",
        "corpus",
        "prompts",
        "prompts.words",
        "prompts.shared",
    ]


def test_only_sweeping_keys_are_marked() -> None:
    assert [row.name for row in key_rows(EngineOptions) if row.sweeps] == ["threads"]


def test_every_row_of_a_table_has_as_many_cells_as_its_head() -> None:
    rows = [line for line in recipe.reference(WORDS).splitlines() if line.startswith("| `")]
    assert {line.replace("\\|", "").count("|") for line in rows} <= {3, 5}
