"""Speed and memory beside other tools: `make bench`, figures in docs/benchmarks.md."""
