"""One controller per run folder: the lock file, and who holds it.

The lock is the kernel's (flock), so it goes away with its holder however that dies; the file's content only says who
it is. Where flock does not reach other machines (some parallel file systems), the content still does: a holder on
another machine that has not let go is refused, since nobody here can tell whether it lives.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from aifbench.clock import SYSTEM, Clock, utc_text
from aifbench.errors import StoreError
from aifbench.store.files import guarded, store_error

_PATIENCE_S = 5.0  # a dead controller's children may hold the descriptor until they are ended
_NO_FLOCK = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL)


@dataclass(frozen=True)
class Holder:
    """A controller. `start_ticks` and `boot` tell it apart from a later process with the same number."""

    pid: int
    host: str
    start_ticks: int
    boot: str
    since: str

    def here(self) -> bool:
        return self.host == socket.gethostname()

    def alive(self) -> bool | None:
        """None when it is on another machine, where nobody here can look."""
        if not self.here():
            return None
        return self.boot == _boot() and self.start_ticks != 0 and self.start_ticks == start_ticks(self.pid)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def start_ticks(pid: int) -> int:
    """When the process started, in clock ticks since boot (proc(5), field 22); 0 when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in (b"Z", b"X") else int(fields[19])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def read_holder(path: Path) -> Holder | None:
    """Who wrote itself into the lock file and has not let go; None also when the file is damaged or absent."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


class Lock:
    """Held from construction to `release`. Raises StoreError that names the holder when somebody else has it."""

    def __init__(self, path: Path, clock: Clock = SYSTEM) -> None:
        self.path = path
        with guarded(path, "lock"):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            self._take(clock)
            self._write_holder()
        except BaseException:
            os.close(self._descriptor)
            raise

    def _take(self, clock: Clock) -> None:
        deadline = clock.now_ns() + int(_PATIENCE_S * 1e9)
        while not self._try():
            holder = read_holder(self.path)
            if holder is None or holder.alive() is not False or clock.now_ns() > deadline:
                raise _held(self.path, holder)
            clock.sleep_s(0.05)
        holder = read_holder(self.path)
        if holder is not None and (not holder.here() or (holder.alive() and holder.pid != os.getpid())):
            raise _held(self.path, holder)

    def _try(self) -> bool:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_FLOCK:
                raise store_error(error, self.path, "lock") from error
        return True

    def _write_holder(self) -> None:
        pid = os.getpid()
        holder = Holder(pid, socket.gethostname(), start_ticks(pid), _boot(), utc_text())
        with guarded(self.path):
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, json.dumps(asdict(holder)).encode(), 0)

    def release(self) -> None:
        """Let go; the file stays, empty. May be called twice."""
        if self._descriptor >= 0:
            try:
                with guarded(self.path):
                    os.ftruncate(self._descriptor, 0)
            finally:
                os.close(self._descriptor)
                self._descriptor = -1


def _held(path: Path, holder: Holder | None) -> StoreError:
    who = f"by {holder}" if holder else "by another process"
    if holder is not None and not holder.here():
        hint = f"if that controller is surely gone, delete {path} and try again"
    else:
        hint = f"wait for it, or end it: aifbench stop {path.parent.name}"
    return StoreError(f"this run is already being worked on {who}", where=str(path.parent), hint=hint)
