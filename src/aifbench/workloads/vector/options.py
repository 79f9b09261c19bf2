"""What a recipe may say about a vector search."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from aifbench.model.options import Count, Number, Options, Sweep

Metric = Literal["l2", "cosine", "ip"]
IndexKind = Literal["hnsw", "ivf", "flat"]


class VectorOptions(Options):
    vectors: Annotated[Count, Field(le=1_000_000_000)] = Field(10_000, description="vectors in the collection")
    dimension: Annotated[Count, Field(le=65_536)] = Field(64, description="numbers per vector")
    clusters: Count = Field(50, description="centres around which vectors and queries are drawn")
    spread: Annotated[Number, Field(gt=0, le=100)] = Field(
        0.5, description="standard deviation around a centre, where centres have standard deviation 1"
    )
    queries: Annotated[Count, Field(le=10_000_000)] = Field(
        1_000, description="different queries, asked in turn; drawn like the vectors but not among them"
    )
    metric: Metric = Field("l2", description="l2, cosine, or ip (inner product, larger is nearer)")
    k: Annotated[Count, Field(le=10_000)] = Field(10, description="nearest neighbours asked for")
    index: IndexKind = Field("hnsw", description="kind of index; Chroma has hnsw only")
    m: Annotated[Count, Field(ge=2, le=512)] = Field(16, description="hnsw: links per vector")
    ef_construction: Annotated[Count, Field(le=10_000)] = Field(100, description="hnsw: candidates while building")
    nlist: Annotated[Count, Field(le=1_000_000)] = Field(100, description="ivf: lists")
    ef: Sweep[Annotated[Count, Field(le=100_000)]] = Field(
        50, description="hnsw: candidates while searching, at least k; a list sweeps it"
    )
    nprobe: Sweep[Annotated[Count, Field(le=1_000_000)]] = Field(
        8, description="ivf: lists looked into; a list sweeps it"
    )
    insert_batch: Annotated[Count, Field(le=100_000)] = Field(1_000, description="vectors per insert request")
    insert_concurrency: Annotated[Count, Field(le=256)] = Field(1, description="insert requests at the same time")

    @model_validator(mode="after")
    def _consistent(self) -> VectorOptions:
        if self.k > self.vectors:
            raise ValueError(f"got k {self.k} and vectors {self.vectors}: k must not exceed vectors")
        if self.index == "ivf" and self.nlist > self.vectors:
            raise ValueError(f"got nlist {self.nlist} and vectors {self.vectors}: nlist must not exceed vectors")
        low = [value for value in many(self.ef) if value < self.k]
        if self.index == "hnsw" and low:
            raise ValueError(f"got ef {low[0]} and k {self.k}: ef must not be below k")
        return self


def many(value: int | list[int]) -> list[int]:
    return value if isinstance(value, list) else [value]


def single(value: int | list[int]) -> int:
    """The value of a load point: the planner has made one point per value of a list."""
    return many(value)[0]


def search_parameters(options: VectorOptions) -> dict[str, int]:
    """What the index kind understands at search time."""
    if options.index == "hnsw":
        return {"ef": single(options.ef)}
    return {"nprobe": single(options.nprobe)} if options.index == "ivf" else {}
