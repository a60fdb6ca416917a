"""What a pass hands over, against what the library gives out."""

from __future__ import annotations

from typing import Any

import torch

from sad import tiny
from sad.subjects.plain.one_text import run


def test_blocks_projections_and_maps_are_the_models_own() -> None:
    model: Any = tiny.model(64, layers=2, width=16, seed=3, num_key_value_heads=1).eval()
    model.set_attn_implementation("eager")
    ids = [3, 9, 21, 4]
    own = model(input_ids=torch.tensor([ids]), output_hidden_states=True, output_attentions=True)
    logits, blocks, read = run(model, ids)
    assert torch.equal(logits, own.logits[0])
    assert torch.equal(blocks[0], own.hidden_states[1][0])
    assert [tuple(of.shape for of in three) for three in read] == [((4, 16), (4, 8), (4, 8))] * 2
    first = model.model.layers[1]
    normed = first.input_layernorm(blocks[0])
    torch.testing.assert_close(read[1][1], first.self_attn.k_proj(normed))
    torch.testing.assert_close(read[1][2], first.self_attn.v_proj(normed))
    _, _, maps = run(model, ids, maps=True)
    assert torch.equal(maps[1][0], own.attentions[1][0])
