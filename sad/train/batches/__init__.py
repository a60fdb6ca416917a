"""The micro-batches of each step. Start with `feed.py`."""
