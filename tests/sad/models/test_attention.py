"""Queries, keys, values and maps: those that the model uses, for each way that models name and join them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sad import tiny
from sad.errors import UserError
from sad.models.attention import kept, projections, relation_heads, require_maps

IDS = torch.tensor([[5, 9, 30, 7, 2, 11]])


def made(kind: str = "Llama", **more: Any) -> nn.Module:
    if kind == "GPT2":
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        return GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=4, **more)).eval()
    if kind == "Bloom":
        from transformers import BloomConfig, BloomForCausalLM

        torch.manual_seed(0)
        return BloomForCausalLM(BloomConfig(vocab_size=64, hidden_size=16, n_layer=2, n_head=4, **more)).eval()
    return tiny.model(64, layers=2, width=16, seed=1, kind=kind, **{"pad_token_id": 0, **more}).eval()


def run(model: Any, kind: str = "relations", blocks: tuple[int, ...] = (1,)) -> Any:
    with kept(model, blocks, kind) as found:  # type: ignore[arg-type]
        out = model(input_ids=IDS, output_attentions=kind == "maps")
    return found, out


def heads(of: Tensor, count: int) -> Tensor:
    """[1, length, width] -> [head, length, part]"""
    return of[0].unflatten(-1, (count, -1)).transpose(0, 1)


GROUPED = {"num_attention_heads": 4, "num_key_value_heads": 2}
KINDS = [
    ("Llama", GROUPED),
    ("Phi3", GROUPED),
    ("GPTNeoX", {"num_attention_heads": 4, "num_key_value_heads": None}),
    ("GPT2", {}),
    ("Qwen3", {**GROUPED, "head_dim": 8}),
]


@pytest.mark.parametrize(
    ("kind", "more", "kernel"),
    [*((*kind, kernel) for kind in KINDS for kernel in ("eager", "sdpa")), ("Bloom", {}, "eager")],
)
def test_the_values_are_those_that_the_map_mixes(kind: str, more: dict[str, Any], kernel: str) -> None:
    model: Any = made(kind, **more)
    model.set_attn_implementation("eager")
    (attention,) = run(model, "maps")[0][1]
    mixed: list[Tensor] = []
    last = [m for n, m in model.named_modules() if n.split(".")[-1] in {"o_proj", "dense", "c_proj"} and "mlp" not in n]
    last[-1].register_forward_pre_hook(lambda _module, inputs: mixed.append(inputs[0]))
    whole = model(input_ids=IDS, output_attentions=True).attentions[1][0]
    torch.testing.assert_close(attention[0], whole.mean(0))
    if kernel != "eager":
        model.set_attn_implementation(kernel)
    found, _ = run(model)
    query, key, value = found[1]
    few = int(model.config.num_attention_heads if kind in {"GPT2", "Bloom", "GPTNeoX"} else 2)
    each = heads(value, few).repeat_interleave(4 // few, dim=0)
    torch.testing.assert_close((whole @ each).transpose(0, 1).flatten(1), mixed[0].reshape(len(whole[0]), -1))
    assert projections(model, 1, "student").widths == (query.shape[-1], key.shape[-1], value.shape[-1])


def test_queries_and_keys_are_those_of_the_products() -> None:
    # no rotary positions, no bias by distance: the map is the softmax of the products
    model: Any = made("GPT2")
    model.set_attn_implementation("eager")
    found, out = run(model, "relations", (0, 1))
    maps = model(input_ids=IDS, output_attentions=True).attentions
    for block in (0, 1):
        query, key, _ = found[block]
        products = heads(query, 4) @ heads(key, 4).mT / math.sqrt(query.shape[-1] // 4)
        hidden = ~torch.ones(6, 6).tril().bool()
        torch.testing.assert_close(torch.softmax(products.masked_fill(hidden, -torch.inf), -1), maps[block][0])
    assert out is not None


def test_hooks_are_kept_only_while_they_are_asked_for() -> None:
    model = made()
    run(model)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_block_without_projections_is_named() -> None:
    model: Any = made()
    model.model.layers[1].self_attn = nn.Identity()
    with pytest.raises(UserError, match="the student's block 1 has no queries, keys and values"):
        projections(model, 1, "student")


def test_a_query_that_holds_a_gate_too_is_not_taken() -> None:
    model: Any = made()
    model.model.layers[0].self_attn.q_proj = nn.Linear(16, 32)
    with pytest.raises(UserError, match="the teacher's block 0"):
        projections(model, 0, "teacher")


def test_maps_need_eager_attention() -> None:
    model: Any = made()
    with pytest.raises(UserError) as caught:
        require_maps(model, "teacher")
    assert str(caught.value) == (
        'terms.attention.compare = "maps" needs eager attention, and the teacher has sdpa: '
        'load both models with attn_implementation="eager", or compare "relations"'
    )
    model.set_attn_implementation("eager")
    require_maps(model, "teacher")


def test_relation_heads_divide_every_width() -> None:
    assert relation_heads((576, 192, 192, 160, 160, 160), None) == 16
    assert relation_heads((16, 16, 16, 32, 32, 32), None) == 2
    assert relation_heads((7, 9), None) == 1
    assert relation_heads((16, 8, 8, 32), 8) == 8
    with pytest.raises(UserError, match=r"terms.attention.heads is 3: .* \(8, 16\); possible: 1, 2, 4, 8"):
        relation_heads((16, 8), 3)
