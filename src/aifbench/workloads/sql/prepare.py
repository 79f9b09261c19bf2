"""Creates, loads and removes the tables of one preparation, in a schema that carries the run's name and a mark."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from aifbench.clock import monotonic_ns
from aifbench.errors import LoadError
from aifbench.load.transport.postgres import conninfo, load_psycopg
from aifbench.workloads.base import PrepareContext
from aifbench.workloads.sql import tpcb
from aifbench.workloads.sql.server import counters, difference, settings

_NAME_BYTES = 63  # NAMEDATALEN - 1


def schema_name(run: str, preparation: str) -> str:
    """A PostgreSQL name from both, shortened with a hash so that it stays unique."""
    whole = f"{run}/{preparation}"
    plain = re.sub(r"[^a-z0-9]+", "_", f"aifbench_{run}_{preparation}".lower()).strip("_")
    digest = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{plain[: _NAME_BYTES - 9]}_{digest}"


def _mark(context: PrepareContext) -> str:
    return f"made by aifbench, run {context.run}, preparation {context.preparation}"


def connect(context: PrepareContext, search_path: str = "") -> Any:
    """A connection in autocommit mode; LoadError with the server's words when there is none."""
    psycopg = load_psycopg()
    text = conninfo(context.target.endpoint("postgres"), search_path=search_path)
    try:
        return psycopg.connect(text, autocommit=True)
    except psycopg.OperationalError as error:
        raise LoadError(
            f"cannot connect to PostgreSQL of target {context.target.name}",
            quoted=str(error).splitlines(),
            hint="check address, user, password and that the service is up",
        ) from error


def remove_schema(conn: Any, context: PrepareContext, schema: str) -> bool:
    """Drop the schema if it bears this preparation's mark; False when there is none. LoadError for a foreign one."""
    from psycopg import sql

    row = conn.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", [schema]
    ).fetchone()
    if row is None:
        return False
    if row[0] != _mark(context):
        raise LoadError(
            f"schema {schema} exists, but this run did not make it: it is left alone",
            hint="rename or drop it by hand if nobody needs it",
        )
    conn.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    return True


def build(context: PrepareContext, *, scale: int, tables: bool, setup: tuple[str, ...]) -> dict[str, Any]:
    """Make the schema and what belongs into it. Facts: schema, settings, counters, metrics (rows/s and seconds)."""
    from psycopg import sql

    psycopg = load_psycopg()
    schema = schema_name(context.run, context.preparation)
    with connect(context, schema) as conn:
        try:
            remove_schema(conn, context, schema)
            name = sql.Identifier(schema)
            with conn.transaction():
                conn.execute(sql.SQL("CREATE SCHEMA {}").format(name))
                conn.execute(sql.SQL("COMMENT ON SCHEMA {} IS {}").format(name, sql.Literal(_mark(context))))
            metrics: dict[str, float] = _load(conn, context, scale) if tables else {}
            for statement in setup:
                conn.execute(statement.encode())
        except psycopg.Error as error:
            raise LoadError(f"the server refused the preparation: {error}", where="sql") from error
        return {
            "schema": schema,
            "scale": scale,
            "metrics": metrics,
            "settings": settings(conn),
            "counters": counters(conn),
        }


def _load(conn: Any, context: PrepareContext, scale: int) -> dict[str, float]:
    """Load inside one transaction with COPY FREEZE, then vacuum, then keys: the order in which pgbench does it.

    Times in seconds, `insert_rate` in rows/s.
    """
    begun = monotonic_ns()
    loaded = 0
    with conn.transaction(), conn.cursor() as cursor:
        for statement in tpcb.TABLES:
            cursor.execute(statement)
        for table, count in tpcb.rows(scale).items():
            context.say(f"loading {table}: {count:,} rows")
            with cursor.copy(f"COPY {table} FROM STDIN WITH (FREEZE)") as copy:
                for piece in tpcb.copy_lines(table, scale):
                    copy.write(piece)
            loaded += count
    load_end = monotonic_ns()
    for table in tpcb.TABLE_NAMES:
        conn.execute(f"VACUUM ANALYZE {table}")
    vacuum_end = monotonic_ns()
    for statement in tpcb.KEYS:
        conn.execute(statement)
    index_end = monotonic_ns()
    if _may_checkpoint(conn):
        conn.execute("CHECKPOINT")
    return {
        "rows": loaded,
        "load_time": (load_end - begun) / 1e9,
        "insert_rate": loaded / ((load_end - begun) / 1e9),
        "vacuum_time": (vacuum_end - load_end) / 1e9,
        "index_build_time": (index_end - vacuum_end) / 1e9,
    }


def _may_checkpoint(conn: Any) -> bool:
    """Whether this user may ask for a checkpoint, which keeps the loading's write-back out of the measured window."""
    if conn.info.server_version < 150000:
        row = conn.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    else:
        row = conn.execute("SELECT pg_has_role(current_user, 'pg_checkpoint', 'USAGE')").fetchone()
    return bool(row and row[0])


def inspect(context: PrepareContext, prepared: Mapping[str, Any], *, tables: bool, only_tpcb: bool) -> dict[str, Any]:
    """After the load: invariants of the balances, and what the server did since the preparation."""
    psycopg = load_psycopg()
    with connect(context, prepared.get("schema") or "") as conn:
        try:
            facts: dict[str, Any] = {"server": difference(prepared.get("counters", {}), counters(conn))}
            if tables:
                row = conn.execute(tpcb.BALANCES).fetchone()
                accounts, tellers, branches, history, count = (int(value) for value in row)
                facts["balances"] = {
                    "accounts": accounts, "tellers": tellers, "branches": branches, "history": history,
                    "history_rows": count,
                }  # fmt: skip
                facts["invariants"] = tpcb.invariants(accounts, tellers, branches, history, only_tpcb=only_tpcb)
        except psycopg.Error as error:
            raise LoadError(f"the invariants could not be checked: {error}", where="sql") from error
    return facts
