"""Judges someone's collator: a list of texts in, a batch out."""
