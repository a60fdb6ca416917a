"""The embedding is taken for layer 0, and the last block is never compared

## Symptom
None in any log: the layerwise term has a value and falls.

## Mechanism
`output_hidden_states=True` gives one entry more than the model has blocks: entry 0 is the embedding, entry l + 1 is
the output of block l. Indexed by block number every block is off by one: the first is compared as an embedding, the
last never. The last entry, moreover, has passed the final norm in transformers' models.

## What its documented fix did
There was none. The obvious one, `hidden_states[l + 1]`, is right for every block but the last, whose state has
another size and direction than that block's output.

## Fix
No indexing of `hidden_states`: a hook on the block itself (`sad/models/forward.py`). `layer_pairs`
(`sad/align/layers.py`) speaks of blocks, spreads the pairs by depth and always ends with the last of both.

## Source
rakeshb49/student_aware_distillation, _compute_layer_mapping; arcee-ai/DistillKit, distil_hidden.py; S17 of the
catalogue of real bugs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sad import tiny
from sad.align import layers
from sad.align.vocab import VocabMap
from sad.batch import KD, LAYERWISE, LM, Batch, Boundaries, Sum, Targets, Tokens
from sad.bug import Bug
from sad.distiller import Distiller
from sad.invariants.layer_indexing import Layers, layer_indexing
from sad.losses import layerwise
from sad.models import forward
from sad.models.forward import text_config
from sad.recipe.terms import Terms


@dataclass(frozen=True, slots=True)
class _HiddenStates:
    """Takes entry ``block + shift`` of the model's hidden states, and compares one pair."""

    shift: int

    def state(self, model: nn.Module, tokens: Tokens, block: int) -> Tensor:
        out: Any = model(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, output_hidden_states=True)
        state: Tensor = out.hidden_states[block + self.shift]
        return state

    def pairs(self, student_layers: int, teacher_layers: int, _wanted: int) -> tuple[tuple[int, int], ...]:
        return ((student_layers - 1, teacher_layers - 1),)

    def compared(
        self, student: nn.Module, teacher: nn.Module, tokens: Tokens, _wanted: int
    ) -> Sequence[tuple[Tensor, Tensor]]:
        last = (text_config(model).num_hidden_layers - 1 for model in (student, teacher))
        mine, theirs = (self.state(m, tokens, b).flatten(0, 1) for m, b in zip((student, teacher), last, strict=True))
        return [(mine, theirs)]


class _Shipped:
    """The hook of the forward pass, the pairs of the alignment, and what the layerwise term hands to its distance."""

    def state(self, model: nn.Module, tokens: Tokens, block: int) -> Tensor:
        return forward.run(model, tokens, [block]).blocks[block]

    def pairs(self, student_layers: int, teacher_layers: int, wanted: int) -> tuple[tuple[int, int], ...]:
        return layers.layer_pairs(student_layers, teacher_layers, wanted)

    def compared(
        self, student: nn.Module, teacher: nn.Module, tokens: Tokens, wanted: int
    ) -> Sequence[tuple[Tensor, Tensor]]:
        texts, length = tokens.input_ids.shape
        row, at = torch.arange(texts).repeat_interleave(length), torch.arange(length).repeat(texts)
        labels = Targets(row, at, torch.zeros_like(at))
        places = Boundaries(row, at, at, torch.arange(len(row)))
        reader = tiny.reader(300)
        recipe = Terms.model_validate({LM: {"weight": 0.0}, KD: {"weight": 0.0}, LAYERWISE: {"layers": wanted}})
        made = Distiller(student, teacher, VocabMap(reader, reader), recipe)
        made.projectors = nn.ModuleList(nn.Identity() for _ in made.projectors)
        batch = Batch(tokens, tokens, labels, labels, places, len(row))
        with _handed_over() as found:
            made(batch, made.ask_teacher(batch))
        return found


@contextmanager
def _handed_over() -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Note what the layerwise distance is given."""
    distance, found = layerwise.layer_distance, list[tuple[Tensor, Tensor]]()

    def noting(student: Tensor, teacher: Tensor, normalisation: layerwise.Normalisation = "layernorm") -> Sum:
        found.append((student, teacher))
        return distance(student, teacher, normalisation)

    layerwise.layer_distance = noting
    try:
        yield found
    finally:
        layerwise.layer_distance = distance


def buggy() -> Layers:
    """Block l is entry l."""
    return _HiddenStates(0)


def one_further() -> Layers:
    """The obvious fix: block l is entry l + 1."""
    return _HiddenStates(1)


def fixed() -> Layers:
    """What the distiller uses."""
    return _Shipped()


BUG = Bug(
    "V112",
    "embedding-as-layer-zero",
    __doc__,
    (layer_indexing,),
    buggy,
    fixed,
    {"take the entry one further": one_further},
    covers=("S17",),
)
