"""The likelihood of labels, against a float64 softmax over every row of the head."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.head import likelihood
from sad.head.likelihood import log_likelihood
from sad.head.linear import IDENTITY, Head


@given(st.integers(0, 9), st.sampled_from([1, 60, 10**6]), st.sampled_from([None, 2.0]), st.booleans())
def test_it_is_the_log_softmax_at_the_label(rows: int, block: int, cap: float | None, bias: bool) -> None:
    noise = torch.Generator().manual_seed(rows)
    hidden, weight = torch.randn(rows, 5, generator=noise), torch.randn(30, 5, generator=noise)
    shift = torch.randn(30, generator=noise) if bias else None
    token = torch.randint(30, (rows,), generator=noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(likelihood, "BLOCK", block)
        found = log_likelihood(hidden.requires_grad_(), Head(weight, shift, 0.5, cap), token)
    logits = 0.5 * (hidden.detach().double() @ weight.double().T + (0.0 if shift is None else shift.double()))
    logits = logits if cap is None else cap * torch.tanh(logits / cap)
    expected = logits.log_softmax(-1).gather(-1, token[:, None])[:, 0]
    assert (found.dtype, found.requires_grad) == (torch.float32, False)
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)


def test_half_states_are_computed_in_float32() -> None:
    logits = torch.randn(4, 50, generator=torch.Generator().manual_seed(1)).bfloat16()
    token = torch.tensor([3, 0, 49, 7])
    found = log_likelihood(logits, IDENTITY, token)
    expected = logits.double().log_softmax(-1).gather(-1, token[:, None])[:, 0]
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-5)
