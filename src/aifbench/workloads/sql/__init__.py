"""Transactions on PostgreSQL: TPC-B-like, simple-update, select-only, or SQL of one's own with weights."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, ClassVar

from aifbench.errors import LoadError
from aifbench.model.options import single
from aifbench.workloads.base import PrepareContext, WireClient, WorkerContext, Workload
from aifbench.workloads.sql import tpcb
from aifbench.workloads.sql.options import BUILT_IN, BuiltIn, Script, SqlOptions


class Sql(Workload):
    recipe_keys = SqlOptions
    summary = "Transactions on PostgreSQL: TPC-B-like, simple-update, select-only, or your own SQL with weights"
    family = "sql"
    targets = ("postgres",)
    prepared_by = ("script", "scripts", "scale", "setup", "tables", "search_path")
    extra: ClassVar[Mapping[str, str]] = {"postgres": "sql"}
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 4}
    options: SqlOptions

    def missing(self, protocol: str) -> list[str]:
        return [] if find_spec("psycopg") else ["psycopg"]

    def scripts(self) -> tuple[Script, ...]:
        if self.options.scripts:
            return self.options.scripts
        script: BuiltIn = single(self.options.script)
        return (Script(name=script),)

    def estimate_bytes(self) -> int:
        if not self.options.tables or self.options.search_path:
            return 0
        return tpcb.BYTES_PER_SCALE * single(self.options.scale)

    def prepare(self, context: PrepareContext) -> Mapping[str, Any]:
        texts = {}
        for script in self.scripts():
            try:
                texts[script.name] = tpcb.SCRIPTS.get(script.name) or script.text()
            except (OSError, ValueError) as error:
                raise LoadError(f"script {script.name!r}: {error}", where="sql") from error
        from aifbench.workloads.sql import prepare

        if self.options.search_path:
            return {"schema": "", "search_path": self.options.search_path, "scripts": texts, "metrics": {}}
        scale = single(self.options.scale)
        facts = prepare.build(context, scale=scale, tables=self.options.tables, setup=self.options.setup)
        return {**facts, "search_path": facts["schema"], "scripts": texts}

    def open_client(self, context: WorkerContext) -> WireClient:
        from aifbench.load.transport.postgres import conninfo
        from aifbench.workloads.sql.client import SqlClient
        from aifbench.workloads.sql.script import parse

        chosen = {}
        for script in self.scripts():
            parameters = tpcb.parameters() if script.name in BUILT_IN else script.parameters
            chosen[script.name] = (parse(context.prepared["scripts"][script.name]), parameters)
        return SqlClient(
            conninfo(context.target.endpoint("postgres"), search_path=context.prepared["search_path"]),
            chosen,
            [script.weight for script in self.scripts()],
            scale=single(self.options.scale),
            seed=context.seed,
            sending=single(self.options.send),
            timeout_s=context.timeout_s,
        )

    def check(self, context: PrepareContext, prepared: Mapping[str, Any]) -> Mapping[str, Any]:
        """Balances must agree with the history; also WAL bytes, checkpoints and buffer hits since the preparation."""
        from aifbench.workloads.sql import prepare

        if self.options.search_path:
            return {}
        names = {script.name for script in self.scripts()}
        only_known = names <= set(BUILT_IN)
        return prepare.inspect(
            context,
            prepared,
            tables=self.options.tables and only_known,
            only_tpcb="simple-update" not in names,
        )

    def cleanup(self, context: PrepareContext, prepared: Mapping[str, Any]) -> None:
        from aifbench.workloads.sql import prepare

        if self.options.search_path:
            return
        schema = prepare.schema_name(context.run, context.preparation)
        with prepare.connect(context) as conn:
            prepare.remove_schema(conn, context, schema)
