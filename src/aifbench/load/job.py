"""What worker and preparation processes are told, as data in a JSON file. Holds no secret, only references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aifbench.model.load import Load
from aifbench.model.service import Target


@dataclass(frozen=True)
class PrepareJob:
    """One preparation. `folder` receives prepared.json, and checked.json after the load."""

    run: str
    preparation: str
    uses: str
    options: Mapping[str, Any]
    target: Target
    seed: int
    folder: str


@dataclass(frozen=True)
class TrialJob:
    """One trial, the same file for all its workers.

    `control` is the folder of the handshake (ready, go, stop, progress, report files), `samples` the folder that
    receives one Parquet file per worker, `scratch` a folder whose sub-folders the workers may use.
    """

    run: str
    point: str
    trial: str
    number: int
    uses: str
    options: Mapping[str, Any]
    load: Load
    target: Target
    prepared: Mapping[str, Any]
    prepared_folder: str
    seed: int
    control: str
    samples: str
    scratch: str
    cpus: tuple[int, ...] = ()  # one core per worker; any when empty


class ControlFolder:
    """File names of the handshake between controller and workers. Every file appears by rename."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.job = self.path / "job.json"
        self.go = self.path / "go.json"
        self.stop = self.path / "stop.json"

    def ready(self, worker: int) -> Path:
        return self.path / f"ready-{worker}.json"

    def report(self, worker: int) -> Path:
        return self.path / f"report-{worker}.json"

    def progress(self, worker: int) -> Path:
        return self.path / f"progress-{worker}"

    def out(self, worker: int) -> Path:
        return self.path / f"out-{worker}"

    def err(self, worker: int) -> Path:
        return self.path / f"err-{worker}"
