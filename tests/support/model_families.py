"""A tiny model of each family whose head we know, and texts for it."""

from __future__ import annotations

from typing import Any

import torch
import transformers

from sad.batch import Tokens

SHAPE = {
    "vocab_size": 64,
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama, tied": ("Llama", {"tie_word_embeddings": True}),
    "llama, untied": ("Llama", {"tie_word_embeddings": False}),
    "qwen": ("Qwen2", {"tie_word_embeddings": True}),
    "gemma, soft cap": ("Gemma2", {"head_dim": 8, "final_logit_softcapping": 3.0, "query_pre_attn_scalar": 8}),
    "cohere, scale": ("Cohere", {"logit_scale": 0.0625}),
    "granite, divisor": ("Granite", {"logits_scaling": 8.0}),
    "phi, bias": ("Phi", {"tie_word_embeddings": False}),
    "neox": ("GPTNeoX", {}),
    "gpt2": ("GPT2", {}),
    "opt": ("OPT", {"ffn_dim": 32, "word_embed_proj_dim": 16}),
}
GPT2_NAMES = {"hidden_size": "n_embd", "num_hidden_layers": "n_layer", "num_attention_heads": "n_head"}


def model(family: str) -> Any:
    name, more = FAMILIES[family]
    shape = {**SHAPE, **more}
    if name == "GPT2":
        shape = {GPT2_NAMES.get(key, key): value for key, value in shape.items() if key != "intermediate_size"}
        shape["n_positions"] = shape.pop("max_position_embeddings")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = getattr(transformers, f"{name}ForCausalLM" if name != "GPT2" else "GPT2LMHeadModel")(
            getattr(transformers, f"{name}Config")(**shape)
        ).eval()
    with torch.no_grad():
        # larger weights: a head that is wrong must show
        made.get_output_embeddings().weight.mul_(20)
        if getattr(made.get_output_embeddings(), "bias", None) is not None:
            made.get_output_embeddings().bias.normal_()
    return made


def tokens(*lengths: int) -> Tokens:
    ids = torch.zeros(len(lengths), max(lengths), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, length in enumerate(lengths):
        ids[row, :length] = torch.arange(3, 3 + length) + 7 * row
        mask[row, :length] = 1
    return Tokens(ids, mask)
