"""One text through one model, with all that its blocks hand on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

PROJECTIONS = ("q_proj", "k_proj", "v_proj")


def run(
    model: nn.Module, ids: Sequence[int], *, maps: bool = False
) -> tuple[Tensor, list[Tensor], list[tuple[Tensor, ...]]]:
    """Return logits [position, row], what each block hands on [position, width], and of its attention queries, keys
    and values [position, width], or if asked for the map [head, position, position].

    The blocks are at ``model.layers``, their attention at ``self_attn``. Maps need eager attention.
    """
    handed: list[Tensor] = []
    read: list[Tensor] = []

    def note(into: list[Tensor]) -> Callable[..., None]:
        def hook(_block: nn.Module, _inputs: object, out: Tensor | tuple[Tensor, ...]) -> None:
            into.append((out[0] if isinstance(out, tuple) else out)[0])

        return hook

    blocks = [*model.get_submodule("model.layers").children()]
    hooks = [block.register_forward_hook(note(handed)) for block in blocks]
    for block in blocks:
        hooks += [block.get_submodule(f"self_attn.{name}").register_forward_hook(note(read)) for name in PROJECTIONS]
    try:
        out = model(input_ids=torch.tensor([ids]), use_cache=False, output_attentions=maps)
    finally:
        for hook in hooks:
            hook.remove()
    logits: Tensor = out.logits[0]
    if maps:
        return logits, handed, [(whole[0],) for whole in out.attentions]
    return logits, handed, [tuple(read[i : i + 3]) for i in range(0, len(read), 3)]
