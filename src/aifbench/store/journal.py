"""The journal of a run: `events.jsonl`, one JSON object per line, only ever appended to.

Each event is one write and one fsync: when `append` has returned, the event survives the death of the controller and
of the machine. What a line means is the runner's business; here it only has `t` (UTC), `seq` (from 1) and `kind`.
A last line that was cut short by a crash is reported, and cut off before anything is appended again.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aifbench.clock import utc_text
from aifbench.store.files import guarded, store_error, sync_folder


@dataclass(frozen=True)
class Event:
    t: str
    seq: int
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def line(self) -> bytes:
        record = {"t": self.t, "seq": self.seq, "kind": self.kind, **self.data}
        return json.dumps(record, ensure_ascii=False, allow_nan=False).encode() + b"\n"


@dataclass(frozen=True)
class JournalContent:
    """What could be read. `good_bytes` is the length up to the end of the last good line."""

    events: tuple[Event, ...]
    problems: tuple[str, ...]
    good_bytes: int
    needs_newline: bool = False


def read_journal(path: Path) -> JournalContent:
    """All good events. Damaged lines are left out and named in `problems`; raises StoreError without a file."""
    with guarded(path, "read"):
        return parse_journal(path.read_bytes(), str(path))


def parse_journal(data: bytes, name: str) -> JournalContent:
    events: list[Event] = []
    problems: list[str] = []
    good = 0
    offset = 0
    lines = io.BytesIO(data).readlines()
    for number, line in enumerate(lines, 1):
        offset += len(line)
        event = _event(line)
        if event is not None:
            events.append(event)
            good = offset
        elif number < len(lines):
            problems.append(f"{name}:{number}: not a journal event, left out: {_shown(line)}")
        else:
            problems.append(f"{name}:{number}: the last line is cut short, left out: {_shown(line)}")
    return JournalContent(tuple(events), tuple(problems), good, bool(good) and data[good - 1 : good] != b"\n")


def _event(line: bytes) -> Event | None:
    try:
        record = json.loads(line)
        return Event(str(record.pop("t")), int(record.pop("seq")), str(record.pop("kind")), record)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _shown(line: bytes) -> str:
    return ascii(line[:40].decode("utf-8", "replace"))


class Journal:
    """Open for appending; only the holder of the run folder's lock opens one."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with guarded(path, "open"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            content = read_journal(path)
            self.events: list[Event] = list(content.events)
            self.problems = content.problems
            self._length = content.good_bytes
            self._prefix = b"\n" if content.needs_newline else b""
            with guarded(path):
                os.ftruncate(self._descriptor, self._length)
        except BaseException:
            self.close()
            raise
        sync_folder(path.parent)

    def append(self, kind: str, **data: Any) -> Event:
        """Write the event and wait until it is on the disk; on failure (StoreError) the journal is as before."""
        event = Event(utc_text(), self.events[-1].seq + 1 if self.events else 1, kind, data)
        line = self._prefix + event.line()
        try:
            written = 0
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
            os.fsync(self._descriptor)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._length)
            raise store_error(error, self.path) from error
        self._prefix = b""
        self._length += len(line)
        self.events.append(event)
        return event

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
