"""Cross-entropy: value and gradient against float64, half inputs, nothing to predict."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from sad.losses.lm import cross_entropy


def made(rows: int, vocab: int, sharpness: float) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(rows * 1000 + vocab)
    logits = torch.randn(rows, vocab, generator=source) * sharpness
    return logits, torch.randint(vocab, (rows,), generator=source)


def reference(logits: Tensor, token: Tensor) -> tuple[float, Tensor]:
    wide = logits.double()
    value = sum(float(torch.logsumexp(row, 0) - row[i]) for row, i in zip(wide, token.tolist(), strict=True))
    slope = torch.softmax(wide, -1)
    slope[torch.arange(len(token)), token] -= 1
    return value, slope


def ours(logits: Tensor, token: Tensor) -> tuple[float, Tensor, int]:
    leaf = logits.clone().requires_grad_()
    found = cross_entropy(leaf, token)
    found.total.backward()
    assert found.total.dtype == torch.float32
    return float(found.total.detach()), leaf.grad, found.units


@given(st.integers(1, 12), st.integers(2, 60), st.sampled_from([0.1, 3.0, 30.0]))
def test_value_and_gradient_match_the_definition(rows: int, vocab: int, sharpness: float) -> None:
    logits, token = made(rows, vocab, sharpness)
    value, gradient, units = ours(logits, token)
    expected, slope = reference(logits, token)
    assert units == rows
    assert value == pytest.approx(expected, rel=1e-5, abs=1e-5)
    torch.testing.assert_close(gradient.double(), slope, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_inputs_are_summed_in_float32(dtype: torch.dtype) -> None:
    logits, token = made(3000, 20, 2.0)
    value, _, _ = ours(logits.to(dtype), token)
    expected, _ = reference(logits.to(dtype), token)
    assert value == pytest.approx(expected, rel=1e-5)


def test_tokens_without_a_chance_change_nothing() -> None:
    logits, token = made(4, 9, 3.0)
    value, gradient, _ = ours(logits, token)
    wider, wider_gradient, _ = ours(torch.cat([logits, torch.full((4, 3), -math.inf)], 1), token)
    assert value == wider
    assert torch.equal(wider_gradient, torch.cat([gradient, torch.zeros(4, 3)], 1))


def test_nothing_to_predict_sums_to_zero() -> None:
    value, gradient, units = ours(torch.empty(0, 5), torch.empty(0, dtype=torch.int64))
    assert (value, units) == (0.0, 0)
    assert gradient.shape == (0, 5)
