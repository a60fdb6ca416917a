"""From the last hidden states to the next-token terms: the head, the target, and one pass over the vocabulary."""
