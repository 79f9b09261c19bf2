"""The TPC-B-like workload with the tables and statements of pgbench, so that both tools can run on the same data.

Source of tables, sizes and statements: PostgreSQL documentation, "pgbench", section "What Is the 'Transaction'
Actually Performed in pgbench?". It is like TPC-B in shape and is not TPC-B: no audit, no 85/15 branch rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from aifbench.workloads.sql.options import Parameter

ACCOUNTS = 100_000
TELLERS = 10
BRANCHES = 1
"""Rows per unit of scale."""

TABLES = (
    "CREATE TABLE pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))",
    "CREATE TABLE pgbench_tellers (tid int NOT NULL, bid int, tbalance int, filler char(84)) WITH (fillfactor=100)",
    "CREATE TABLE pgbench_accounts (aid int NOT NULL, bid int, abalance int, filler char(84)) WITH (fillfactor=100)",
    "CREATE TABLE pgbench_branches (bid int NOT NULL, bbalance int, filler char(88)) WITH (fillfactor=100)",
)
KEYS = (
    "ALTER TABLE pgbench_branches ADD PRIMARY KEY (bid)",
    "ALTER TABLE pgbench_tellers ADD PRIMARY KEY (tid)",
    "ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid)",
)
TABLE_NAMES = ("pgbench_branches", "pgbench_tellers", "pgbench_accounts", "pgbench_history")
BYTES_PER_SCALE = 16 << 20
"""Tables and keys on disk per unit of scale, about, before any transaction."""

_ACCOUNT = "UPDATE pgbench_accounts SET abalance = abalance + :delta WHERE aid = :aid;"
_SELECT = "SELECT abalance FROM pgbench_accounts WHERE aid = :aid;"
_HISTORY = (
    "INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (:tid, :bid, :aid, :delta, CURRENT_TIMESTAMP);"
)
SCRIPTS = {
    "tpcb": f"""
        BEGIN;
        {_ACCOUNT}
        {_SELECT}
        UPDATE pgbench_tellers SET tbalance = tbalance + :delta WHERE tid = :tid;
        UPDATE pgbench_branches SET bbalance = bbalance + :delta WHERE bid = :bid;
        {_HISTORY}
        END;""",  # noqa: S608 - put together from the constants above
    "simple-update": f"BEGIN; {_ACCOUNT} {_SELECT} {_HISTORY} END;",
    "select-only": _SELECT,
}


def parameters() -> dict[str, Parameter]:
    """What the built-in scripts draw; bounds grow with the scale."""
    return {
        "aid": Parameter(kind="uniform", low=1, high=ACCOUNTS, per_scale=True),
        "bid": Parameter(kind="uniform", low=1, high=BRANCHES, per_scale=True),
        "tid": Parameter(kind="uniform", low=1, high=TELLERS, per_scale=True),
        "delta": Parameter(kind="uniform", low=-5000, high=5000),
    }


def rows(scale: int) -> dict[str, int]:
    return {
        "pgbench_branches": BRANCHES * scale,
        "pgbench_tellers": TELLERS * scale,
        "pgbench_accounts": ACCOUNTS * scale,
    }


def copy_lines(table: str, scale: int, chunk: int = 20_000) -> Iterator[bytes]:
    r"""Text for `COPY table FROM STDIN`, in pieces; every balance is 0 and the filler of small tables is NULL."""
    per_branch = {"pgbench_branches": BRANCHES, "pgbench_tellers": TELLERS, "pgbench_accounts": ACCOUNTS}[table]
    count = per_branch * scale
    for first in range(1, count + 1, chunk):
        numbers = range(first, min(first + chunk, count + 1))
        if table == "pgbench_branches":
            lines = [f"{bid}\t0\t\\N\n" for bid in numbers]
        elif table == "pgbench_tellers":
            lines = [f"{tid}\t{(tid - 1) // per_branch + 1}\t0\t\\N\n" for tid in numbers]
        else:
            lines = [f"{aid}\t{(aid - 1) // per_branch + 1}\t0\t\n" for aid in numbers]
        yield "".join(lines).encode()


BALANCES = """
    SELECT (SELECT coalesce(sum(abalance), 0) FROM pgbench_accounts)::text,
           (SELECT coalesce(sum(tbalance), 0) FROM pgbench_tellers)::text,
           (SELECT coalesce(sum(bbalance), 0) FROM pgbench_branches)::text,
           (SELECT coalesce(sum(delta), 0) FROM pgbench_history)::text,
           (SELECT count(*) FROM pgbench_history)::text"""


def invariants(accounts: int, tellers: int, branches: int, history: int, *, only_tpcb: bool) -> dict[str, bool]:
    """Which sums must agree. Simple-update touches neither tellers nor branches, so they need tpcb alone."""
    held = {"accounts = history": accounts == history, "tellers = branches": tellers == branches}
    if only_tpcb:
        held["branches = history"] = branches == history
    return held
