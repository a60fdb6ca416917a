"""Ways to run the models' blocks with the same results: compiled, or recomputed in the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from sad.distiller import Distiller
from sad.errors import UserError
from sad.models.forward import block_list
from sad.recipe.schema import Train


@contextmanager
def as_asked(recipe: Train, distiller: Distiller) -> Iterator[None]:
    """Run the blocks as the recipe has it, and leave the models as they were. Raises UserError."""
    with ExitStack() as ways:
        if recipe.gradient_checkpointing:
            ways.enter_context(recomputed(distiller.student))
        if recipe.compile:
            ways.enter_context(compiled(distiller.student, distiller.teacher))
        yield


@contextmanager
def compiled(*models: nn.Module) -> Iterator[None]:
    """Compile each block of ``models`` for shapes of any size; afterwards they are as they were.

    Only what happens inside of a block is compiled, not the call of the block: hooks that keep hidden states run
    outside of it, since torch does not notice a hook that comes or goes after compiling. No module is wrapped, so that
    weights keep their names, and blocks that are alike share one compilation. Raises UserError where a block cannot be
    compiled on this machine.
    """
    blocks = [block for model in models for block in block_list(model)]
    for block in blocks:
        # a module looks its forward up on the instance first
        block.forward = torch.compile(block.forward, dynamic=True)
    try:
        # the shares of the gradient go backward through one graph several times
        with torch._functorch.config.patch(donated_buffer=False):
            yield
    except Exception as error:
        # the backend's errors have no common type but this place
        if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            # the first line names the backend, the second what it raised
            told = " ".join(str(error).split("\n", 2)[:2]).strip()[:300]
            raise UserError(f"train.compile does not work here ({told}): set train.compile = false") from None
        raise
    finally:
        for block in blocks:
            del block.forward


@contextmanager
def recomputed(student: nn.Module) -> Iterator[None]:
    """Keep only the inputs of the student's blocks; compute the rest again in the backward pass. Undone afterwards.

    Raises UserError where the model cannot.
    """
    model: Any = student
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise UserError(f"train.gradient_checkpointing: {type(model).__name__} has none; leave it out")
    kind = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"  # until transformers 5.2x
    getattr(model, f"{kind}_checkpointing_enable")({"use_reentrant": False})
    try:
        yield
    finally:
        getattr(model, f"{kind}_checkpointing_disable")()
