"""The arrival contract: a pure, seeded function from load and seed to absolute intended starts.

The same seed always gives the same starts, whatever the number of workers: each worker computes the whole schedule
and takes its stripe.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from aifbench.model.load import Load
from aifbench.model.options import Options
from aifbench.registry import Table

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Starts = npt.NDArray[np.int64]


class NoShape(Options):
    """An arrival process without further keys."""


class Arrival(ABC):
    """One kind. `recipe_keys` are its further keys in a recipe's `load`, found in `Load.shape` afterwards."""

    recipe_keys: ClassVar[type[Options]] = NoShape
    summary: ClassVar[str]
    open_loop: ClassVar[bool] = True

    @abstractmethod
    def starts_ns(self, load: Load, seed: int) -> Starts:
        """Intended starts as sorted nanoseconds after T0, all before the end of the offered load."""


ARRIVALS: Table[type[Arrival]] = Table(
    "arrival",
    {
        "constant": "aifbench.load.arrival.constant:Constant",
        "poisson": "aifbench.load.arrival.poisson:Poisson",
        "closed": "aifbench.load.arrival.closed:Closed",
    },
    group="aifbench.arrivals",
)
