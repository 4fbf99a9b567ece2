"""Benchmarks of the HTTP front and the durable queue; `python -m benchmarks --help`."""
