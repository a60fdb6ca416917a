"""A run that is resumed on another number of processes takes the same windows in each step."""

from __future__ import annotations

from sad.errors import UserError
from sad.recipe.schema import Recipe


def fitted(recipe: Recipe, per_step: int, processes: int) -> Recipe:
    """Return the recipe with a micro-batch and an accumulation that make steps of ``per_step`` windows.

    The micro-batch is the largest that is no larger than the recipe's. ``per_step`` 0 means unknown: the recipe stays.
    Raises UserError where the processes cannot share the windows of a step evenly.
    """
    train = recipe.train
    if per_step in {0, train.batch_size * train.accumulation * processes}:
        return recipe
    if per_step % processes:
        able = [str(n) for n in range(1, per_step + 1) if per_step % n == 0]
        told = f"a step of this run takes {per_step} windows, which {processes} processes cannot share evenly"
        many = f"{', '.join(able[:-1])} or {able[-1]} processes" if able[1:] else "one process"
        raise UserError(f"{told}: go on with {many}")
    each = per_step // processes
    size = max(n for n in range(1, min(train.batch_size, each) + 1) if each % n == 0)
    changed = train.model_copy(update={"batch_size": size, "accumulation": each // size})
    return recipe.model_copy(update={"train": changed})
