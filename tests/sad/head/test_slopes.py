"""Gradients of several blocks in one product: the sums are those of each block by itself."""

from __future__ import annotations

import pytest
import torch

from sad.head import blocks
from sad.head.linear import Head
from sad.head.products import Products
from sad.head.slopes import Slopes, lines


@pytest.mark.parametrize("most", [3, 4, 7, 12])
def test_the_sums_are_those_of_each_block(most: int) -> None:
    noise = torch.Generator().manual_seed(0)
    hidden, weight = torch.randn(11, 5, generator=noise), torch.randn(9, 5, generator=noise)
    gradient, order = torch.randn(11, 9, generator=noise), torch.randperm(11, generator=noise)
    kept, apart = (Products(hidden, Head(weight), (True, True, False), ("both",)) for _ in range(2))
    slopes = Slopes(kept, most, 9)
    for rows in order.split(3):
        slopes.next(rows).copy_(gradient[rows])
        apart.add("both", rows, apart.states(rows), gradient[rows])
    slopes.flush()
    slopes.flush()
    for got, right in zip(kept.sums["both"], apart.sums["both"], strict=True):
        torch.testing.assert_close(got, right)


def test_a_line_of_a_gpu_begins_where_a_product_reads_it_fast() -> None:
    made = lines(3, 70, torch.float32, torch.device("meta"))
    assert made.shape == (3, 70)
    assert made.stride() == (128, 1)
    assert lines(3, 70, torch.float32, torch.device("cpu")).is_contiguous()


@pytest.mark.parametrize(("columns", "theirs"), [(128_256, 128_256), (151_936, 151_669), (32_000, 0), (300, 300)])
def test_all_blocks_take_a_gibibyte(columns: int, theirs: int) -> None:
    size, kept = blocks.fused_portions(columns, theirs, 2)
    assert kept % size == 0
    assert size * 4 * (columns + theirs) + kept * 2 * columns <= 2**30
    assert size * 4 * (columns + theirs) > 0.7 * 2**29
    # the product with the weight has more rows than the logits
    assert kept >= 2 * size or theirs == 0


def test_of_a_vocabulary_that_is_too_large_a_block_has_its_least_rows() -> None:
    assert blocks.fused_portions(2**26, 2**26, 2) == (blocks.LEAST_ROWS, blocks.LEAST_ROWS)
