"""The run folder: the paths of everything in it, and what is read from it more than once.

Only this module knows the layout. A new folder appears under its name with recipe, plan and journal already in it, so
a run folder without them is not ours.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aifbench.clock import monotonic_ns, utc_now
from aifbench.errors import StoreError
from aifbench.model.codec import content_hash, from_data, to_data, to_json
from aifbench.model.plan import PLAN_SCHEMA, Plan
from aifbench.store.files import guarded, make_folder, read_json, store_error, write_atomic
from aifbench.store.journal import Journal, JournalContent, read_journal
from aifbench.store.lock import Holder, Lock, read_holder

FOLDER_SCHEMA = 1
"""Version of layout and journal; a reader refuses a greater one."""

_ID_LENGTH = 40
_TRIES = 20


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def id(self) -> str:
        return self.path.name

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def site(self) -> Path:
        return self.path / "site.yaml"

    @property
    def plan(self) -> Path:
        return self.path / "plan.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def events(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def controller_log(self) -> Path:
        return self.path / "controller.log"

    @property
    def result(self) -> Path:
        return self.path / "result.json"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.json"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def services(self) -> Path:
        return self.path / "services"

    def service(self, name: str) -> Path:
        return self.services / name

    def preparation(self, preparation_id: str) -> Path:
        return self.path / "prepare" / preparation_id

    def control(self, trial_id: str) -> Path:
        return self.path / "control" / trial_id

    @property
    def all_samples(self) -> Path:
        return self.path / "samples"

    def scratch(self, trial_id: str) -> Path:
        """Where the trial's workers may write what is thrown away at its end."""
        return self.control(trial_id) / "scratch"

    def samples(self, point_id: str, number: int) -> Path:
        return self.all_samples / point_id / f"t{number}"

    @property
    def evaluation(self) -> Path:
        """Log of the process that made result.json from the samples."""
        return self.path / "evaluation"

    @property
    def readings(self) -> Path:
        return self.path / "readings"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def read_plan(self) -> Plan:
        """Raises StoreError when the plan is damaged or of a newer schema."""
        return plan_from_data(read_json(self.plan), str(self.plan))

    def read_journal(self) -> JournalContent:
        return read_journal(self.events)

    def holder(self) -> Holder | None:
        """The controller that works on this run, if its lock file names one that may be alive."""
        holder = read_holder(self.lock)
        return None if holder is None or holder.alive() is False else holder

    def take_lock(self) -> Lock:
        return Lock(self.lock)

    def write_json(self, path: Path, value: Any) -> None:
        make_folder(path.parent)
        write_atomic(path, to_json(value))

    def forget(self, path: Path) -> None:
        """Delete a file or folder inside the run folder; what is not there is fine."""
        if not path.is_relative_to(self.path) or path == self.path:
            raise StoreError("refused to delete what is not inside the run folder", where=str(path))
        with guarded(path, "delete"):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the whole run. Refused while a controller may be working on it, and for folders that are not runs."""
        check_folder(self)
        if holder := self.holder():
            raise StoreError(
                f"this run is being worked on by {holder}",
                where=str(self.path),
                hint=f"end it first: aifbench stop {self.id}",
            )
        with guarded(self.path, "delete"):
            shutil.rmtree(self.path)


def plan_from_data(data: Any, name: str) -> Plan:
    schema = data.get("schema") if isinstance(data, dict) else None
    if isinstance(schema, int) and schema > PLAN_SCHEMA:
        raise _newer(name, "plan", schema, PLAN_SCHEMA)
    try:
        return from_data(Plan, data)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise StoreError(f"not a plan: {place}: {first['msg']}", where=name, hint="the file is damaged") from error


def _newer(name: str, what: str, got: int, known: int) -> StoreError:
    return StoreError(
        f"{what} schema {got} was written by a newer aifbench; this one reads up to {known}",
        where=name,
        hint="pip install --upgrade aifbench",
    )


def slug(name: str) -> str:
    """`name` in lower-case letters, digits and single hyphens, at most 40 characters; `run` when nothing is left."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:_ID_LENGTH].strip("-") or "run"


def new_id(name: str, attempt: int = 0) -> str:
    """`20261121-141500-quickstart-3f2a`: time in UTC, name, and four digits that tell runs of one second apart."""
    seed = f"{socket.gethostname()} {os.getpid()} {monotonic_ns()} {attempt}"
    tail = hashlib.sha256(seed.encode()).hexdigest()[:4]
    return f"{utc_now():%Y%m%d-%H%M%S}-{slug(name)}-{tail}"


def create_folder(root: Path, plan: Plan, recipe_text: str, site_text: str) -> RunFolder:
    """A new run folder with recipe, site, plan and the first event `run-created`; raises StoreError."""
    make_folder(root)
    for attempt in range(_TRIES):
        run_id = new_id(plan.name, attempt)
        building = RunFolder(root / f".new-{run_id}")
        with guarded(building.path, "create the folder"):
            building.path.mkdir()
        try:
            _fill(building, run_id, plan, recipe_text, site_text)
            building.path.rename(root / run_id)
        except OSError as error:
            shutil.rmtree(building.path, ignore_errors=True)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
                continue
            raise store_error(error, root / run_id, "create the folder") from error
        except BaseException:
            shutil.rmtree(building.path, ignore_errors=True)
            raise
        return RunFolder(root / run_id)
    raise StoreError("no free name for a new run", where=str(root), hint="try again in a second")


def _fill(folder: RunFolder, run_id: str, plan: Plan, recipe_text: str, site_text: str) -> None:
    write_atomic(folder.recipe, recipe_text)
    write_atomic(folder.site, site_text)
    data = to_data(plan)
    write_atomic(folder.plan, to_json(data))
    journal = Journal(folder.events)
    try:
        journal.append(
            "run-created",
            schema=FOLDER_SCHEMA,
            run=run_id,
            name=plan.name,
            site=plan.site,
            plan_hash=content_hash(data),
            points=len(plan.points()),
            trials=len(plan.trials()),
            labels=dict(plan.labels),
        )
    finally:
        journal.close()


def check_folder(folder: RunFolder) -> None:
    """Raise StoreError unless this is a run folder that this version can read."""
    with guarded(folder.path, "read"):
        lacks = [path.name for path in (folder.plan, folder.events) if not path.is_file()]
    if lacks:
        raise StoreError(
            f"not a run folder of aifbench: it has no {' and no '.join(lacks)}",
            where=str(folder.path),
            hint="aifbench list shows the runs there are",
        )
    content = folder.read_journal()
    if not content.events or content.events[0].kind != "run-created":
        raise StoreError(
            "not a run folder of aifbench: its journal does not begin with run-created", where=str(folder.events)
        )
    schema = content.events[0].data.get("schema")
    if isinstance(schema, int) and schema > FOLDER_SCHEMA:
        raise _newer(str(folder.events), "run folder", schema, FOLDER_SCHEMA)
