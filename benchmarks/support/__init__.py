"""What the benchmarks share: one trial of ours, and the table of pairs."""
