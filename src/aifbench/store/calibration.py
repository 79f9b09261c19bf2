"""calibration.json in AIFBENCH_HOME: what generators can do, one entry per machine, version and kind of time stamps."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import aifbench
from aifbench.errors import StoreError
from aifbench.model.calibration import CALIBRATION_SCHEMA, Calibration
from aifbench.model.codec import from_data, to_data
from aifbench.store.environment import cpu_model
from aifbench.store.files import read_json, write_atomic
from aifbench.store.index import aifbench_home


def calibration_file(home: Path | None = None) -> Path:
    return (home or aifbench_home()) / "calibration.json"


def all_calibrations(home: Path | None = None) -> list[Calibration]:
    """Oldest first; entries of other schemas are left out. Raises StoreError for a file that is damaged."""
    path = calibration_file(home)
    if not path.is_file():
        return []
    data = read_json(path)
    try:
        entries = data["calibrations"]
        return [from_data(Calibration, entry) for entry in entries if entry["schema"] == CALIBRATION_SCHEMA]
    except (ValidationError, LookupError, TypeError) as error:
        raise StoreError(
            "not a file of calibrations", where=str(path), hint="remove it, and call aifbench calibrate again"
        ) from error


def keep_calibration(new: Calibration, home: Path | None = None) -> Path:
    """Store it; transports that it did not measure keep what an earlier one of the same key found."""
    path = calibration_file(home)
    known = all_calibrations(home)
    same = [entry for entry in known if _key(entry) == _key(new)]
    ceilings = {name: ceiling for entry in same for name, ceiling in entry.ceilings.items()} | dict(new.ceilings)
    kept = [entry for entry in known if _key(entry) != _key(new)]
    entries = [to_data(entry) for entry in (*kept, replace(new, ceilings=ceilings))]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps({"calibrations": entries}, indent=2))
    return path


def _key(entry: Calibration) -> tuple[str, str, str | None, str, str]:
    return (entry.host, entry.aifbench, entry.cpu, entry.kernel, entry.timestamps)


def calibration_here(timestamps: str = "auto", home: Path | None = None) -> Calibration | None:
    """The one of this machine, kernel and version; None when there is none."""
    wanted = (platform.node(), aifbench.__version__, cpu_model(), platform.release(), timestamps)
    return next((entry for entry in reversed(all_calibrations(home)) if _key(entry) == wanted), None)


def calibration_facts(home: Path | None = None) -> Mapping[str, Any] | None:
    """The same as plain JSON for environment.json; a file that cannot be read counts as none."""
    try:
        found = calibration_here(home=home)
    except StoreError:
        return None
    return None if found is None else dict(to_data(found))
