"""Runs a model's body once and keeps what the terms ask for: last states and some blocks' outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from transformers import masking_utils

from sad.batch import Tokens
from sad.errors import UserError

MASKED = ("sdpa", "eager")
"""Attention kernels that take a mask; the others (flash, flex) tell texts apart by their positions."""


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """The result of one pass: ``hidden``, the input of the output layer, and the output of each block that was kept,
    taken before the final norm; it is never the embedding.
    """

    model: nn.Module
    hidden: Float[Tensor, "batch length width"]
    blocks: dict[int, Float[Tensor, "batch length width"]]


def run(model: nn.Module, tokens: Tokens, blocks: Sequence[int] = ()) -> Forward:
    """Run the body of a causal LM, without its head; keep the outputs of ``blocks``.

    The mask must hide padding on the right only: no real token of a causal LM sees it, so the body is given no mask.
    It then takes its fastest attention, and need not look at the mask, for which the host would wait on a GPU.
    Positions are the model's own, unless rows hold several texts: then those of ``tokens``, and no text sees another.
    """
    shape = tokens.input_ids.shape
    with _kept(model, blocks) as kept:
        asked = _asked(model, tokens)
        with nullcontext() if tokens.text is not None else _a_text_a_row():
            out = body(model)(use_cache=False, **asked)

    def rows(states: Tensor) -> Tensor:
        return states.reshape(*shape, states.shape[-1])

    last = rows(before_logits(model)(out.last_hidden_state))
    places, config = asked["input_ids"].shape, text_config(model)
    states = {block: one_stream(states, places, config.hidden_size) for block, states in kept.items()}
    for block, state in states.items():
        if state.shape[:-1].numel() != shape.numel():
            raise UserError(
                f"{type(model).__name__}: block {block} hands on states of shape {list(state.shape)} for "
                f"{shape.numel()} tokens; set terms.layerwise.weight and terms.attention.weight to 0"
            )
    return Forward(model, last, {block: rows(state) for block, state in states.items()})


@contextmanager
def _a_text_a_row() -> Iterator[None]:
    """Spare transformers the look at positions on the host, where a GPU would be waited for: a row holds one text."""
    looked: Any = getattr(masking_utils, LOOK, None)
    if looked is None:
        yield
        return
    setattr(masking_utils, LOOK, lambda _: None)
    try:
        yield
    finally:
        setattr(masking_utils, LOOK, looked)


LOOK = "find_packed_sequence_indices"
"""The function by which transformers tells several texts in a row apart."""


def one_stream(states: Tensor, places: Sequence[int], width: int) -> Float[Tensor, "batch length width"]:
    """Return the mean of a block's residual streams, where it has several of the model's ``width``.

    Hyper-connections keep them behind the ``places`` of the tokens (DeepSeek V4), or one behind the other in a row as
    wide as all (Qwen 4), AltUp before them (Gemma 3n). Their sum is what the text is predicted from (Zhu et al. 2024,
    arXiv 2409.19606); the mean has the size of one state.
    """
    if states.shape[:-1] == tuple(places) and states.shape[-1] > width and states.shape[-1] % width == 0:
        return states.reshape(*places, -1, width).mean(-2)
    if states.dim() != len(places) + 2:
        return states
    return states.mean(0 if states.shape[1:-1] == tuple(places) else -2)


def _asked(model: nn.Module, tokens: Tokens) -> dict[str, Tensor]:
    if tokens.text is None:
        return {"input_ids": tokens.input_ids}
    assert tokens.position_ids is not None, "where rows hold several texts, both are there"
    attention = getattr(text_config(model), "_attn_implementation", "sdpa")
    if attention not in MASKED:
        # these find the texts of one long row by its positions, which begin anew at each, and in the padding
        return {"input_ids": tokens.input_ids.reshape(1, -1), "position_ids": tokens.position_ids.reshape(1, -1)}
    seen = block_mask(tokens.text)
    if attention == "eager":
        dtype = next(model.parameters()).dtype
        seen = torch.zeros_like(seen, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    return {"input_ids": tokens.input_ids, "position_ids": tokens.position_ids, "attention_mask": seen}


def block_mask(text: Int[Tensor, "batch length"]) -> Bool[Tensor, "batch 1 length length"]:
    """Return the mask, True where attention is allowed: to tokens of the same text up to the token itself.

    Padding sees padding: a row of the mask without a single True would give NaN.
    """
    length = text.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=text.device).tril()
    return ((text[:, :, None] == text[:, None, :]) & causal)[:, None]


def body(model: nn.Module) -> nn.Module:
    """Return the part of a causal LM that gives hidden states."""
    inner = getattr(model, "base_model", model)
    if inner is model:
        # the body is not where the class's prefix says (Llama 4): it is the part that is a model too
        inner = next((part for part in model.children() if hasattr(part, "get_input_embeddings")), model)
    return inner if isinstance(inner, nn.Module) else model


def before_logits(model: nn.Module) -> nn.Module:
    """Return the module between the body's last states and the output layer; for most models the identity.

    ModernBERT's decoder has a dense layer, an activation and a norm there. It is the one part of the model that is
    neither the body nor the output layer, and whose parameters are all as wide as the states; other parts are not
    run. :func:`sad.head.linear.check_head` proves it.
    """
    inner, output = body(model), getattr(model, "get_output_embeddings", lambda: None)()
    # a module of the body may have a second name beside it
    inside = {id(part) for part in inner.modules()}
    others = [p for p in model.children() if id(p) not in inside and next(p.parameters(), None) is not None]
    others = [part for part in others if all(module is not output for module in part.modules())]
    if len(others) != 1 or inner is model:
        return nn.Identity()
    # ZeRO of stage 3 leaves an empty weight here, and says the shape beside it
    sizes = {size for p in others[0].parameters() for size in getattr(p, "ds_shape", p.shape)}
    return others[0] if sizes == {text_config(model).hidden_size} else nn.Identity()


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
    raise UserError(
        f"{type(model).__name__}: found no list of {depth} blocks to take hidden states from; "
        "set terms.layerwise.weight and terms.attention.weight to 0"
    )


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
        state = output[0] if isinstance(output, tuple | list) else output
        assert isinstance(state, Tensor), f"block {block} gave {type(output).__name__}"
        kept[block] = state

    return hook
