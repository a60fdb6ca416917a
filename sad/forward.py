"""Runs a model's body once and keeps what the terms ask for: last states and some blocks' outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from sad.batch import Tokens
from sad.errors import UserError


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """What one pass gave. ``blocks[i]`` is what block ``i`` handed on: before the final norm, never the embedding."""

    model: nn.Module
    hidden: Float[Tensor, "batch length width"]
    blocks: dict[int, Float[Tensor, "batch length width"]]


def run(model: nn.Module, tokens: Tokens, blocks: Sequence[int] = ()) -> Forward:
    """Run the body of a causal LM, without its head; keep the outputs of ``blocks``.

    The mask must hide padding on the right only; positions are the model's own.
    """
    with _kept(model, blocks) as kept:
        out = body(model)(input_ids=tokens.input_ids, attention_mask=tokens.attention_mask, use_cache=False)
    return Forward(model, out.last_hidden_state, kept)


def body(model: nn.Module) -> nn.Module:
    """Return the part of a causal LM that gives hidden states."""
    inner = getattr(model, "base_model", model)
    return inner if isinstance(inner, nn.Module) else model


def text_config(model: nn.Module) -> Any:  # noqa: ANN401 - transformers' configs have no common type
    """Return the configuration of the language model, also where it sits inside a larger one."""
    config: Any = model.config
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def block_list(model: nn.Module) -> nn.ModuleList:
    """Return the list of the model's blocks. Raises UserError if none has the configured depth."""
    depth = text_config(model).num_hidden_layers
    for module in body(model).modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise UserError(f"{type(model).__name__}: found no list of {depth} blocks to take hidden states from")


@contextmanager
def _kept(model: nn.Module, blocks: Sequence[int]) -> Iterator[dict[int, Tensor]]:
    kept: dict[int, Tensor] = {}
    layers = block_list(model) if blocks else nn.ModuleList()
    hooks = [layers[i].register_forward_hook(_keep(kept, i)) for i in blocks]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def _keep(kept: dict[int, Tensor], block: int) -> Any:  # noqa: ANN401 - a hook
    def hook(_module: nn.Module, _inputs: object, output: object) -> None:
        state = output[0] if isinstance(output, tuple) else output
        assert isinstance(state, Tensor), f"block {block} gave {type(output).__name__}"
        kept[block] = state

    return hook
