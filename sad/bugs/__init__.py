"""The catalogue: one file a bug. To add one: copy a neighbour, take the next free code, add it to ``BUGS``.

A page (the module's docstring) has a title line and the sections Symptom, Mechanism, What its documented fix did,
Fix, Source.
"""

from __future__ import annotations

from sad.bugs import (
    embedding_as_layer_zero,
    layerwise_explodes,
    lengths_disagree,
    one_term_owns_the_loss,
    optimizer_never_steps,
    target_is_trainable,
)
from sad.case import Bug

BUGS: tuple[Bug, ...] = (
    layerwise_explodes.BUG,
    lengths_disagree.BUG,
    one_term_owns_the_loss.BUG,
    optimizer_never_steps.BUG,
    target_is_trainable.BUG,
    embedding_as_layer_zero.BUG,
)
