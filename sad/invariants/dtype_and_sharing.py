"""Wrapping a pair for training leaves the student's dtypes and its tied weights as they were, and it still evaluates.

## Property
A float32 student with tied embedding and head is wrapped with a teacher in float32, bfloat16 and float16, in full
precision and under bfloat16 autocast, and is trained a step. Afterwards every tensor of it has the dtype that it had,
embedding and head are one tensor, and a plain forward without autocast gives finite logits.

## Why it must hold
A module is cast in place, with all that is registered below it, and a tied weight is reached by either name. Training
under autocast does not notice; the first evaluation without it crashes, at the end of the run.

## Tolerance
None.

## What breaks it
A projector that holds the student's embedding as a submodule and is cast to the teacher's dtype; `.half()` or
`.to(dtype)` on a wrapper; a new embedding that leaves the head behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from sad import tiny
from sad.pair import Pair
from sad.verdict import Verdict

ID = "I18"

Wrap = Callable[[Pair, str], None]
"""Wraps a pair for training in ``fp32`` or ``bf16`` and takes one step."""

SETTINGS = ((torch.float32, "fp32"), (torch.bfloat16, "bf16"), (torch.float16, "fp32"))
"""The teacher's dtype, and the precision of training."""


def dtype_and_sharing(wrap: Wrap) -> Verdict:
    """Judge the student after it was wrapped, for each setting."""
    tensors = 0
    for dtype, precision in SETTINGS:
        pair = _pair(dtype)
        student, before = pair.student, _census(pair.student)
        wrap(pair, precision)
        if fault := _fault(student, before):
            where = f"teacher in {_name(dtype)}, {precision}"
            return Verdict(False, f"{fault} ({where})", {"tensors": len(before)})
        tensors += len(before)
    return Verdict(True, f"{tensors} of {tensors} tensors keep their dtype, the tie holds", {"tensors": tensors})


def _fault(student: nn.Module, before: dict[str, torch.dtype]) -> str:
    """What is wrong with a student, in a few words; empty if nothing is."""
    after = _census(student)
    cast = [name for name in before if after.get(name) != before[name]]
    try:
        logits = student(input_ids=torch.tensor([[1, 2, 3]]), use_cache=False).logits
        crash = "" if bool(logits.isfinite().all()) else "the logits are not finite"
    except Exception as error:
        # whatever it raises: it cannot be evaluated
        crash = str(error).splitlines()[0]
    told = [crash] if crash else []
    if cast:
        counts = Counter(f"{_name(before[name])} to {_name(after[name])}" for name in cast if name in after)
        told += [f"{count} tensor{'s' * (count > 1)} cast from {what}" for what, count in counts.items()]
        told += [f"{name} is gone" for name in cast if name not in after]
    if not _tied(student):
        told.append("the tied head is another tensor than the embedding")
    return "; ".join(told)


def _census(model: nn.Module) -> dict[str, torch.dtype]:
    return {name: tensor.dtype for name, tensor in (*model.named_parameters(), *model.named_buffers())}


def _tied(model: nn.Module) -> bool:
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()  # type: ignore[operator]
    return embedding.weight is head.weight


def _pair(dtype: torch.dtype) -> Pair:
    made = tiny.pair()
    return replace(made, teacher=made.teacher.to(dtype))


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
