"""What some blocks' attention reads and gives: queries, keys and values, or its map, taken by hooks.

Queries, keys and values are the projections' outputs, before rotary positions and norms of their own: every kernel
(eager, SDPA, flash) needs them, so none is ruled out. A map exists in eager attention only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sad.errors import UserError
from sad.models.forward import block_list, text_config

Kind = Literal["relations", "maps"]
APART, TOGETHER = ("q_proj", "k_proj", "v_proj"), ("qkv_proj", "c_attn", "query_key_value")
"""How transformers' models name the projections: three of them, or one that gives all three."""
INTERLEAVED = "query_key_value"
"""Gives query, key and value of one head, then of the next (GPT-NeoX, Bloom)."""
LEAST = 8
"""Features of a relation head: with fewer, products of two places say little. MiniLMv2's smallest student had 8."""
EAGER = "eager"

Kept = dict[int, tuple[Tensor, ...]]
"""By block: queries, keys and values [batch, length, width], or the map [batch, length, length] averaged over heads."""


@dataclass(frozen=True, slots=True, eq=False)
class Projections:
    """Where a block's queries, keys and values come from. ``widths`` are theirs, in this order."""

    modules: tuple[nn.Module, ...]
    widths: tuple[int, int, int]
    heads: int
    """Heads of an interleaved projection; 0 for the others."""

    def split(self, out: Tensor) -> tuple[Float[Tensor, "batch length width"], ...]:
        """Split the output of a module that gives all three."""
        if not self.heads:
            return torch.split(out, list(self.widths), dim=-1)
        batch, length, _ = out.shape
        return tuple(part.flatten(-2) for part in out.reshape(batch, length, self.heads, -1).chunk(3, dim=-1))


def projections(model: nn.Module, block: int, name: str) -> Projections:
    """Find the projections of a block. Raises UserError, with the model's ``name``, where they have another form."""
    inside = block_list(model)[block]
    config = text_config(model)
    heads = int(config.num_attention_heads)
    few = int(getattr(config, "num_key_value_heads", None) or heads)
    for module in inside.modules():
        every = [getattr(module, one, None) for one in APART]
        apart = [one for one in every if isinstance(one, nn.Module)]
        if len(apart) == len(APART):
            query, key, value = (_width(one) for one in apart)
            # a query twice as wide as the values of its heads holds a gate too
            if query * few == key * heads:
                return Projections((*apart,), (query, key, value), 0)
        for one in TOGETHER:
            whole = getattr(module, one, None)
            if isinstance(whole, nn.Module) and _width(whole) % (heads + 2 * few) == 0:
                part = _width(whole) // (heads + 2 * few)
                widths = (heads * part, few * part, few * part)
                if one != INTERLEAVED or heads == few:
                    return Projections((whole,), widths, heads if one == INTERLEAVED else 0)
    raise UserError(
        f"the {name}'s block {block} has no queries, keys and values of a form that sad knows: name other blocks in "
        "terms.attention.layers, or leave the attention term out"
    )


def relation_heads(widths: Sequence[int], wanted: int | None) -> int:
    """Return into how many heads every one of these widths can be cut: the most with ``LEAST`` features, or ``wanted``.

    Raises UserError where the wanted number does not divide them all.
    """
    common = math.gcd(*widths)
    possible = [n for n in range(1, common + 1) if common % n == 0]
    if wanted is None:
        return max((n for n in possible if min(widths) // n >= LEAST), default=1)
    if wanted not in possible:
        told = ", ".join(map(str, sorted(set(widths))))
        raise UserError(
            f"terms.attention.heads is {wanted}: it must divide every width of queries, keys and values of both models "
            f"({told}); possible: {', '.join(map(str, possible))}"
        )
    return wanted


def require_maps(model: nn.Module, name: str) -> None:
    """Raise UserError unless the model forms its attention maps."""
    if (kernel := getattr(text_config(model), "_attn_implementation", None)) != EAGER:
        raise UserError(
            f'terms.attention.compare = "maps" needs eager attention, and the {name} has {kernel}: '
            f'load both models with attn_implementation="{EAGER}", or compare "relations"'
        )


@contextmanager
def kept(model: nn.Module, blocks: Sequence[int], kind: Kind) -> Iterator[Kept]:
    """Keep what some blocks' attention reads or gives while the model runs."""
    found: Kept = {}
    hooks: list[Any] = []
    for block in dict.fromkeys(blocks):
        hooks += _map_hooks(model, block, found) if kind == "maps" else _projection_hooks(model, block, found)
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def _projection_hooks(model: nn.Module, block: int, found: Kept) -> Iterator[Any]:
    source = projections(model, block, "model")
    if len(source.modules) == 1:

        def whole(_module: nn.Module, _inputs: object, out: Tensor) -> None:
            found[block] = source.split(out)

        yield source.modules[0].register_forward_hook(whole)
        return
    for place, module in enumerate(source.modules):

        def one(_module: nn.Module, _inputs: object, out: Tensor, place: int = place) -> None:
            before = found.get(block, (out, out, out))
            found[block] = tuple(out if i == place else before[i] for i in range(3))

        yield module.register_forward_hook(one)


def _map_hooks(model: nn.Module, block: int, found: Kept) -> Iterator[Any]:
    def one(_module: nn.Module, _inputs: object, out: object) -> None:
        for part in out if isinstance(out, tuple) else ():
            if isinstance(part, Tensor) and part.ndim == 4:
                found[block] = (part.mean(dim=1, dtype=torch.float32),)

    for module in block_list(model)[block].children():
        yield module.register_forward_hook(one)


def _width(module: nn.Module) -> int:
    """Features that a projection gives; `nf` is the name that GPT-2's has."""
    return int(getattr(module, "out_features", 0) or getattr(module, "nf", 0))
