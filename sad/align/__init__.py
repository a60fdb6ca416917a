"""The only place that knows of two tokenizers, two depths and two widths."""
