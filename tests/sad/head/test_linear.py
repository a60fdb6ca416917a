"""Body and head together are the model, for every family whose head we know, in full precision."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers
from model_families import FAMILIES, model, tokens
from torch import nn

from sad.errors import UserError
from sad.head.linear import IDENTITY, check_head, head_of
from sad.models.forward import run


@pytest.fixture(params=FAMILIES)
def made(request: pytest.FixtureRequest) -> Any:
    return model(request.param)


def test_logits_at_some_places_are_those_of_all_places() -> None:
    made = model("llama, tied")
    hidden, head = run(made, tokens(9, 4)).hidden, head_of(made)
    row, position = torch.tensor([1, 0, 0]), torch.tensor([3, 8, 0])
    torch.testing.assert_close(head.logits(hidden[row, position]), head.logits(hidden)[row, position])
    assert head.logits(hidden[row[:0], position[:0]]).shape == (0, 64)


def test_the_head_is_full_precision_under_autocast() -> None:
    made = model("llama, tied")
    hidden = run(made, tokens(6)).hidden[0]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = head_of(made).logits(hidden)
    assert found.dtype == torch.float32
    assert torch.equal(found, head_of(made).logits(hidden))
    half = model("llama, tied").bfloat16()
    assert head_of(half).logits(hidden.bfloat16()).dtype == torch.float32


class Doubled(transformers.LlamaForCausalLM):
    def forward(self, **given: Any) -> Any:
        out = super().forward(**given)
        out.logits = 2 * out.logits
        return out


class Undefined(transformers.LlamaForCausalLM):
    def forward(self, **given: Any) -> Any:
        out = super().forward(**given)
        out.logits = out.logits * float("nan")
        return out


@pytest.mark.parametrize("kind", [Doubled, Undefined])
def test_a_head_that_does_something_else_is_refused(kind: type[nn.Module]) -> None:
    made = kind(model("llama, tied").config)
    made.get_output_embeddings().weight.data.mul_(20)
    with pytest.raises(UserError, match="my model: its head does something that sad does not know"):
        check_head(made, "my model")


def test_head_after_body_is_the_model(made: Any) -> None:
    given = tokens(9, 9)
    expected = made(input_ids=given.input_ids, attention_mask=given.attention_mask).logits
    found = head_of(made).logits(run(made, given).hidden)
    assert float(expected.detach().std()) > 0.05
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    check_head(made, "the model")


def test_states_that_are_logits_stay_and_become_float32() -> None:
    states = torch.randn(3, 7)
    assert torch.equal(IDENTITY.logits(states), states)
    assert IDENTITY.logits(states.bfloat16()).dtype == torch.float32
