"""Benchmarks: this package measured beside its peers; `python3 benchmarks/run.py` runs them."""
