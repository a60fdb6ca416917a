"""The catalogue: one file a bug. To add one: copy a neighbour, take the next free code, add it to ``BUGS``.

A page (the module's docstring) has a title line and the sections Symptom, Mechanism, What its documented fix did,
Fix, Source.
"""

from __future__ import annotations

from sad.bugs import (
    embedding_as_layer_zero,
    evaluation_has_other_weights,
    half_meets_float,
    layerwise_explodes,
    lengths_disagree,
    non_finite_becomes_zero,
    one_term_owns_the_loss,
    optimizer_never_steps,
    perplexity_is_a_clamp,
    target_is_trainable,
    teacher_trains,
    temperature_squared,
)
from sad.case import Bug

BUGS: tuple[Bug, ...] = (
    layerwise_explodes.BUG,
    lengths_disagree.BUG,
    one_term_owns_the_loss.BUG,
    optimizer_never_steps.BUG,
    perplexity_is_a_clamp.BUG,
    evaluation_has_other_weights.BUG,
    half_meets_float.BUG,
    non_finite_becomes_zero.BUG,
    temperature_squared.BUG,
    teacher_trains.BUG,
    target_is_trainable.BUG,
    embedding_as_layer_zero.BUG,
)
