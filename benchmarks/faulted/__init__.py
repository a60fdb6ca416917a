"""Faults that machines have, planted in real runs of the tiny pair: `benchmarks/faults.py` starts them."""
