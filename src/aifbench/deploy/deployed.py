"""A service that was brought up, as data, and the three files that tell about it.

`services/<name>/endpoint.json` (where it answers), `describe.json` (version, effective configuration, time to ready)
and `exit.json` (how it ended). Endpoints hold references to secrets, never secrets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from aifbench.clock import utc_text
from aifbench.errors import AifbenchError, StoreError
from aifbench.model.codec import to_data, to_json
from aifbench.model.process import Handle, ProcessStatus
from aifbench.model.service import Endpoint, Target, Where


@dataclass(frozen=True)
class Deployed:
    """A service that answers. `handle` is None when no process of ours is behind it.

    `facts` is what it says about itself; its `version` is None, with a `reason`, when it did not say.
    `ready_s` is the time from its start until its probe was answered with yes.
    """

    name: str
    uses: str
    where: Where
    handle: Handle | None
    endpoints: tuple[Endpoint, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)
    packages: Mapping[str, str | None] = field(default_factory=dict)
    ready_s: float = 0.0

    def target(self) -> Target:
        """What load is aimed at."""
        return Target(self.name, self.uses, self.endpoints, self.facts)

    def write(self) -> None:
        """endpoint.json and describe.json into its folder."""
        service = {"service": self.name, "uses": self.uses}
        place = {"host": self.where.host, "ports": dict(self.where.ports)}
        folder = Path(self.where.folder)
        endpoints = [to_data(endpoint) for endpoint in self.endpoints]
        write_record(folder / "endpoint.json", {**service, **place, "endpoints": endpoints}, secret=self.where.secret)
        described = {"facts": self.facts, "packages": self.packages, "ready_s": self.ready_s}
        write_record(folder / "describe.json", {**service, **described}, secret=self.where.secret)


def write_exit(folder: Path, status: ProcessStatus, how: Literal["stopped", "died"]) -> None:
    """exit.json: whether it was stopped or died by itself, and what it used."""
    write_record(folder / "exit.json", {**to_data(status), "how": how, "ended": utc_text()})


def write_record(path: Path, record: Mapping[str, Any], *, secret: str = "") -> None:
    """Replace the file as a whole; raises StoreError. `secret` must not occur in it: a service that leaks is a bug."""
    text = to_json(to_data(dict(record)))
    if secret and secret in text:
        raise AifbenchError(f"the secret of a service would be written to {path.name}", where=str(path.parent))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write: {error.strerror}", where=str(path)) from error
