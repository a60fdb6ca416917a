"""Judges someone's loss: how it is called, what it computes, which properties it has. Start with `session.py`."""
