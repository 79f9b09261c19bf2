"""What every workload in the table promises, whoever wrote it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aifbench.executors.call import call
from aifbench.model.options import Options
from aifbench.workloads.base import WORKLOADS, Workload
from tests.workloads.drive import make

NEEDED = {"command": {"command": "true"}}
"""Options that have no default, per workload."""
HEAVY = ("numpy", "scipy", "pyarrow", "psycopg", "chromadb", "pymilvus", "faiss", "botocore", "requests", "httpx")

every_workload = pytest.mark.parametrize("name", WORKLOADS.names())


def nested(kind: type[Options]) -> list[type[Options]]:
    """The options and all groups of options inside them."""
    found = [kind]
    for field in kind.model_fields.values():
        for part in _types(field.annotation):
            if isinstance(part, type) and issubclass(part, Options):
                found += nested(part)
    return found


def _types(annotation: object) -> list[object]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(found for part in inner for found in _types(part))]


@every_workload
def test_every_key_is_described_for_the_reference(name: str) -> None:
    for group in nested(WORKLOADS.load(name).recipe_keys):
        silent = [key for key, field in group.model_fields.items() if not field.description]
        assert not silent, f"{group.__name__}: {silent}"


@every_workload
def test_defaults_are_good_values_and_what_data_depends_on_is_a_key(name: str) -> None:
    workload = make(name, **NEEDED.get(name, {}))
    assert isinstance(workload, Workload)
    assert set(workload.prepared_by) <= set(workload.recipe_keys.model_fields)
    assert workload.targets
    assert workload.summary
    assert workload.estimate_bytes() >= 0
    assert all(isinstance(workload.missing(protocol), list) for protocol in workload.targets)


@every_workload
def test_listing_a_workload_imports_no_heavy_package(name: str, tmp_path: Path) -> None:
    code = (
        f"import sys; from aifbench.workloads.base import WORKLOADS; WORKLOADS.load({name!r}).summary;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = call([sys.executable, "-c", code], timeout_s=60, env={}, cwd=tmp_path)
    assert done.out == b"[]\n", done.err.decode()
