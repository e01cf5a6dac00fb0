"""Benchmarks: this server beside others, one after another in one go. `python -m benchmarks --help`."""
