"""Load shapes one after the other in one trial, each with its own arrival process.

The parts are the measured part; the warm-up belongs to the first of them, the cool-down to the last. The schedule is
the concatenation of theirs, each drawn from a seed of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from aifbench.load.arrival.base import ARRIVALS, Arrival, WrongShape
from aifbench.model.load import Load
from aifbench.model.options import Options

if TYPE_CHECKING:
    from aifbench.load.arrival.base import Starts

PART_KEYS = ("arrival", "rate_per_s", "duration")
"""What a part may say beside the keys of its own arrival process."""


class SequenceKeys(Options):
    sequence: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=1000)] = Field(
        description="The parts in order: each `arrival`, `rate_per_s`, `duration` and its process's own keys."
    )


def parts(load: Load) -> Iterator[Load]:
    """The load of each part; their lengths add up to the whole one's."""
    said = load.shape["parts"]
    for index, part in enumerate(said):
        yield Load(
            arrival=part["arrival"],
            duration_s=float(part["duration_s"]),
            warmup_s=load.warmup_s if index == 0 else 0.0,
            cooldown_s=load.cooldown_s if index == len(said) - 1 else 0.0,
            rate_per_s=part["rate_per_s"],
            shape=part["shape"],
        )


class Sequence(Arrival):
    recipe_keys: ClassVar[type[Options]] = SequenceKeys
    summary: ClassVar[str] = "open loop, several arrival processes one after the other"
    needs_rate: ClassVar[bool] = False

    def starts_ns(self, load: Load, seed: int) -> Starts:
        import numpy as np

        found = []
        begin_s = 0.0
        for index, part in enumerate(parts(load)):
            own = int(np.random.SeedSequence([seed, index]).generate_state(1, np.uint64)[0])
            found.append(ARRIVALS.load(part.arrival)().starts_ns(part, own) + round(begin_s * 1e9))
            begin_s += part.length_s
        return np.concatenate(found)

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        own = list(parts(replace(load, warmup_s=0.0, cooldown_s=0.0)))
        duration_s = math.fsum(part.duration_s for part in own)
        if "duration" in given and not math.isclose(load.duration_s, duration_s):
            message = f"the parts take {duration_s:g} s together, but duration says {load.duration_s:g} s"
            raise WrongShape("duration", message, "leave duration out: each part says its own")
        offered = math.fsum((part.rate_per_s or 0.0) * part.duration_s for part in own)
        return replace(load, duration_s=duration_s, rate_per_s=offered / duration_s)
