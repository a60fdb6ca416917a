"""Judges someone's alignment of two tokenizers' readings of a text."""
