"""What the PostgreSQL server says about itself around a preparation: settings, and counters before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_SETTINGS = (
    "shared_buffers", "work_mem", "maintenance_work_mem", "effective_cache_size", "max_connections", "fsync",
    "synchronous_commit", "full_page_writes", "wal_level", "wal_buffers", "max_wal_size", "checkpoint_timeout",
    "checkpoint_completion_target", "commit_delay", "autovacuum", "jit", "huge_pages", "io_method",
    "default_transaction_isolation", "ssl", "data_checksums",
)  # fmt: skip

_DATABASE = "SELECT xact_commit, xact_rollback, blks_hit, blks_read FROM pg_stat_database WHERE datname = {}"
_WAL = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
_CHECKPOINTS = {
    True: "SELECT num_timed + num_requested FROM pg_stat_checkpointer",  # from version 17 on
    False: "SELECT checkpoints_timed + checkpoints_req FROM pg_stat_bgwriter",
}


def settings(conn: Any) -> dict[str, str]:
    """The settings that decide about speed, as `SHOW` prints them; those that this version lacks are left out."""
    rows = conn.execute("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(%s)", [list(_SETTINGS)])
    return {"server_version": conn.info.parameter_status("server_version") or "unknown", **dict(rows.fetchall())}


def counters(conn: Any) -> dict[str, int | None]:
    """Cumulative counters; None where this user may not read one. Needs a connection in autocommit mode."""
    import psycopg

    def one_row(query: Any) -> tuple[Any, ...] | None:
        try:
            row = conn.execute(query).fetchone()
        except psycopg.Error:
            return None
        return tuple(row) if row is not None else None

    names = ("commits", "rollbacks", "buffer_hits", "buffer_reads")
    database = one_row(psycopg.sql.SQL(_DATABASE).format(psycopg.sql.Literal(conn.info.dbname)))
    found: dict[str, int | None] = dict(zip(names, database or (None,) * 4, strict=True))
    for name, query in (("wal_bytes", _WAL), ("checkpoints", _CHECKPOINTS[conn.info.server_version >= 170000])):
        row = one_row(psycopg.sql.SQL(query))
        found[name] = int(row[0]) if row else None
    return found


def difference(before: Mapping[str, int | None], after: Mapping[str, int | None]) -> dict[str, float | None]:
    """What happened in between; shares and ratios are None where nothing happened or a counter is not known."""
    delta: dict[str, float | None] = {}
    for name, end in after.items():
        start = before.get(name)
        delta[name] = None if end is None or start is None else end - start
    commits, wal, hits, reads = (delta.get(name) for name in ("commits", "wal_bytes", "buffer_hits", "buffer_reads"))
    delta["wal_bytes_per_commit"] = wal / commits if wal is not None and commits else None
    delta["buffer_hit_share"] = (
        hits / (hits + reads) if hits is not None and reads is not None and hits + reads else None
    )
    return delta
