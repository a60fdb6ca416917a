"""Attention by pieces of text: the mass of a piece's tokens, none lost, none from elsewhere."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from sad.align.pieces import by_piece, places, visible

ends = st.lists(st.sets(st.integers(0, 11), min_size=1), min_size=1, max_size=4)


def causal(batch: int, length: int) -> torch.Tensor:
    logits = torch.randn(batch, length, length, generator=torch.Generator().manual_seed(batch))
    return torch.softmax(logits.masked_fill(~torch.ones(length, length).tril().bool(), -torch.inf), -1)


@given(ends, st.integers(0, 3))
def test_a_column_is_the_mass_of_its_tokens(positions: list[set[int]], spare: int) -> None:
    attention = causal(len(positions), 12)
    row = torch.tensor([r for r, of in enumerate(positions) for _ in of])
    position = torch.tensor([p for of in positions for p in sorted(of)])
    columns = 1 + max(map(len, positions)) + spare
    found, seen = by_piece(attention, row, position, row, columns), visible(row, columns)
    index = 0
    for r, of in enumerate(positions):
        cuts = sorted(of)
        for place, end in enumerate(cuts):
            assert int(places(row)[index]) == place
            for column in range(columns):
                low = 0 if column == 0 else cuts[column - 1] + 1 if column <= len(cuts) - 1 else 12
                high = cuts[column] if column < len(cuts) else -1
                expected = float(attention[r, end, low : high + 1].sum()) if high >= low else 0.0
                torch.testing.assert_close(float(found[index, column]), expected, atol=1e-6, rtol=0)
                assert bool(seen[index, column]) == (column <= place)
            index += 1
    torch.testing.assert_close(found.sum(-1), torch.ones(len(row)))
    assert not found[~seen].any()


def test_nothing_in_gives_nothing_out() -> None:
    none = torch.empty(0, dtype=torch.int64)
    assert by_piece(causal(1, 4), none, none, none, 4).shape == (0, 4)
    assert visible(none, 4).shape == (0, 4)


def test_texts_in_one_row_are_cut_as_they_would_be_alone():
    alone = [causal(1, 4), causal(1, 5)]
    packed = torch.zeros(1, 9, 9, dtype=alone[0].dtype)
    packed[0, :4, :4], packed[0, 4:, 4:] = alone[0][0], alone[1][0]
    ends = [torch.tensor([0, 1, 3]), torch.tensor([1, 4])]
    text = torch.tensor([0, 0, 0, 1, 1])
    row, position = torch.zeros(5, dtype=torch.int64), torch.cat([ends[0], ends[1] + 4])
    found = by_piece(packed, row, position, text, 6)
    for number, (attention, at) in enumerate(zip(alone, ends, strict=True)):
        zeros = torch.zeros_like(at)
        torch.testing.assert_close(found[text == number], by_piece(attention, zeros, at, zeros, 6))
    assert visible(text, 4).sum(dim=1).tolist() == [1, 2, 3, 1, 2]
