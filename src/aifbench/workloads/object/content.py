"""Which objects a preparation has: their keys, sizes and contents as pure functions of a number."""

from __future__ import annotations

from aifbench.model.options import single
from aifbench.workloads.draw import Draw
from aifbench.workloads.object.options import ObjectOptions
from aifbench.workloads.object.payload import Payloads


def draw_size(options: ObjectOptions, draw: Draw) -> int:
    """Bytes of one object."""
    sizes = options.sizes
    if sizes is None:
        return single(options.object_size)
    if sizes.kind == "uniform":
        return draw.integer(sizes.low, sizes.high)
    return min(max(round(draw.lognormal(sizes.median, sizes.sigma)), sizes.low), sizes.high)


class Contents:
    """Objects 0 to `count` - 1 are put before the load and never changed; puts of a trial have keys of their own."""

    def __init__(self, options: ObjectOptions, prefix: str, seed: int) -> None:
        self._options = options
        self._prefix = prefix
        self._seed = seed
        self.count = single(options.objects)
        largest = options.sizes.high if options.sizes else single(options.object_size)
        self.payloads = Payloads(seed, largest)

    @property
    def base(self) -> str:
        """What the keys of objects put before the load begin with."""
        return f"{self._prefix}/o/"

    def key(self, number: int) -> str:
        return f"{self.base}{number:010d}"

    def size(self, number: int) -> int:
        return draw_size(self._options, Draw(self._seed, number))

    def buffers(self, number: int) -> list[bytes | memoryview]:
        return self.payloads.buffers(self.key(number), self.size(number))

    def trial_key(self, trial_seed: int, word: str) -> str:
        """The key of an object of one trial: `word` is a put's number, or a victim's name."""
        return f"{self._prefix}/t{trial_seed & 0xFFFFFFFFFFFFFFFF:x}/{word}"

    def trial_size(self, trial_seed: int, seq: int) -> int:
        return draw_size(self._options, Draw(~trial_seed, seq))
