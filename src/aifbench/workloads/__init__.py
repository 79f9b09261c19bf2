"""Kinds of work that can be asked of a target: one file or folder and one line in `workloads.base` each."""
