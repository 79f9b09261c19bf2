"""The arrival contract: a pure, seeded function from load and seed to absolute intended starts.

The same seed always gives the same starts, whatever the number of workers: each worker computes the whole schedule
and takes its stripe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from aifbench.errors import LoadError
from aifbench.model.load import Load
from aifbench.model.options import Options
from aifbench.registry import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Starts = npt.NDArray[np.int64]


class NoShape(Options):
    """An arrival process without further keys."""


class WrongShape(LoadError):
    """Keys of a load that cannot be what the process needs. `key` is the recipe's word for the wrong one."""

    def __init__(self, key: str, message: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.key = key


@dataclass(frozen=True)
class Lengths:
    """Tokens of each operation as a trace has them, in the order of the intended starts; each at least 1."""

    input_tokens: Starts
    output_tokens: Starts


class Arrival(ABC):
    """One kind. `recipe_keys` are its further keys in a recipe's `load`, found in `Load.shape` afterwards.

    `needs_rate`: the recipe gives `rate_per_s`; otherwise the rate follows from the shape, and `resolved` sets it.
    """

    recipe_keys: ClassVar[type[Options]] = NoShape
    summary: ClassVar[str]
    open_loop: ClassVar[bool] = True
    needs_rate: ClassVar[bool] = True

    @abstractmethod
    def starts_ns(self, load: Load, seed: int) -> Starts:
        """Intended starts as sorted nanoseconds after T0, all before the end of the offered load."""

    def resolved(self, load: Load, given: frozenset[str], folder: str) -> Load:
        """The load as the plan keeps it: mean rate and length filled in, outside content named by its hash.

        `given` are the keys of `load` that the recipe has; relative paths count from `folder`. Raises WrongShape.
        """
        return load

    def lengths(self, load: Load, seed: int) -> Lengths | None:
        """Tokens per operation where the process knows them; None otherwise."""
        return None


ARRIVALS: Table[type[Arrival]] = Table(
    "arrival",
    {
        "constant": "aifbench.load.arrival.constant:Constant",
        "poisson": "aifbench.load.arrival.poisson:Poisson",
        "gamma": "aifbench.load.arrival.gamma:Gamma",
        "uniform": "aifbench.load.arrival.uniform:Uniform",
        "burst": "aifbench.load.arrival.burst:Burst",
        "ramp": "aifbench.load.arrival.ramp:Ramp",
        "steps": "aifbench.load.arrival.steps:Steps",
        "trace": "aifbench.load.arrival.trace:Trace",
        "sequence": "aifbench.load.arrival.sequence:Sequence",
        "closed": "aifbench.load.arrival.closed:Closed",
    },
    group="aifbench.arrivals",
)
