"""Every causal family of the installed transformers, tiny and random: is it taken as teacher and as student?

    python benchmarks/families.py [FAMILY ...]

Each family is made with a small configuration, saved, loaded with `sad`'s own loader (which proves head and causality),
and takes two steps with every term of the default recipe. Prints a table in Markdown. "not made" means that this script
found no small configuration, which says nothing of the family.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
MOST = 90_000_000
"""Parameters from which on a model is not small."""
LIMIT = 300
"""Seconds for one family."""
ENDS = {"bos_token_id": 1, "eos_token_id": 0, "pad_token_id": 0}
SHAPE: dict[str, Any] = {
    **{"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"num_key_value_heads": 2, "max_position_embeddings": 64, "n_embd": 32, "n_layer": 2, "n_head": 2},
    **{"n_positions": 64, "d_model": 32, "n_layers": 2, "n_heads": 2, "num_layers": 2, "num_experts_per_tok": 2},
    **{"moe_intermediate_size": 32, "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "n_group": 1},
    **{"topk_group": 1, "first_k_dense_replace": 1, "sliding_window": 8, **ENDS},
}
"""Small values of keys, where a configuration has them."""
BODY = {key: SHAPE[key] for key in list(SHAPE)[:6]} | ENDS
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, **ENDS}
LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 16}
LATENT |= {"head_dim": 8}
EXPERTS = {"n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "n_group": 1}
EXPERTS |= {"topk_group": 1, "first_k_dense_replace": 1}
SEQ2SEQ: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    **ENDS,
}
SEQ2SEQ |= {"decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "num_hidden_layers": 2}
SEQ2SEQ |= {"max_position_embeddings": 64, "is_decoder": True, "is_encoder_decoder": False}
MAMBA = {"mamba_n_heads": 4, "mamba_d_head": 16, "mamba_d_state": 8, "mamba_n_groups": 1, "mamba_expand": 2}
WIDE = {"head_dim": 16}
OWN: dict[str, dict[str, Any]] = {
    "axk1": BODY | LATENT | EXPERTS,
    "bamba": BODY | MAMBA | {"attn_layer_indices": [1]},
    **dict.fromkeys(
        ("bart", "blenderbot", "blenderbot-small", "m2m_100", "marian", "mbart", "mvp", "pegasus", "plbart"), SEQ2SEQ
    ),
    "bigbird_pegasus": SEQ2SEQ | {"attention_type": "original_full"},
    "codegen": OLD | {"rotary_dim": 8, "n_head": 4},
    "dbrx": {
        **{"d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": 64},
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 10000.0},
        "ffn_config": {"ffn_hidden_size": 64, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "deepseek_v2": BODY | LATENT | EXPERTS,
    "deepseek_v3": BODY | LATENT | EXPERTS,
    "deepseek_v4": BODY | LATENT | EXPERTS,
    "dots1": BODY | EXPERTS | {"n_shared_experts": 1},
    "falcon": BODY,
    "gemma3n_text": BODY
    | WIDE
    | {"num_hidden_layers": 4, "layer_types": ["sliding_attention", "full_attention"] * 2, "num_kv_shared_layers": 0}
    | {"intermediate_size": [64] * 4, "hidden_size_per_layer_input": 8, "laurel_rank": 8, "sliding_window": 8}
    | {"vocab_size_per_layer_input": 320, "activation_sparsity_pattern": [0.0] * 4},
    "gemma4_text": BODY
    | WIDE
    | {"global_head_dim": 16, "hidden_size_per_layer_input": 8, "sliding_window": 8, "num_kv_shared_layers": 0}
    | {"num_global_key_value_heads": 2},
    "git": BODY,
    "gpt_neo": {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 64, "window_size": 8}
    | {"attention_types": [[["global", "local"], 1]], "max_position_embeddings": 64, **ENDS},
    "gptj": OLD | {"rotary_dim": 8},
    "granitemoehybrid": BODY
    | MAMBA
    | {"num_local_experts": 2, "num_experts_per_tok": 1, "shared_intermediate_size": 32}
    | {"layer_types": ["mamba", "attention"]},
    "hunyuan_v1_dense": BODY | WIDE,
    "hunyuan_v1_moe": BODY | WIDE | {"num_experts": 2, "moe_topk": 1},
    "lfm2_moe": BODY
    | {"layer_types": ["conv", "full_attention"], "num_experts": 4, "num_experts_per_tok": 2}
    | {"moe_intermediate_size": 32, "num_dense_layers": 1},
    "llama4_text": BODY | WIDE | {"num_local_experts": 2, "intermediate_size_mlp": 64, "attention_chunk_size": 32},
    "longcat_flash": BODY
    | LATENT
    | {"num_layers": 2, "n_routed_experts": 4, "zero_expert_num": 2, "moe_topk": 2, "expert_ffn_hidden_size": 32}
    | {"ffn_hidden_size": 64},
    "mamba2": {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 4, "head_dim": 16, "state_size": 8, **ENDS}
    | {"n_groups": 1, "expand": 2, "chunk_size": 16},
    "mimo_v2_flash": BODY
    | WIDE
    | {"v_head_dim": 16, "swa_num_attention_heads": 2, "swa_num_key_value_heads": 2, "swa_head_dim": 16}
    | {"swa_v_head_dim": 16, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32},
    "ministral": BODY | WIDE,
    "mpt": {"d_model": 32, "n_heads": 2, "n_layers": 2, "max_seq_len": 64},
    "openai-gpt": OLD,
    "prophetnet": {"hidden_size": 32, "num_decoder_layers": 2, "num_encoder_layers": 2, "decoder_ffn_dim": 64, **ENDS}
    | {"num_decoder_attention_heads": 2, "num_encoder_attention_heads": 2, "encoder_ffn_dim": 64}
    | {"max_position_embeddings": 64, "is_decoder": True, "is_encoder_decoder": False},
    "qwen4_exp_text": BODY | WIDE,
    "reformer": {"is_decoder": True, "hidden_size": 32, "num_attention_heads": 2, "attention_head_size": 16, **ENDS}
    | {"feed_forward_size": 64, "attn_layers": ["local", "local"], "axial_pos_embds": False}
    | {"max_position_embeddings": 64, "local_attn_chunk_length": 16},
    "whisper": SEQ2SEQ | {"max_target_positions": 64, "max_source_positions": 64},
    "xlnet": {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64},
    "xlstm": {"hidden_size": 32, "num_heads": 2, "num_blocks": 2, "num_hidden_layers": 2, **ENDS}
    | {"chunkwise_kernel": "chunkwise--native_autograd", "sequence_kernel": "native_sequence__native"}
    | {"step_kernel": "native"},
    "xmod": BODY | {"is_decoder": True, "default_language": "en_XX", "languages": ["en_XX"]},
    "youtu": BODY | LATENT,
    "zamba2": BODY
    | {"layers_block_type": ["mamba", "hybrid"], "layer_types": ["mamba", "hybrid"], "n_mamba_heads": 4}
    | {"mamba_d_state": 8, "mamba_ngroups": 1, "mamba_headdim": 16, "num_mem_blocks": 1, "use_mem_rope": False}
    | {"hybrid_layer_ids": [1], "use_mamba_kernels": False},
    "zaya": BODY | {"num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 32},
}
"""Whole configurations of families that the generic one does not fit."""
TAKEN, REFUSED, FAILED, NOT_MADE = "taken", "refused", "fails", "not made"


def configuration(family: str, size: int) -> Any:
    """Return a small configuration of a family for a vocabulary of ``size``."""
    from transformers import AutoConfig

    if family in OWN:
        return AutoConfig.for_model(family, **OWN[family], vocab_size=size)
    base = AutoConfig.for_model(family)
    text = base.get_text_config(decoder=True)
    keys = {key: value for key, value in (SHAPE | LATENT).items() if key != "head_dim" and hasattr(text, key)}
    keys |= {"vocab_size": size} | (WIDE if getattr(text, "head_dim", None) else {})
    if text is base:
        return AutoConfig.for_model(family, **keys)
    small = type(text)(**keys)
    for name in [name for name, value in vars(base).items() if value is text]:
        setattr(base, name, small)
    base.vocab_size = size
    return base


def saved(family: str, vocabulary: int, folder: Path) -> dict[str, str]:
    """Save a small random model of a family with a tokenizer; return where it is, as a recipe says it."""
    import torch
    from transformers import AutoModelForCausalLM

    from sad import tiny

    reader = tiny.reader(vocabulary)
    torch.manual_seed(0)
    small = configuration(family, reader.size)
    with torch.device("meta"):
        count = sum(p.numel() for p in AutoModelForCausalLM.from_config(small).parameters())
    if count > MOST:
        raise RuntimeError(f"{count / 1e6:.0f} million parameters")
    model = AutoModelForCausalLM.from_config(small)
    model.save_pretrained(folder)
    reader.tokenizer.save_pretrained(folder)
    return {"model": str(folder)}


def judged(family: str) -> tuple[str, str]:
    """Return what became of a family, and why."""
    import torch

    from sad import pair
    from sad.errors import UserError
    from sad.recipe.schema import parse

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            sides = {
                "teacher": saved(family, 400, folder / "teacher"),
                "student": saved(family, 320, folder / "student"),
            }
        except Exception as error:
            return NOT_MADE, f"{type(error).__name__}: {error}"
        try:
            first, second = _two_steps(pair.load(parse({**sides, "data": {"max_length": 32}}, "families")))
        except UserError as error:
            return REFUSED, str(error).replace(f"{folder}/", "")
        except Exception as error:
            return FAILED, f"{type(error).__name__}: {error}"
    return (TAKEN, f"{first:.4f} to {second:.4f}") if second < first else (FAILED, "the loss does not fall")


def _two_steps(found: Any) -> list[float]:
    import torch

    from sad import tiny
    from sad.data import collate, examples
    from sad.distiller import Distiller
    from sad.objective import Objective
    from sad.recipe.terms import Terms

    batch = collate(examples([tiny.TEXT], found.readers, 32)[:3], found.readers)
    # without dropout, so that the second loss can be compared with the first
    distiller = Distiller(found.student, found.teacher, found.vocab, Terms()).eval()
    optimizer = torch.optim.SGD(distiller.parameters(), lr=1e-3)
    objective, asked, losses = Objective(dict(Terms().weights)), distiller.ask_teacher(batch), []
    for _ in range(2):
        optimizer.zero_grad()
        loss = objective.part(distiller(batch, asked), batch.counts())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    return losses


def main() -> None:
    """Judge each family in a process of its own, and print what became of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("families", nargs="*")
    wanted = parser.parse_args().families
    warnings.filterwarnings("ignore")
    import transformers

    # before the processes, which then have them

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    every = sorted(transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)
    counts: Counter[str] = Counter()
    sys.stdout.write(f"transformers {transformers.__version__}\n\n| family | | |\n|---|---|---|\n")
    for family in wanted or every:
        with multiprocessing.get_context("fork").Pool(1) as process:
            try:
                what, why = process.apply_async(judged, (family,)).get(LIMIT)
            except multiprocessing.TimeoutError:
                what, why = FAILED, f"no answer in {LIMIT} s"
        counts[what] += 1
        sys.stdout.write(f"| {family} | {what} | {why.splitlines()[0][:200] if why else ''} |\n")
        sys.stdout.flush()
    sys.stdout.write(f"\n{', '.join(f'{count} {what}' for what, count in counts.most_common())}\n")


if __name__ == "__main__":
    main()
