"""A directory, as a target of the file workloads: nothing runs, but what it lies on is recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from aifbench.errors import ServiceError
from aifbench.model.options import Options
from aifbench.model.paths import LocalPath
from aifbench.model.service import Endpoint, Probe, Where
from aifbench.services.base import Service

_MAKE = 'mkdir -p -- "$1" && test -w "$1"'


class DirectoryOptions(Options):
    path: LocalPath = Field("", description="the directory; a folder of the run when empty")
    create: bool = Field(False, description="make `path` when it is not there")


class Directory(Service):
    recipe_keys = DirectoryOptions
    summary = "A directory on local or shared storage"
    protocols = ("path",)
    options: DirectoryOptions

    def path(self, where: Where) -> str:
        return os.path.abspath(self.options.path) if self.options.path else f"{where.folder}/data"  # noqa: PTH100 - no file system access here

    def process(self, where: Where) -> None:
        return None

    def endpoints(self, where: Where) -> tuple[Endpoint, ...]:
        path = self.path(where)
        return (Endpoint("path", Path(path).as_uri(), attributes={"path": path}),)

    def probe(self, where: Where) -> Probe:
        """The run's own folder, and one that may be created, is made by the probe; another must be there."""
        path = self.path(where)
        if self.options.path and not self.options.create:
            return Probe("path", path=path)
        return Probe("exec", argv=("/bin/sh", "-c", _MAKE, "sh", path), path=path)

    def describe(self, endpoints: tuple[Endpoint, ...]) -> Mapping[str, Any]:
        path = str(endpoints[0].attributes["path"])
        try:
            space = os.statvfs(path)
            mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
            real = os.path.realpath(path)
        except OSError as error:
            raise ServiceError(f"{path} cannot be examined: {error.strerror}") from error
        return {
            "path": path,
            **mount_of(real, mounts),
            "block_bytes": space.f_bsize,
            "size_bytes": space.f_blocks * space.f_frsize,
            "free_bytes": space.f_bavail * space.f_frsize,
        }


def mount_of(path: str, mountinfo: str) -> dict[str, str]:
    """File system, device and options of the mount that `path` lies on, from the text of mountinfo (proc(5))."""
    best: tuple[int, dict[str, str]] = (-1, {})
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(), right.split()
        if len(fields) < 6 or len(kinds) < 2:
            continue
        point = fields[4].replace("\\040", " ")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= best[0]:
            found = {"file_system": kinds[0], "device": kinds[1], "mount_point": point, "mount_options": fields[5]}
            best = (len(point), found)
    return best[1]
