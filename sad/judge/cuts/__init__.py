"""Cuts the part out of code that can be called, where the whole of it cannot: start with `losses.py`."""
