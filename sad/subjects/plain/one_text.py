"""One text through one model, with all that its blocks hand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

APART = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
SHORT = ("attn.q_proj", "attn.k_proj", "attn.v_proj")
"""Projections of a block; or one that gives queries, keys and values, or those of one head after the other."""
TOGETHER, INTERLEAVED = "self_attn.qkv_proj", "attention.query_key_value"


def run(
    model: nn.Module, ids: Sequence[int], *, maps: bool = False
) -> tuple[Tensor, list[Tensor], list[tuple[Tensor, ...]]]:
    """Return logits [position, row], what each block hands on [position, width], and of its attention queries, keys
    and values [position, width], or if asked for the map [head, position, position].

    The blocks are at ``layers`` of the model's body, which its prefix names, or else ``model``. Maps need eager
    attention.
    """
    handed: list[Tensor] = []
    read: list[Tensor] = []

    def note(into: list[Tensor]) -> Callable[..., None]:
        def hook(_block: nn.Module, _inputs: object, out: Tensor | tuple[Tensor, ...]) -> None:
            into.append((out[0] if isinstance(out, tuple) else out)[0])

        return hook

    body: Any = getattr(model, str(model.base_model_prefix), None) or model.get_submodule("model")
    blocks = [*body.layers.children()]
    hooks = [block.register_forward_hook(note(handed)) for block in blocks]
    names = next(some for some in (APART, SHORT, (TOGETHER,), (INTERLEAVED,)) if _has(blocks[0], some[0]))
    for block in blocks:
        hooks += [block.get_submodule(name).register_forward_hook(note(read)) for name in names]
    try:
        out = model(input_ids=torch.tensor([ids]), use_cache=False, output_attentions=maps)
    finally:
        for hook in hooks:
            hook.remove()
    logits: Tensor = out.logits[0]
    if maps:
        return logits, handed, [(whole[0],) for whole in out.attentions]
    if names in (APART, SHORT):
        return logits, handed, [tuple(read[i : i + 3]) for i in range(0, len(read), 3)]
    config: Any = model.config
    heads = config.num_attention_heads
    if names == (INTERLEAVED,):
        # position, head, which of the three, feature
        each = [whole.reshape(len(ids), heads, 3, -1) for whole in read]
        return logits, handed, [tuple(of[:, :, i].flatten(1) for i in range(3)) for of in each]
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    few = config.num_key_value_heads
    ends = [heads * size, (heads + few) * size]
    return logits, handed, [tuple(whole.tensor_split(ends, dim=1)) for whole in read]


def _has(block: nn.Module, name: str) -> bool:
    return any(name == one for one, _ in block.named_modules())
