"""From the run folder to its result: `python -m aifbench.runner.evaluate FOLDER STATUS`.

Reads plan, journal and samples, lets `metrics` do the arithmetic, writes result.json and metrics.json. A process of
its own, because the packages that it needs take more memory than the controller may.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from aifbench.clock import utc_text
from aifbench.errors import AifbenchError
from aifbench.metrics.evaluate import RunFacts, TrialEnd, evaluate_run
from aifbench.model.codec import content_hash
from aifbench.model.plan import LoadPoint, Plan, Trial
from aifbench.model.result import RunResult
from aifbench.model.samples import Samples
from aifbench.runner.results import store_result
from aifbench.runner.state import RunState, RunStatus, fold
from aifbench.samples.read import read_trial
from aifbench.store.files import read_json
from aifbench.store.folder import RunFolder
from aifbench.workloads.base import WORKLOADS


def evaluate(folder: RunFolder, plan: Plan, state: RunState, status: RunStatus) -> RunResult:
    """What the samples say now; also of a run under way (`running`). Samples that cannot be read are problems."""
    problems: list[str] = []

    def load_samples(point: LoadPoint, trial: Trial) -> Samples | None:
        samples = folder.samples(point.id, trial.number)
        if not samples.is_dir():
            return None
        found = read_trial(samples, folder.control(trial.id))
        problems.extend(found.problems)
        return found

    kinds = {uses: WORKLOADS.load(uses) for uses in {point.uses for point in plan.points()}}
    families = {uses: kind.family for uses, kind in kinds.items()}
    transports = {uses: kind.transport for uses, kind in kinds.items()}
    facts = replace(_facts(folder, plan, state, status), transports=transports)
    result = evaluate_run(plan, facts, families, load_samples, _ends(state))
    return replace(result, problems=(*result.problems, *problems))


def _facts(folder: RunFolder, plan: Plan, state: RunState, status: RunStatus) -> RunFacts:
    return RunFacts(
        run=folder.id,
        status="running" if status == "created" else status,
        started=state.started,
        ended=state.evaluated or state.ended or utc_text(),  # not when this is done, so that doing it again is the same
        plan_hash=content_hash(read_json(folder.plan)),  # as stored: a newer version may know more keys
        preparations={name: _preparation(prepared) for name, prepared in state.prepared.items()},
        checks=state.checked,
        no_remedy=state.no_remedy,
        services=state.services,
        environment=read_json(folder.environment) if folder.environment.exists() else {},
        problems=(*(f"{failure.what} failed: {failure.reason}" for failure in state.failures), *state.problems),
    )


def _preparation(prepared: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**prepared.get("facts", {}), "seconds": prepared.get("seconds")}


def _ends(state: RunState) -> dict[str, TrialEnd]:
    ends: dict[str, TrialEnd] = {}
    for name, trial in state.trials.items():
        if trial.status == "under-way":
            ends[name] = ("interrupted", "not finished")
        else:
            ends[name] = (trial.status, trial.reason)
    return ends


def recompute(folder: RunFolder, status: RunStatus) -> RunResult:
    """The result from the stored samples, written over the one that is there. Raises StoreError."""
    state = fold(folder.read_journal().events)
    result = evaluate(folder, folder.read_plan(), state, status)
    store_result(folder, result)
    return result


def main(argv: list[str]) -> int:
    """Exit 0 when both files are written, else the error's exit code with its text on err."""
    folder = RunFolder(Path(argv[0]))
    try:
        recompute(folder, cast("RunStatus", argv[1]))
    except AifbenchError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
