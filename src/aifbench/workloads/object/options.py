"""What a recipe may say about the workload `object`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aifbench.model.options import Bytes, Count, Number, Options, Share, Sweep

LARGEST = 5 << 30
"""Most bytes of an object that is put in one request (Amazon S3 API Reference, PutObject)."""

Size = Annotated[Bytes, Field(le=LARGEST)]
PartSize = Annotated[Bytes, Field(ge=5 << 20, le=LARGEST)]
"""S3 takes no smaller part but the last (Amazon S3 User Guide, multipart upload limits)."""
MOST_PARTS = 10_000
"""The same limits."""
Hash = Literal["unsigned", "sha256"]
KeyChoice = Literal["uniform", "zipf"]


class Mix(Options):
    """Weights of the operations."""

    get: Annotated[Number, Field(ge=0)] = Field(default=45.0, description="read a whole object")
    put: Annotated[Number, Field(ge=0)] = Field(default=15.0, description="write a new object")
    stat: Annotated[Number, Field(ge=0)] = Field(default=30.0, description="ask for an object's attributes (HEAD)")
    list: Annotated[Number, Field(ge=0)] = Field(default=0.0, description="list keys (ListObjectsV2)")
    delete: Annotated[Number, Field(ge=0)] = Field(
        default=10.0, description="delete an object put earlier in the trial; at most the weight of put"
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not self.weights():
            raise ValueError("all weights are 0; at least one must be above it")
        if self.delete > self.put:
            raise ValueError(f"delete ({self.delete:g}) is above put ({self.put:g}): objects to delete would run out")
        return self

    def weights(self) -> dict[str, float]:
        named = {"get": self.get, "put": self.put, "stat": self.stat, "list": self.list, "delete": self.delete}
        return {name: weight for name, weight in named.items() if weight > 0}


class Sizes(Options):
    """A distribution of object sizes."""

    kind: Literal["uniform", "lognormal"] = Field(description="uniform: from low to high; lognormal: around median")
    low: Size = Field(default=1, description="smallest size")
    high: Size = Field(description="largest size")
    median: Size = Field(default=64 * 1024, description="lognormal: half of the objects are smaller")
    sigma: Annotated[Number, Field(ge=0, le=5)] = Field(
        default=1.0, description="lognormal: standard deviation of the natural logarithm"
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.high < self.low:
            raise ValueError(f"high {self.high} is below low {self.low}")
        if self.kind == "lognormal" and not self.low <= self.median <= self.high:
            raise ValueError(f"median {self.median} is not between low {self.low} and high {self.high}")
        return self


class ObjectOptions(Options):
    mix: Mix = Field(default_factory=Mix, description="weights of get, put, stat, list and delete")
    object_size: Sweep[Size] = Field(default=64 * 1024, description="bytes per object")
    sizes: Sizes | None = Field(default=None, description="a distribution of sizes, instead of object_size")
    objects: Sweep[Annotated[Count, Field(le=10_000_000)]] = Field(
        default=200, description="objects put before the load, which get, stat and list use"
    )
    part_size: Sweep[PartSize] | None = Field(
        default=None, description="put objects that are larger than this in parts of this size (multipart upload)"
    )
    parts_at_once: Sweep[Annotated[Count, Field(le=64)]] = Field(
        default=1, description="parts of one object that are sent at a time, each over a connection of its own"
    )
    keys: Sweep[KeyChoice] = Field(
        default="uniform", description="which of them: all alike, or some far more often (zipf)"
    )
    zipf_exponent: Annotated[Number, Field(gt=0, le=5)] = Field(default=0.99, description="of keys: zipf")
    list_keys: Annotated[Count, Field(le=1000)] = Field(default=100, description="keys asked for by one list")
    verify: Share = Field(default=0.1, description="share of answers whose content is checked, after the load")
    verify_memory: Bytes = Field(default=64 << 20, description="memory of each worker for answers kept to be checked")
    payload_hash: Hash = Field(
        default="unsigned", description="sha256: the content's hash is part of the signature, and takes time to make"
    )
    bucket: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        description="an existing bucket to use; else the run makes one of its own",
    )
    verify_tls: bool = Field(
        default=True,
        description="check the server's certificate; `ca_file` in the target's attributes names its authority",
    )

    @model_validator(mode="after")
    def _parts_that_fit(self) -> Self:
        if self.part_size is None:
            return self
        largest = self.sizes.high if self.sizes else max(_each(self.object_size))
        smallest = min(_each(self.part_size))
        if largest > smallest * MOST_PARTS:
            raise ValueError(
                f"an object of {largest:,} bytes in parts of {smallest:,} has more than {MOST_PARTS:,} parts"
            )
        return self


def _each(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]
