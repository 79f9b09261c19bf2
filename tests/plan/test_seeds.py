from __future__ import annotations

import hashlib

from aifbench.plan.seeds import derive


def test_a_seed_is_the_documented_hash() -> None:
    digest = hashlib.sha256(b"7/chat.1.t2").hexdigest()
    assert derive(7, "chat.1.t2") == int(digest[:12], 16)


def test_a_seed_is_kept_exactly_by_every_json_reader() -> None:
    assert all(0 <= derive(n, "x") < 2**53 for n in range(1000))
