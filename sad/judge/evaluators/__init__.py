"""Judges someone's evaluator: a model and batches in, numbers out."""
