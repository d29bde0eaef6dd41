"""What the benchmarks share: numbers of a process, tables, and a cluster in a process of its own."""
