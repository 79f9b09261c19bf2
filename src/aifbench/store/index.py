"""The index: one SQLite file with a row per run, so that a list of a thousand runs opens no run folder.

It is a copy of what the run folders say and may be deleted at any time. It lies on a local disk (AIFBENCH_HOME),
never among the runs: those may be on a parallel file system, where SQLite's locks do not hold.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, fields
from pathlib import Path
from typing import TypeVar

from aifbench.errors import StoreError
from aifbench.store.files import make_folder
from aifbench.store.find import run_ids
from aifbench.store.folder import RunFolder
from aifbench.store.summary import RunSummary, read_summary

T = TypeVar("T")

_COLUMNS = [column.name for column in fields(RunSummary)]
_SETTLED = ("finished", "failed")
_CREATE = f"CREATE TABLE IF NOT EXISTS runs (root TEXT, {', '.join(_COLUMNS)}, PRIMARY KEY (root, id)) WITHOUT ROWID"
_INSERT = f"INSERT OR REPLACE INTO runs VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"  # noqa: S608 - only signs
_SELECT = f"SELECT {', '.join(_COLUMNS)} FROM runs WHERE root = ?"  # noqa: S608 - column names of our own dataclass


def aifbench_home(environment: Mapping[str, str] = os.environ) -> Path:
    """The folder of state on this machine: AIFBENCH_HOME, else ~/.local/state/aifbench (XDG's state folder)."""
    return Path(environment.get("AIFBENCH_HOME") or "~/.local/state/aifbench").expanduser().absolute()


class Index:
    """A damaged or absent file is made again from the run folders by the call that finds it so."""

    def __init__(self, home: Path | None = None) -> None:
        self.path = (home or aifbench_home()) / "index-2.sqlite"

    def record(self, folder: RunFolder) -> None:
        """Bring this run's row up to date."""
        root = _root(folder.path.parent)
        row = _row(root, read_summary(folder))
        self._with(lambda connection: connection.execute(_INSERT, row))

    def rebuild(self, root: Path) -> int:
        """Throw away all rows of `root` and read every run folder again; returns how many runs there are."""
        name = _root(root)
        rows = [_row(name, read_summary(RunFolder(root / run))) for run in run_ids(root)]

        def replace_all(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM runs WHERE root = ?", (name,))
            connection.executemany(_INSERT, rows)

        self._with(replace_all)
        return len(rows)

    def list_runs(self, root: Path, *, limit: int = 0, name: str = "", status: str = "") -> list[RunSummary]:
        """Youngest first. `name` filters by recipe name or beginning of the id; limit 0 means all.

        Folders are the truth: new ones are read, rows of deleted ones dropped, unsettled ones read again.
        """
        key = _root(root)
        present = run_ids(root)
        known = {row.id: row for row in self._with(lambda connection: _read(connection, key))}
        stale = [run for run in present if run not in known or known[run].status not in _SETTLED]
        gone = sorted(set(known) - set(present))
        fresh = [read_summary(RunFolder(root / run)) for run in stale]
        if fresh or gone:
            self._with(lambda connection: _update(connection, key, fresh, gone))
        known.update({summary.id: summary for summary in fresh})
        wanted = [known[run] for run in reversed(present) if _matches(known[run], name, status)]
        return wanted[:limit] if limit else wanted

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T:
        for last in (False, True):
            try:
                with self._connection() as connection:
                    return work(connection)
            except sqlite3.OperationalError as error:
                raise StoreError(f"cannot use the index: {error}", where=str(self.path), hint=_HINT) from error
            except sqlite3.DatabaseError as error:
                if last:
                    raise StoreError(f"the index is damaged: {error}", where=str(self.path), hint=_HINT) from error
                for tail in ("", "-journal", "-wal", "-shm"):
                    self.path.with_name(self.path.name + tail).unlink(missing_ok=True)
        raise AssertionError

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        make_folder(self.path.parent)
        with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as connection, connection:
            connection.execute(_CREATE)
            yield connection


_HINT = "set AIFBENCH_HOME to a local folder that you may write, or delete the file: it is made again by itself"


def _root(root: Path) -> str:
    return str(root.resolve())


def _row(root: str, summary: RunSummary) -> tuple[object, ...]:
    return (root, *astuple(summary))


def _read(connection: sqlite3.Connection, root: str) -> list[RunSummary]:
    return [RunSummary(*row) for row in connection.execute(_SELECT, (root,))]


def _update(connection: sqlite3.Connection, root: str, fresh: Iterable[RunSummary], gone: Iterable[str]) -> None:
    connection.executemany("DELETE FROM runs WHERE root = ? AND id = ?", [(root, run) for run in gone])
    connection.executemany(_INSERT, [_row(root, summary) for summary in fresh])


def _matches(summary: RunSummary, name: str, status: str) -> bool:
    return (not name or name == summary.name or summary.id.startswith(name)) and (
        not status or status == summary.status
    )
