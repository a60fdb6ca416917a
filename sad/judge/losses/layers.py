"""Losses of several layers: lists of hidden states or attention maps, which layers are compared, what projects them.

Every list holds the same states twice, as two layers: a sum or a mean over layers is a constant times that of one, and
what leaves out the embedding's, or takes the last alone, has one left.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor, nn

from sad.judge.names import MAPS, tokens
from sad.judge.roles import Role

MANY = 2
"""Layers in a list."""
PLURAL = {"states", "hiddens", "attentions", "attns", "features", "feats", "layers", "reps", "representations"}


RULED_OUT = {torch.float16: -3e4, torch.bfloat16: -1e30, torch.float32: -1e30, torch.float64: -1e300}
"""What stands for -inf where logits go through a product with a weight: infinity times zero is no number."""


def for_a_product(logits: Tensor) -> Tensor:
    """Return logits of which some are -inf, as hidden states: a product with a weight makes a row of nothing but -inf
    NaN, and one such token can come by a bias alone.
    """
    hopeless = logits.isneginf().all(dim=-1, keepdim=True)
    return logits.clamp_min(RULED_OUT.get(logits.dtype, -1e4)).masked_fill(hopeless, torch.nan)


def layered(roles: Mapping[str, Role], text: str) -> Collection[str]:
    """Return the parameters that take a list of layers: in the plural, and gone through one by one, by the source."""
    sides = [name for name, role in roles.items() if role in (Role.STUDENT, Role.TEACHER)]
    paired = Role.LAYERS in roles.values()
    return [name for name in sides if PLURAL & set(tokens(name)) and (paired or _gone_through(name, text))]


def _gone_through(name: str, text: str) -> bool:
    listed = rf"\b{name}\s*:\s*[^,)=\n]*(?:list|tuple|sequence|iterable)"
    used = rf"(?:\blen|\benumerate|\bzip)\((?:[^()]*,)?\s*{name}\b|\bin {name}\b"
    taken = rf"\b{name}\[(?:-?\d+|\w*(?:idx|i|l|layer)\w*)\]"
    return bool(re.search(listed, text, re.IGNORECASE) or re.search(f"{used}|{taken}", text))


def layers_of(states: Tensor, name: str) -> list[Tensor]:
    """Return the layers of one side, [batch, length, width] each; attention maps have an axis of one head."""
    return [states[:, None] if is_attention(name) else states] * MANY


def is_attention(name: str) -> bool:
    """Whether a parameter takes the weights of an attention: probabilities."""
    return bool(MAPS & set(tokens(name)))


def compared(name: str, text: str) -> object:
    """Return which layers are compared, in the form in which a source reads them: pairs, a dict or numbers."""
    if re.search(rf"\bfor\s+\(?\w+\s*,\s*\w+\)?\s+in\s+{name}\b(?!\.)|for\s+\w+\s*,\s*\(\w+,\s*\w+\)\s+in", text):
        return [(layer, layer) for layer in range(MANY)]
    if re.search(rf"\b{name}\.(?:items|get|keys|values)\(|\b{name}\[", text):
        return {layer: layer for layer in range(MANY)}
    return list(range(MANY))


def as_identity(built: object, dtype: torch.dtype) -> bool:
    """Make the projections that a constructor built the identity, in the type of the states, where all that it would
    train are linear layers between states of one width. Returns whether it has such.
    """
    trained = built.modules() if isinstance(built, nn.Module) else []
    own = [one for one in trained if any(True for _ in one.parameters(recurse=False))]
    linear = [one for one in own if isinstance(one, nn.Linear) and one.in_features == one.out_features]
    if not own or len(linear) < len(own):
        return False
    for one in linear:
        nn.init.eye_(one.weight)
        if one.bias is not None:
            nn.init.zeros_(one.bias)
        one.to(dtype)
    return True


class Projection(nn.Module):
    """Stands for what brings the student's states to the teacher's width, one for all layers or one for each."""

    def forward(self, states: Tensor) -> Tensor:
        """Return the states as they are."""
        return states

    def __getitem__(self, _: object) -> Projection:
        return self

    def __contains__(self, _: object) -> bool:
        return True

    def __iter__(self) -> Iterator[Projection]:
        return iter([self] * MANY)

    def __len__(self) -> int:
        return MANY
