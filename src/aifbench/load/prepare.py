"""One preparation in a process of its own: `python -m aifbench.load.prepare JOBFILE [prepare|check|cleanup]`.

Loading data is not part of any measured window; what it cost is reported apart. The result is prepared.json beside
the job file (failed.json when it failed); that of a check after the load is checked.json.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from aifbench.clock import NS_PER_S, monotonic_ns
from aifbench.errors import AifbenchError, to_record
from aifbench.load.handshake import as_store_error, give_up, put_json, unexpected
from aifbench.load.job import PrepareJob
from aifbench.model.codec import from_data
from aifbench.workloads.base import WORKLOADS, PrepareContext

FAILED = "failed.json"
"""The error that ended it, beside the job file."""


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(argv: list[str]) -> int:
    """Exit 0 when it is done and its file is there."""
    path = Path(argv[0])
    action = argv[1] if len(argv) > 1 else "prepare"
    job = from_data(PrepareJob, json.loads(path.read_text()))
    folder = Path(job.folder)
    context = PrepareContext(
        run=job.run, preparation=job.preparation, target=job.target, folder=job.folder, seed=job.seed, say=say
    )
    before = monotonic_ns()
    try:
        kind = WORKLOADS.load(job.uses)
        workload = kind(kind.recipe_keys(**job.options))
        if action == "prepare":
            facts = dict(workload.prepare(context))
            seconds = (monotonic_ns() - before) / NS_PER_S
            put_json(folder / "prepared.json", {"facts": facts, "seconds": seconds})
        else:
            prepared = json.loads((folder / "prepared.json").read_text())["facts"]
            if action == "check":
                put_json(folder / "checked.json", dict(workload.check(context, prepared)))
            else:
                workload.cleanup(context, prepared)
    except AifbenchError as error:
        return give_up(error, folder / FAILED, to_record(error), say)
    except Exception as error:  # noqa: BLE001 - whatever a client library raises must reach the user in one line
        if isinstance(error, OSError) and (full := as_store_error(error)) is not None:
            return give_up(full, folder / FAILED, to_record(full), say)
        say(traceback.format_exc())
        told = unexpected(error)
        return give_up(told, folder / FAILED, to_record(told), say)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
