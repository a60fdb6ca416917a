"""Body and head together are the model, for every family whose head we know; blocks are blocks."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sad import tiny
from sad.batch import Tokens
from sad.errors import UserError
from sad.forward import Forward, block_list, body, run

FAMILY = runpy.run_path(str(Path(__file__).parent / "families.py"))
FAMILIES, model, tokens = (FAMILY[name] for name in ("FAMILIES", "model", "tokens"))


@pytest.fixture(params=FAMILIES)
def made(request: pytest.FixtureRequest) -> Any:
    return model(request.param)


def test_a_block_is_what_it_hands_on_not_the_embedding_and_not_the_final_norm(made: Any) -> None:
    given = tokens(7)
    seen: list[Tensor] = []
    hooks = [
        block.register_forward_hook(lambda _m, _i, out: seen.append(out[0] if isinstance(out, tuple) else out))
        for block in block_list(made)
    ]
    found = run(made, given, [0, 1, 2])
    for hook in hooks:
        hook.remove()
    entries = made(input_ids=given.input_ids, output_hidden_states=True).hidden_states
    assert sorted(found.blocks) == [0, 1, 2]
    for block in range(3):
        assert torch.equal(found.blocks[block], seen[block])
        assert not torch.allclose(found.blocks[block], entries[block], atol=1e-3)
    for block in range(2):
        torch.testing.assert_close(found.blocks[block], entries[block + 1])
    assert not torch.allclose(found.blocks[2], found.hidden, atol=1e-3)


def test_padding_on_the_right_changes_nothing_before_it(made: Any) -> None:
    alone, padded = run(made, tokens(5), [1]), run(made, tokens(5, 11), [1])
    torch.testing.assert_close(padded.hidden[0, :5], alone.hidden[0], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(padded.blocks[1][0, :5], alone.blocks[1][0], rtol=1e-4, atol=1e-5)


def test_the_gradient_reaches_body_and_head() -> None:
    made = model("llama, untied")
    found = run(made, tokens(6), [2])
    (made.lm_head(found.hidden[0, 5]).sum() + found.blocks[2].sum()).backward()
    assert {name for name, p in made.named_parameters() if p.grad is None} == set()


def test_no_hook_stays_behind() -> None:
    made = model("llama, tied")
    run(made, tokens(4), [0, 2])
    with pytest.raises(IndexError):
        run(made, Tokens(torch.tensor([[1_000]]), torch.ones(1, 1, dtype=torch.int64)), [0])
    assert all(not block._forward_hooks for block in block_list(made))


def test_blocks_that_cannot_be_found_are_an_error() -> None:
    made = model("llama, tied")
    made.config.num_hidden_layers = 5
    with pytest.raises(UserError, match="no list of 5 blocks"):
        run(made, tokens(4), [0])
    # nobody asks for blocks: nobody looks for them
    assert isinstance(run(made, tokens(4)), Forward)


def test_the_body_is_the_model_without_its_head() -> None:
    made: Any = tiny.model(50, layers=1, width=8, seed=0)
    assert body(made) is made.model
