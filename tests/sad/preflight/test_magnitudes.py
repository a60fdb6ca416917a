"""A tiny teacher has no massive activation: one is planted, as large as SmolLM2's, at the first position."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from sad import tiny
from sad.pair import Pair
from sad.preflight.finding import Level
from sad.preflight.magnitudes import _named, magnitudes, measure

BLOCK, DIMENSION, SIZE = 1, 7, 25_000.0


def planted(everywhere: bool = False) -> Pair:
    pair = tiny.pair()

    def spike(_module, _inputs, output):
        state = output[0] if isinstance(output, tuple) else output
        state = state.clone()
        state[:, slice(None) if everywhere else 0, DIMENSION] = SIZE
        return (state, *output[1:]) if isinstance(output, tuple) else state

    pair.teacher.model.layers[BLOCK].register_forward_hook(spike)
    return pair


def test_a_teacher_without_one_is_fine(bench) -> None:
    (found,) = magnitudes(bench())
    assert found.level is Level.FINE
    assert "no massive activation" in found.says


def test_a_planted_one_is_found_where_it_is_with_its_price(bench) -> None:
    made = bench(of=planted())
    (found,) = magnitudes(made)
    assert f"{SIZE:,.0f} at position 0, dimension {DIMENSION}" in found.says
    assert found.numbers["largest"] == pytest.approx(SIZE, rel=0.01)
    assert made.once(measure).blocks[BLOCK].massive
    assert not made.once(measure).blocks[0].massive
    # position 0 is no common boundary with a label unless both tokenizers cut there: the price is where it counts
    assert found.numbers["raw"] > 1e5
    assert found.numbers["normalised"] < 4


def test_one_at_every_place_of_a_compared_block_is_a_warning(bench) -> None:
    (found,) = magnitudes(bench({"terms": {"layerwise": {"layers": 3}}}, of=planted(everywhere=True)))
    assert found.level is Level.WARNING
    assert "terms.layerwise.layers" in found.advice


def test_it_is_measured_also_where_no_term_compares_states(bench) -> None:
    made = bench({"terms": {"layerwise": {"weight": 0.0}}}, of=planted())
    assert made.once(measure).compared == frozenset()
    assert not any(torch.isnan(torch.tensor([b.raw for b in made.once(measure).blocks])))


@pytest.mark.parametrize(
    ("numbers", "told"), [([1], "block 1"), ([0, 1, 2], "blocks 0 to 2"), ([0, 2, 5], "3 of blocks 0 to 5")]
)
def test_the_blocks_are_named_from_one(numbers, told) -> None:
    assert _named([SimpleNamespace(number=number) for number in numbers]) == told
