"""Any program as a client: one operation is one run of it, aimed at the target through its environment.

What it measures itself it may print: the last JSON object on its standard output becomes columns.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, field_validator

from aifbench.executors.call import Completed, call
from aifbench.executors.program import find_program
from aifbench.load.transport.secret import resolve
from aifbench.model.operation import OK, TIMEOUT, Operation
from aifbench.model.options import Options, Sweep, single
from aifbench.model.paths import CommandLine, LocalPath
from aifbench.model.service import Target
from aifbench.workloads.base import BlockingClient, WorkerContext, Workload

PROTOCOLS = (
    "http", "openai", "s3", "postgres", "chroma", "milvus", "qdrant", "weaviate", "grpc", "tcp", "path", "faiss",
)  # fmt: skip


class CommandOptions(Options):
    command: Sweep[CommandLine] = Field(
        description="program and arguments in one text; it is split as a shell would, but no shell runs it"
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="further variables; a value may be a reference such as ${env:TOKEN}"
    )
    folder: LocalPath = Field(default="", description="working directory; an empty folder of the worker when not given")
    name: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.-]{0,40}$",
        description="name of the operations; the program's when not given",
    )
    good_exit_codes: tuple[int, ...] = Field(default=(0,), description="other exit codes are errors `exit-<code>`")

    @field_validator("command")
    @classmethod
    def _splits(cls, value: str | list[str]) -> str | list[str]:
        for text in [value] if isinstance(value, str) else value:
            if not shlex.split(text):
                raise ValueError("command is empty")
        return value


def service_environment(target: Target) -> dict[str, str]:
    """What a client needs to find the target's first endpoint: values that do not exist are empty."""
    endpoint = target.endpoints[0] if target.endpoints else None
    return {
        "SERVICE_NAME": target.name,
        "SERVICE_HOSTNAME": endpoint.host if endpoint else "",
        "SERVICE_PORT": str(endpoint.port) if endpoint and endpoint.port else "",
        "SERVICE_URL": endpoint.url if endpoint else "",
        "SERVICE_PROTOCOL": endpoint.protocol if endpoint else "",
    }


def printed_numbers(out: bytes) -> dict[str, float]:
    """Numbers of the whole output if it is a JSON object, else of the last line that is one; {} when there is none.

    Nested names are joined with dots.
    """
    text = out.decode("utf-8", "replace")
    for candidate in [text, *reversed(text.splitlines())]:
        if not candidate.lstrip().startswith("{"):
            continue
        try:
            data = json.loads(candidate)
        except ValueError:
            continue
        return dict(_numbers("", data))
    return {}


def _numbers(prefix: str, data: Mapping[str, Any]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in data.items():
        whole = f"{prefix}{name}"
        if isinstance(value, dict):
            found += _numbers(f"{whole}.", value)
        elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            found.append((whole, float(value)))
    return found


def last_line(raw: bytes) -> str:
    lines = [line for line in raw.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


class CommandUser:
    def __init__(self, argv: Sequence[str], env: Mapping[str, str], folder: str, client: CommandClient) -> None:
        self._argv = argv
        self._env = env
        self._folder = folder
        self._client = client

    def perform(self, operation: Operation) -> None:
        env = {**self._env, "AIFBENCH_SEQ": str(operation.seq), "AIFBENCH_SEED": str(self._client.seed)}
        done = call(self._argv, timeout_s=self._client.timeout_s, env=env, cwd=self._folder)
        operation.bytes_in = len(done.out)
        operation.detail = done
        judge(operation, done, self._client.good_exit_codes)

    def close(self) -> None:
        """Nothing is held between operations."""


def judge(operation: Operation, done: Completed, good_exit_codes: Sequence[int] = (0,)) -> None:
    """The status that an ended program gives its operation."""
    if done.timed_out:
        operation.fail("timeout", last_line(done.err), TIMEOUT)
    elif done.signal is not None:
        operation.fail(f"signal-{done.signal}", last_line(done.err))
    elif done.exit_code not in good_exit_codes:
        operation.fail(f"exit-{done.exit_code}", last_line(done.err) or last_line(done.out))
    else:
        operation.status = OK


class CommandClient:
    def __init__(self, options: CommandOptions, context: WorkerContext) -> None:
        self.seed = context.seed
        self.timeout_s = context.timeout_s
        self.good_exit_codes = options.good_exit_codes
        self._argv = shlex.split(single(options.command))
        self._kind = options.name or Path(self._argv[0]).name
        self._folder = options.folder
        self._scratch = Path(context.folder)
        self._env = {
            **service_environment(context.target),
            **{name: resolve(value) for name, value in options.env.items()},
        }

    def kind(self, seq: int) -> str:
        return self._kind

    def open_user(self, user: int) -> CommandUser:
        """Raises ExecutorError when there is no such program."""
        folder = Path(self._folder) if self._folder else self._scratch / f"u{user}"
        if not self._folder:
            folder.mkdir(parents=True, exist_ok=True)
        path = self._env.get("PATH", os.environ.get("PATH", ""))
        find_program(self._argv[0], str(folder), path, process="command")
        return CommandUser(self._argv, self._env, str(folder), self)

    def columns(self, operations: Sequence[Operation]) -> dict[str, list[Any]]:
        """`exit_code`, CPU seconds and peak memory of the program, and `value.<name>` for each number it printed."""
        done = [operation.detail if isinstance(operation.detail, Completed) else None for operation in operations]
        printed = [printed_numbers(one.out) if one else {} for one in done]
        columns: dict[str, list[Any]] = {
            "exit_code": [one.exit_code if one else None for one in done],
            "user_s": [one.usage.user_s if one else None for one in done],
            "system_s": [one.usage.system_s if one else None for one in done],
            "max_rss_bytes": [one.usage.max_rss_bytes if one else None for one in done],
        }
        for name in sorted({name for numbers in printed for name in numbers}):
            columns[f"value.{name}"] = [numbers.get(name) for numbers in printed]
        return columns

    def facts(self) -> dict[str, Any]:
        return {"program": shutil.which(self._argv[0], path=os.environ.get("PATH")) or self._argv[0]}

    def close(self) -> None:
        """Nothing is held."""


class Command(Workload):
    recipe_keys = CommandOptions
    summary = "Any command as client: exit code, duration, and the numbers that it prints as JSON"
    family = "command"
    targets = PROTOCOLS
    default_load: ClassVar[Mapping[str, Any]] = {"arrival": "closed", "concurrency": 1}
    options: CommandOptions

    def open_client(self, context: WorkerContext) -> BlockingClient:
        return CommandClient(self.options, context)
