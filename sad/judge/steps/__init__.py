"""Judges someone's training step, loop or trainer: what the optimizer sees of it."""
