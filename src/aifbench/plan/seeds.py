"""Seeds derived from the recipe's seed: stable over versions, machines and the order of the plan."""

from __future__ import annotations

import hashlib


def derive(seed: int, name: str) -> int:
    """The first 48 bits of SHA-256 over `<seed>/<name>`: a whole number that every JSON reader keeps exactly.

    Trials use the name `<workload>.<k>.t<number>`, without the target, so that variants that are compared get the
    same schedule and the same work. Preparations use `<workload>/data/<the options that the data depends on, as JSON>`.
    """
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:6], "big")
