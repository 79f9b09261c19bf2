"""A command inside a container image, by Charliecloud: no daemon, no root. Pure.

Charliecloud runs an unpacked image (a directory) in a user namespace: https://hpc.github.io/charliecloud/ch-run.html.
The process is a child like any other, so it is watched, stopped and cleaned up as one; it shares the host's network.
"""

from __future__ import annotations

from collections.abc import Sequence

PROGRAM = "ch-run"
INSTALL = "apt-get install charliecloud"
FOLDER = "/mnt"
"""Where the service's folder is seen inside the container."""
ENV = {"USER": "aifbench"}
"""ch-run writes this name into the container's /etc/passwd and refuses to start without one."""


def inside(image: str, folder: str, argv: Sequence[str]) -> list[str]:
    """The command line that runs `argv` in the image, with the service's folder bound to `FOLDER`."""
    return [PROGRAM, "--bind", f"{folder}:{FOLDER}", image, "--", *argv]
