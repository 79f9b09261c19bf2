"""A folder with recipes and runs, and aifbench called in it as a user does.

`run` and its kin start `python -m aifbench`. `fork` calls the same entry in a forked process: the imports are done
already, which for a hundred wrong recipes saves a minute.
"""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from aifbench.clock import monotonic_ns, sleep_s
from aifbench.store.find import run_ids
from aifbench.store.folder import RunFolder

GOOD = """\
name: small
services:
  sim: {uses: simulator, first: 2ms}
workloads:
  get:
    uses: http
    target: sim
    path: /bytes/100
    load: {arrival: constant, rate_per_s: 50, duration: 500ms, warmup: 0s}
trials: 2
"""
"""A recipe that is right and takes seconds; tests break one thing in it."""

LIMIT_S = 120.0
FORK_LIMIT_S = 60
MORE_MEMORY = 1 << 30
"""What a forked call may take beyond the test process; a recipe that asks for more must have been refused before."""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def told(self) -> list[str]:
        """What stands on stderr after the story of the run (`15:04:05  …`): what the user is left with."""
        lines = self.err.splitlines()
        story = [number for number, line in enumerate(lines, 1) if re.match(r"\d\d:\d\d:\d\d  ", line)]
        return lines[max(story, default=0) :]

    def once(self, text: str) -> str:
        """The one line of `told` that holds the text, with the lines that belong to it."""
        lines = self.told
        found = [number for number, line in enumerate(lines) if text in line]
        assert len(found) == 1, f"{text!r} is told {len(found)} times in:\n{self.err}"
        message = [lines[found[0]]]
        for line in lines[found[0] + 1 :]:
            if not line.startswith(" "):
                break
            message.append(line)
        return "\n".join(message)


class Place:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs = folder / "runs"
        self.environment = {**os.environ, "AIFBENCH_RUNS": str(self.runs), "AIFBENCH_HOME": str(folder / "home")}

    def write(self, content: str | bytes = GOOD, name: str = "r.yaml") -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def broken(self, old: str, new: str) -> Path:
        """The good recipe with one thing changed in it."""
        assert GOOD.count(old) == 1, old
        return self.write(GOOD.replace(old, new))

    # calling

    def fork(self, *arguments: str) -> Said:
        """In a forked process, with a limit on memory and time."""
        child = os.fork()
        if child == 0:
            self._in_child(arguments)
        _, status = os.waitpid(child, 0)
        out, err = ((self.folder / f".{name}").read_text(errors="replace") for name in ("out", "err"))
        return _checked(Said(os.waitstatus_to_exitcode(status), out, err))

    def _in_child(self, arguments: tuple[str, ...]) -> None:
        code = 99
        try:
            from aifbench.cli.main import main

            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(FORK_LIMIT_S)
            os.chdir(self.folder)
            os.environ.update({name: self.environment[name] for name in ("AIFBENCH_RUNS", "AIFBENCH_HOME")})
            for number, name in ((1, ".out"), (2, ".err")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8") for number in (1, 2))
            most = psutil.Process().memory_info().vms + MORE_MEMORY
            resource.setrlimit(resource.RLIMIT_AS, (most, most))
            code = int(main(arguments))
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)

    def start(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "aifbench", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env={**self.environment, **(env or {})},
            start_new_session=True,
        )

    def call(self, *arguments: str, env: Mapping[str, str] | None = None) -> Said:
        return self.end(self.start(*arguments, env=env))

    def end(self, process: subprocess.Popen[str]) -> Said:
        """Wait for its end; nothing of it may be running after that."""
        out, err = process.communicate(timeout=LIMIT_S)
        assert self.running() == []
        return _checked(Said(process.returncode, out, err))

    # looking

    @property
    def run(self) -> RunFolder:
        """The only run here."""
        (name,) = run_ids(self.runs)
        return RunFolder(self.runs / name)

    def events(self, kind: str) -> list[dict[str, Any]]:
        return [dict(event.data) for event in self.run.read_journal().events if event.kind == kind]

    def wait_for(self, kind: str, count: int = 1) -> None:
        """Until the journal has so many events of the kind."""
        self.wait(lambda: bool(run_ids(self.runs)) and len(self.events(kind)) >= count, kind)

    def wait(self, ready: Callable[[], bool], what: str) -> None:
        deadline = monotonic_ns() + round(LIMIT_S * 1e9)
        while not ready():
            assert monotonic_ns() < deadline, f"no {what} within {LIMIT_S} s"
            sleep_s(0.01)

    def running(self) -> list[str]:
        """Every process that works in this folder, by its working directory, arguments or environment."""
        found = []
        for process in psutil.process_iter():
            try:
                told = [process.cwd(), *process.cmdline(), *process.environ().values()]
                gone = process.status() == psutil.STATUS_ZOMBIE
            except psutil.Error:
                continue
            if not gone and process.pid != os.getpid() and any(str(self.folder) in text for text in told):
                found.append(f"{process.pid} {' '.join(process.cmdline())}")
        return found

    def clean(self) -> None:
        """End what a failed test may have left."""
        for line in self.running():
            with_id = int(line.partition(" ")[0])
            if psutil.pid_exists(with_id):
                os.kill(with_id, signal.SIGKILL)


def _checked(said: Said) -> Said:
    assert "Traceback" not in said.out + said.err, said.err
    assert "our bug" not in said.err, said.err
    return said


def result(place: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place.run.result.read_text())
    return found
