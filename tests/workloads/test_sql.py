"""The workload `sql`: what is asked depends on seed and number only; the server's tables and answers are real."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aifbench.errors import LoadError
from aifbench.model.operation import Operation
from aifbench.model.service import Endpoint, Target
from aifbench.workloads.base import PrepareContext, Workload
from aifbench.workloads.sql import tpcb
from aifbench.workloads.sql.options import BUILT_IN, SqlOptions
from aifbench.workloads.sql.prepare import connect, schema_name
from aifbench.workloads.sql.script import parse
from tests.servers import Running
from tests.workloads.drive import drive_wire, make, prepare_context, worker_context

NOWHERE = Target("pg", "external", (Endpoint("postgres", "postgresql://u@127.0.0.1:1/db"),))
TEXTS = {"scripts": tpcb.SCRIPTS, "search_path": ""}


def test_parameters_become_numbers_but_casts_quotes_and_comments_stay() -> None:
    (first, second) = parse("SELECT ':no', \":no\", a::int, :b FROM t -- :no\nWHERE c = :c OR b = :b; SELECT 1;")
    assert " ".join(first.sql.split()) == "SELECT ':no', \":no\", a::int, $1 FROM t WHERE c = $2 OR b = $1"
    assert first.names == ("b", "c")
    assert second.sql == "SELECT 1"


def test_a_semicolon_inside_a_dollar_quote_does_not_end_a_statement() -> None:
    assert [statement.sql for statement in parse("DO $x$ BEGIN; END $x$; SELECT 2")] == [
        "DO $x$ BEGIN; END $x$",
        "SELECT 2",
    ]


def test_every_built_in_name_has_its_script_and_all_its_parameters() -> None:
    assert set(BUILT_IN) == set(tpcb.SCRIPTS)
    used = {name for text in tpcb.SCRIPTS.values() for part in parse(text) for name in part.names}
    assert used == set(tpcb.parameters())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scripts": [{"name": "mine"}]}, "either sql or file"),
        ({"scripts": [{"name": "mine", "sql": "SELECT :a"}]}, "parameters does not describe"),
        ({"scripts": [{"name": "tpcb", "sql": "SELECT 1"}]}, "built in"),
        ({"scripts": [{"name": "tpcb"}, {"name": "tpcb"}]}, "two scripts"),
        ({"tables": False}, "need tables"),
        ({"search_path": "public"}, "scripts of your own"),
        ({"scale": 0}, "greater than or equal to 1"),
    ],
)
def test_contradicting_options_are_refused_with_the_reason(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SqlOptions(**options)


def _plans(workers: int) -> dict[int, Any]:
    workload = make("sql", scripts=[{"name": "tpcb", "weight": 1}, {"name": "select-only", "weight": 3}], scale=3)
    plans = {}
    for worker in range(workers):
        context = worker_context(NOWHERE, TEXTS, Path("/tmp"), seed=5, worker=worker, workers=workers)
        client: Any = workload.open_client(context)
        for seq in range(worker, 60, workers):
            kind = client.kind(seq)
            plans[seq] = (kind, client.plan(Operation(seq, kind, 0)))
    return plans


def test_what_an_operation_does_is_the_same_for_one_worker_and_for_four() -> None:
    one = _plans(1)
    assert one == _plans(4)
    assert {kind for kind, _ in one.values()} == {"tpcb", "select-only"}


def test_drawn_rows_exist_at_that_scale() -> None:
    client: Any = make("sql", script="select-only", scale=2).open_client(worker_context(NOWHERE, TEXTS, Path("/tmp")))
    drawn = [int(client.plan(Operation(seq, "select-only", 0))[0][1][0]) for seq in range(2000)]
    assert min(drawn) >= 1
    assert 100_000 < max(drawn) <= 200_000


def test_long_run_names_give_different_schemas_within_the_limit() -> None:
    names = {schema_name("r" * 80, f"preparation-{index}") for index in range(3)}
    assert len(names) == 3
    assert all(len(name) <= 63 for name in names)


class Prepared:
    def __init__(self, workload: Workload, context: PrepareContext) -> None:
        self.context = context
        self.facts = dict(workload.prepare(context))


@pytest.fixture(scope="module")
def prepared(postgres_server: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    workload = make("sql")
    ready = Prepared(workload, prepare_context(postgres_server.target, tmp_path_factory.mktemp("sql")))
    yield ready
    workload.cleanup(ready.context, ready.facts)


@pytest.mark.live
def test_preparation_loads_all_rows_and_says_how_fast(prepared: Prepared) -> None:
    with connect(prepared.context, prepared.facts["schema"]) as conn:
        assert conn.execute("SELECT count(*) FROM pgbench_accounts").fetchone() == (100_000,)
    assert prepared.facts["metrics"]["rows"] == 100_011
    assert prepared.facts["metrics"]["insert_rate"] > 0
    assert prepared.facts["settings"]["shared_buffers"]


@pytest.mark.live
@pytest.mark.parametrize("send", ["prepared", "unprepared", "pipeline"])
def test_balances_agree_with_the_history_after_tpcb(prepared: Prepared, tmp_path: Path, send: str) -> None:
    workload = make("sql", script="tpcb", send=send)
    client: Any = workload.open_client(worker_context(prepared.context.target, prepared.facts, tmp_path))
    before = workload.check(prepared.context, prepared.facts)["balances"]["history_rows"]
    ended = drive_wire(client, 40, slots=4)
    client.close()
    assert [operation.status for operation in ended] == ["ok"] * 40
    assert all(o.start <= o.first <= o.last == o.end for o in ended)
    assert client.columns(ended)["rows"] == [5] * 40
    checked = workload.check(prepared.context, prepared.facts)
    assert checked["invariants"] == {
        "accounts = history": True,
        "tellers = branches": True,
        "branches = history": True,
    }
    assert checked["balances"]["history_rows"] == before + 40
    assert checked["server"]["wal_bytes"] > 0
    assert 0 < checked["server"]["buffer_hit_share"] <= 1


@pytest.mark.live
def test_a_mix_of_own_sql_runs_in_tables_made_by_setup(postgres_server: Running, tmp_path: Path) -> None:
    workload = make(
        "sql",
        tables=False,
        setup=["CREATE TABLE words (id int, word text)", "INSERT INTO words VALUES (1, 'a'), (2, 'b'), (3, 'c')"],
        scripts=[
            {
                "name": "read",
                "weight": 2,
                "sql": "SELECT word FROM words WHERE id <= :id",
                "parameters": {"id": {"kind": "zipf", "low": 1, "high": 3}},
            },
            {
                "name": "write",
                "sql": "BEGIN; INSERT INTO words VALUES (:n, :w); COMMIT",
                "parameters": {"n": {"kind": "sequence", "low": 100}, "w": {"kind": "text", "length": 5}},
            },
        ],
    )
    context = prepare_context(postgres_server.target, tmp_path, preparation="own")
    facts = workload.prepare(context)
    client: Any = workload.open_client(worker_context(postgres_server.target, facts, tmp_path))
    ended = drive_wire(client, 30, slots=2)
    client.close()
    writes = [operation.seq for operation in ended if operation.kind == "write"]
    assert {operation.status for operation in ended} == {"ok"}
    assert 0 < len(writes) < 30
    with connect(context, facts["schema"]) as conn:
        found = conn.execute("SELECT id FROM words WHERE id >= 100 AND length(word) = 5 ORDER BY id").fetchall()
    assert [row[0] - 100 for row in found] == sorted(writes)
    workload.cleanup(context, facts)


@pytest.mark.live
def test_prepare_can_be_run_again_and_cleanup_removes_only_its_own_schema(
    postgres_server: Running, tmp_path: Path
) -> None:
    workload = make("sql", tables=False, setup=["CREATE TABLE t (a int)"], scripts=[{"name": "one", "sql": "SELECT 1"}])
    context = prepare_context(postgres_server.target, tmp_path, preparation="again")
    facts = workload.prepare(context)
    assert workload.prepare(context)["schema"] == facts["schema"]
    with connect(context) as conn:
        conn.execute(f"COMMENT ON SCHEMA {facts['schema']} IS 'mine'")
        with pytest.raises(LoadError, match="this run did not make it"):
            workload.cleanup(context, facts)
        conn.execute(f"COMMENT ON SCHEMA {facts['schema']} IS 'made by aifbench, run {context.run}, preparation again'")
        workload.cleanup(context, facts)
        left = conn.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [facts["schema"]]).fetchone()
    assert left == (0,)
