"""Workloads for language model servers."""
