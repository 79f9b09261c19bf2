"""Whatever is in the file, the answer is a recipe or a list of mistakes, never another exception."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aifbench import plan, recipe
from aifbench.errors import RecipeError
from tests.recipe.words import GOOD, WORDS

FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["30s", "-1s", "llm", "s3", "ask", "closed", "10/s", "${env:X}", "${env:", "ttft < 1%"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["uses", "load", "x", "url"]), inner),
    max_leaves=6,
)
LOAD = [f"workloads.chat.load.{key}" for key in ("arrival", "rate_per_s", "concurrency", "duration", "operations")]
CHAT = [f"workloads.chat.{key}" for key in ("uses", "target", "tokens", "prompts", "prompts.words", "load", "slo")]
SERVICES = ["services", "services.llm", "services.llm.uses", "services.llm.threads", "services.llm.ready_timeout"]
TOP = ["name", "seed", "trials", "labels", "matrix", "include", "site", "workloads", "workloads.chat"]
PATHS = [*TOP, *SERVICES, *CHAT, "workloads.chat.trials", "workloads.chat.matrix", *LOAD]


def problems(file: Path) -> list[str]:
    """The messages; empty for a recipe that can be planned."""
    try:
        made = recipe.check(recipe.load(file, environ={}), WORDS)
        plan.make(made, recipe.site.load("local"), WORDS)
    except RecipeError as error:
        return [str(problem) for problem in error.problems] or [""]
    return []


def is_plain(message: str) -> bool:
    return bool(message) and "pydantic" not in message


@settings(max_examples=300, suppress_health_check=FIXTURE, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(PATHS), VALUES, min_size=1, max_size=3))
def test_any_value_at_any_key_is_taken_or_explained(tmp_path: Path, changes: dict[str, Any]) -> None:
    import io

    from ruamel.yaml import YAML

    data = YAML(typ="safe", pure=True).load(GOOD)
    for path, value in changes.items():
        below = data
        *above, last = path.split(".")
        for part in above:
            if not isinstance(below.get(part), dict):
                below[part] = {}
            below = below[part]
        below[last] = value
    out = io.StringIO()
    YAML(typ="safe", pure=True).dump(data, out)
    file = tmp_path / "r.yaml"
    file.write_text(out.getvalue(), encoding="utf-8")
    assert all(is_plain(message) for message in problems(file))


@settings(max_examples=200, suppress_health_check=FIXTURE, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_taken_or_explained(tmp_path: Path, data: st.DataObject) -> None:
    raw = bytearray(GOOD.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 5))] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b"&", b"*", b"{", b": "])
        )
    file = tmp_path / "r.yaml"
    file.write_bytes(bytes(raw))
    assert all(is_plain(message) for message in problems(file))


@pytest.mark.parametrize(
    "text", ["workloads: {chat: {uses: {}}}", "services: 5\nworkloads: 5", "matrix: 5", "a: {b: {c: 1}}"]
)
def test_shapes_that_are_all_wrong_are_explained(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError):
        recipe.check(recipe.load(file), WORDS)
