from __future__ import annotations

from pathlib import Path

import pytest

from aifbench import recipe
from aifbench.errors import AifbenchError
from tests.recipe.words import WORDS, checked


@pytest.mark.parametrize("names", [["ask"], ["put"], ["ask", "put"], ["ask", "ask"]])
def test_a_starter_is_a_good_recipe(tmp_path: Path, names: list[str]) -> None:
    made = checked(tmp_path, recipe.new(names, WORDS))
    assert [entry.uses for entry in made.workloads.values()] == names


def test_a_starter_aims_at_a_service_that_fits_and_that_it_starts(tmp_path: Path) -> None:
    made = checked(tmp_path, recipe.new(["put", "ask"], WORDS))
    assert {name: entry.uses for name, entry in made.services.items()} == {"shop": "shop", "engine": "engine"}
    assert made.unused_services() == []


def test_a_starter_shows_every_key_with_default_and_meaning() -> None:
    text = recipe.new(["ask"], WORDS)
    assert "    # tokens: 64   # tokens to ask for\n" in text
    assert '    # prompts: {"words": 16, "shared": 0.0}   # what prompts look like\n' in text


def test_an_unknown_workload_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(AifbenchError, match="did you mean 'ask'"):
        recipe.new(["asq"], WORDS)
