"""Benchmarks every part of an AI Factory: one recipe, one load generator, one result schema, one report."""

__version__ = "0.1.0"
