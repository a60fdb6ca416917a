"""Training steps of our own and of others, on one pair: what `benchmarks/step.py` compares."""
