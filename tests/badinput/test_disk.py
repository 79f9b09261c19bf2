"""A disk that fills up while a run is under way: exit code 7, the file named, nothing running, and it can go on later.

The disk is a file system in memory of a megabyte. Where none can be mounted (no root), RLIMIT_FSIZE stands in for it
elsewhere: tests/runner/test_real.py (samples, provenance, result of a real run), tests/store/test_journal.py (journal).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.badinput.place import GOOD, Place, Said, result

SIZE = 1 << 20


class SmallDisk:
    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int) -> None:
        """Take all of it but so many bytes."""
        size = shutil.disk_usage(self.path).free - leave
        with self._ballast.open("ab") as stream:
            os.posix_fallocate(stream.fileno(), 0, size)

    def free(self) -> None:
        self._ballast.unlink()


@pytest.fixture
def disk(place: Place) -> Iterator[SmallDisk]:
    place.runs.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "aifbench-test", str(place.runs)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here ({done.stderr.strip()}); see the files named above")
    yield SmallDisk(place.runs)
    place.clean()
    subprocess.run(["umount", str(place.runs)], check=True)


def run_until_full(place: Place, disk: SmallDisk, leave: int, *, begun: bool) -> Said:
    """A run whose disk fills up in its second trial, when its load has `begun` or before; the first has finished."""
    process = place.start("run", "r.yaml", "--allow-invalid")
    place.wait_for("trial-started", 2)
    if begun:
        place.wait((place.run.control("get.t2") / "go.json").exists, "load")
    disk.fill(leave)
    return place.end(process)


def goes_on_when_there_is_room(place: Place, disk: SmallDisk) -> None:
    """The finished trial is not repeated; the other one is done again."""
    disk.free()
    said = place.call("resume", place.run.id, "--allow-invalid")
    assert said.code == 0, said.err
    assert [event["trial"] for event in place.events("trial-started")] == ["get.t1", "get.t2", "get.t2"]
    assert [event["trial"] for event in place.events("trial-finished")] == ["get.t1", "get.t2"]
    assert [trial["status"] for trial in result(place)["points"][0]["trials"]] == ["finished", "finished"]


@pytest.mark.parametrize(("leave", "words"), [(12288, "w0.parquet"), (0, "worker 0 left no report: the disk is full")])
def test_samples_on_a_full_disk(place: Place, disk: SmallDisk, leave: int, words: str) -> None:
    """There is room for what the worker has to tell, but not for a thousand operations; or there is none at all."""
    place.write(GOOD.replace("rate_per_s: 50", "rate_per_s: 2000"))
    said = run_until_full(place, disk, leave, begun=True)
    assert said.code == 7, said.err
    message = said.once("aifbench: get.t2: ")
    assert words in message
    assert "hint: make room " in message
    assert len(said.told) == len(message.splitlines()), "nothing else is said"
    goes_on_when_there_is_room(place, disk)


def test_a_journal_on_a_full_disk(place: Place, disk: SmallDisk) -> None:
    place.write()
    said = run_until_full(place, disk, 0, begun=False)
    assert said.code == 7, said.err
    assert "no space left" in said.err.lower()
    assert said.told[-1].startswith("  hint: "), said.err
    goes_on_when_there_is_room(place, disk)


def test_a_disk_that_is_full_from_the_start_gets_no_half_made_run(place: Place, disk: SmallDisk) -> None:
    place.write()
    disk.fill(leave=4096)
    said = place.call("run", "r.yaml")
    assert said.code == 7
    assert "cannot write: no space left on the disk\n  hint: free some space there" in said.err
    assert [path.name for path in place.runs.iterdir()] == ["ballast"]
