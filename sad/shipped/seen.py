"""Which examples the code that trains really runs: told from the tokens that reach the student, not from what was
fetched, which may be steps ahead, nor from what the schedule says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

from sad.batch import Batch
from sad.data import Example
from sad.distiller import Distiller


@contextmanager
def seeing(
    examples: Sequence[Example], note: Callable[[int], None], ran: Callable[[Distiller], None] | None = None
) -> Iterator[None]:
    """Call ``note`` with the number of each example that is trained on, in order, and ``ran`` with who trains.

    Raises ValueError where two examples are the same, since nobody could tell them apart.
    """
    numbers = {tuple(one.student.tolist()): number for number, one in enumerate(examples)}
    if len(numbers) < len(examples):
        raise ValueError(f"{len(examples)} examples, of which only {len(numbers)} are different")

    def look(module: nn.Module, inputs: tuple[object, ...], _: object) -> None:
        if not isinstance(module, Distiller):
            return
        if ran is not None:
            ran(module)
        assert isinstance(inputs[0], Batch), "the distiller is called with a batch"
        for text in texts(inputs[0]):
            note(numbers.get(text, -1))

    hook = register_module_forward_hook(look)
    try:
        yield
    finally:
        hook.remove()


def texts(batch: Batch) -> list[tuple[int, ...]]:
    """Return the student's tokens of each text of a batch that has a label, in order; padding is left out."""
    tokens, at = batch.student, batch.targets
    part = tokens.attention_mask if tokens.text is None else tokens.text
    places = torch.stack([at.row, part[at.row, at.position]], dim=1)
    ordered = dict.fromkeys(map(tuple, places.tolist()))
    return [tuple(tokens.input_ids[row][part[row] == number].tolist()) for row, number in ordered]
