"""Synthetic prompts: seeded sequences of short common words, a new one for every operation.

Each prompt begins with a salt made from the seed and the operation's number, so that no prefix cache can answer for
an earlier one.
"""

from __future__ import annotations

import random

_TEXT = (
    "the of and to in is you that it he was for on are as with his they at be this have from or one had by word but "
    "not what all were we when your can said there use an each which she do how their if will up other about out many "
    "then them these so some her would make like him into time has look two more write go see number no way could "
    "people my than first water been call who oil its now find long down day did get come made may part"
)
WORDS = _TEXT.split()


def salt(seed: int, seq: int) -> list[str]:
    """Eight words that no two (seed, seq) are likely to share: 127^8 possibilities."""
    return random.Random(f"salt {seed} {seq}").choices(WORDS, k=8)


def prompt(seed: int, seq: int, count: int) -> str:
    """`count` words, at least one. A pure function of its arguments."""
    chosen = salt(seed, seq)
    if count > len(chosen):
        chosen += random.Random(f"words {seed} {seq}").choices(WORDS, k=count - len(chosen))
    return " ".join(chosen[: max(1, count)])
