"""One load of every open arrival process, made the way a recipe makes it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aifbench import plan
from aifbench.load.arrival.base import ARRIVALS
from aifbench.model.load import Load
from aifbench.recipe.explain import Mistake
from aifbench.recipe.load_section import resolve

WORDS = plan.vocabulary()
DATA = Path(__file__).parent / "data"
OPEN = [name for name in ARRIVALS.names() if ARRIVALS.load(name).open_loop]


def keys(kind: str, rate: float, duration_s: float) -> Mapping[str, Any]:
    """Recipe keys that make the process offer about `rate` per second."""
    whole: dict[str, Mapping[str, Any]] = {
        "gamma": {"rate_per_s": rate, "cv": 2.0, "duration": duration_s},
        "uniform": {"rate_per_s": rate, "duration": duration_s},
        "burst": {"on": 0.3, "off": 0.4, "burst_rate": 2 * rate, "base_rate": rate / 4, "duration": duration_s},
        "ramp": {"from_rate": rate / 4, "to_rate": 2 * rate, "duration": duration_s},
        "steps": {
            "steps": [
                {"rate_per_s": rate, "duration": duration_s / 4},
                {"rate_per_s": 0, "duration": duration_s / 4},
                {"rate_per_s": 2 * rate, "duration": duration_s / 2},
            ]
        },
        "trace": {"file": "arrivals.csv", "speedup": rate, "loop": True, "duration": duration_s},
        "sequence": {
            "sequence": [
                {"arrival": "constant", "rate_per_s": rate, "duration": duration_s / 2},
                {"arrival": "ramp", "from_rate": 0, "to_rate": 2 * rate, "duration": duration_s / 2},
            ]
        },
    }
    return {"arrival": kind, **whole.get(kind, {"rate_per_s": rate, "duration": duration_s})}


def resolved(**raw: Any) -> tuple[Load | None, list[Mistake]]:
    """Relative paths count from the folder of the tests' data."""
    return resolve(raw, WORDS, str(DATA))


def load(**raw: Any) -> Load:
    made, found = resolved(**raw)
    assert made is not None, found
    return made


def example(kind: str, rate: float, duration_s: float = 2.0, warmup_s: float = 0.0, **more: Any) -> Load:
    return load(**{**keys(kind, rate, duration_s), "warmup": warmup_s, **more})
