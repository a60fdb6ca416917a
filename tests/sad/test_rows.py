"""A sum of rows is their sum, and sends back their gradient in the type of the logits."""

from __future__ import annotations

import pytest
import torch

from sad.rows import Rows, summed


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_value_and_gradient_are_those_of_the_rows(dtype: torch.dtype) -> None:
    logits = torch.randn(3, 5, dtype=dtype, requires_grad=True)
    rows = Rows(torch.tensor([1.0, 2.0, 4.0]), torch.randn(3, 5))
    total = summed(logits, rows)
    (2.0 * total).backward()
    assert float(total.detach()) == 7.0
    assert logits.grad.dtype == dtype
    assert torch.equal(logits.grad, 2 * rows.gradient.to(dtype))
