"""Causal LMs of many families, tiny and random: each is loaded as teacher and as student, and takes a step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sad import pair, tiny
from sad.data import collate, examples
from sad.distiller import Distiller
from sad.head.linear import head_of
from sad.models.forward import block_list, run
from sad.objective import Objective
from sad.recipe.schema import Terms, parse

SHAPE = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": 8},
    "qwen2": {},
    "qwen3": {"head_dim": 16},
    "gemma": {"head_dim": 16},
    "gemma2": {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8, "final_logit_softcapping": 5.0},
    "gemma3_text": {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 8},
    "phi": {},
    "phi3": {},
    "gpt2": OLD,
    "gpt_neox": {},
    "gpt_bigcode": OLD,
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 32},
    "bloom": {"n_layer": 2, "n_head": 2},
    "falcon": {},
    "mpt": {"d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": 64},
    "olmo2": {},
    "granite": {"logits_scaling": 4.0, "embedding_multiplier": 2.0, "residual_multiplier": 0.5},
    "cohere": {"logit_scale": 0.25},
    "cohere2": {"logit_scale": 0.25, "sliding_window": 8},
    "glm4": {"head_dim": 16},
    "smollm3": {},
    "starcoder2": {},
    "stablelm": {},
    "mixtral": {"num_local_experts": 4},
    "qwen3_moe": {"num_experts": 4, **EXPERTS, "head_dim": 16},
    "olmoe": {"num_experts": 4, "num_experts_per_tok": 2},
    "deepseek_v3": {
        **LATENT,
        "n_routed_experts": 4,
        "n_group": 1,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        **EXPERTS,
    },
    "mamba": {"state_size": 8},
    "mamba2": {"num_heads": 4, "head_dim": 16, "state_size": 8, "n_groups": 1, "chunk_size": 8},
    "falcon_h1": {
        "lm_head_multiplier": 0.25,
        **{"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_chunk_size": 8},
    },
    "hyperclovax": {"logits_scaling": 4.0},
    "inkling_text": {"logits_mup_width_multiplier": 4.0, "head_dim": 16, "num_experts": 4, **EXPERTS},
    "deepseek_v4": {**LATENT, "n_routed_experts": 4, "n_group": 1, "topk_group": 1, **EXPERTS},
    "llama4_text": {"num_local_experts": 4, "head_dim": 16, "intermediate_size_mlp": 64, "attention_chunk_size": 32},
    "modernbert-decoder": {"global_attn_every_n_layers": 2, "local_attention": 8},
    "openai-gpt": OLD,
    "gemma4_text": {
        **{"head_dim": 16, "global_head_dim": 16, "hidden_size_per_layer_input": 8, "sliding_window": 8},
        **{"num_kv_shared_layers": 0, "num_global_key_value_heads": 2},
    },
    "lfm2": {"layer_types": ["conv", "full_attention"]},
}


def saved(folder: Path, family: str, vocabulary: int) -> dict[str, str]:
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    reader = tiny.reader(vocabulary)
    config = AutoConfig.for_model(family, **{**SHAPE, **FAMILIES[family], "vocab_size": reader.size})
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    reader.tokenizer.save_pretrained(folder)
    return {"model": str(folder)}


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_teaches_and_learns(family: str, tmp_path: Path) -> None:
    recipe = parse(
        {
            "teacher": saved(tmp_path / "teacher", family, 400),
            "student": saved(tmp_path / "student", family, 320),
            "data": {"max_length": 32},
        },
        "test",
    )
    found = pair.load(recipe)
    assert len(block_list(found.student)) == 2
    some = examples([tiny.TEXT], found.readers, 32)[:3]
    batch = collate(some, found.readers)
    # a row of a padded batch gives what it gives alone
    shortest = min(some, key=lambda e: len(e.student))
    alone = collate([shortest], found.readers)
    with torch.no_grad():
        found.student.eval()
        row, length = next(i for i, e in enumerate(some) if e is shortest), len(shortest.student)
        together = head_of(found.student).logits(run(found.student, batch.student, [0, 1]).hidden[row, :length])
        single = head_of(found.student).logits(run(found.student, alone.student).hidden[0])
    torch.testing.assert_close(together, single, rtol=1e-3, atol=1e-4)

    distiller = Distiller(found.student, found.teacher, found.vocab, Terms())
    # without dropout, so that the second loss can be compared with the first
    distiller.eval()
    optimizer = torch.optim.SGD(distiller.parameters(), lr=1e-3)
    objective, asked = Objective(dict(Terms().weights)), distiller.ask_teacher(batch)
    losses = []
    for _ in range(2):
        optimizer.zero_grad()
        loss = objective.part(distiller(batch, asked), batch.counts())
        loss.backward()
        losses.append(float(loss.detach()))
        optimizer.step()
    gradients = [p.grad for p in found.student.parameters() if p.grad is not None]
    assert all(torch.isfinite(g).all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0
    assert losses[1] < losses[0]
    assert all(p.grad is None for p in found.teacher.parameters())
