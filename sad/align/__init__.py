"""Alignment: the only code that knows of two tokenizers, two depths and two widths."""
