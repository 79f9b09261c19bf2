"""Vector search: seeded clustered vectors, an index in the target, searches for the k nearest, recall against truth."""

from aifbench.workloads.vector.workload import VectorSearch

__all__ = ["VectorSearch"]
