"""Kernel stamps become monotonic times, or the read's own time where they cannot be trusted."""

from __future__ import annotations

import socket
import struct

from aifbench.clock import monotonic_ns
from aifbench.load.transport.kernel_time import ANCILLARY_SIZE, KernelClock, Offset, enable

S = 1_000_000_000


def clock(*offsets: tuple[int, int]) -> KernelClock:
    made = KernelClock()
    made._offsets = [Offset(wall, difference) for wall, difference in offsets]
    return made


def stamp(wall: int) -> bytes:
    return struct.pack("qq", *divmod(wall, S))


def test_a_stamp_is_moved_by_the_offset() -> None:
    assert clock((100 * S, -90 * S), (101 * S, -90 * S)).convert([stamp(100 * S + 5)], [10 * S + 50]).stamps == [
        10 * S + 5
    ]


def test_drift_is_interpolated_between_looks() -> None:
    drifting = clock((100 * S, -90 * S), (101 * S, -90 * S + 1000))
    assert drifting.convert([stamp(100 * S + S // 2)], [11 * S]).stamps == [10 * S + S // 2 + 500]


def test_stamps_around_a_step_are_not_used() -> None:
    stepped = clock((100 * S, -90 * S), (103 * S, -92 * S))
    assert stepped.steps == 1
    decoded = stepped.convert([stamp(101 * S)], [11 * S + 7])
    assert (decoded.stamps, decoded.replaced) == ([11 * S + 7], 1)


def test_a_missing_stamp_is_the_reads_time() -> None:
    assert clock((100 * S, -90 * S)).convert([b""], [42]).stamps == [42]


def test_a_stamp_after_its_read_is_not_believed() -> None:
    assert clock((100 * S, -90 * S)).convert([stamp(100 * S + S)], [10 * S]).stamps == [10 * S]


def test_the_kernels_stamp_lies_between_the_write_and_the_read() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    sender = socket.create_connection(listener.getsockname())
    receiver, _ = listener.accept()
    assert enable(receiver)
    real = KernelClock()
    real.look()
    before = monotonic_ns()
    sender.send(b"x")
    sent = monotonic_ns()
    while monotonic_ns() < sent + 5_000_000:
        pass
    _, ancillary, _, _ = receiver.recvmsg(10, ANCILLARY_SIZE)
    read = monotonic_ns()
    real.look()
    arrived = real.convert([ancillary[0][2]], [read]).stamps[0]
    assert before - 20_000 <= arrived <= sent + 1_000_000 < read
    for sock in (sender, receiver, listener):
        sock.close()
