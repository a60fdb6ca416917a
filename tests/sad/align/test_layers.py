"""Pairs of blocks: spread over the depth, the last with the last, never outside either model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sad.align.layers import layer_pairs
from sad.errors import UserError

depth = st.integers(1, 96)


@given(depth, depth, st.integers(1, 100))
def test_pairs_rise_within_both_models_and_end_with_the_last(student: int, teacher: int, pairs: int) -> None:
    found = layer_pairs(student, teacher, pairs)
    assert len(found) == min(pairs, student, teacher)
    assert found[-1] == (student - 1, teacher - 1)
    for side, layers in ((0, student), (1, teacher)):
        blocks = [pair[side] for pair in found]
        assert all(0 <= block < layers for block in blocks)
        assert blocks == sorted(set(blocks))


@given(depth, depth, st.integers(1, 20))
def test_both_blocks_of_a_pair_lie_at_the_same_depth(student: int, teacher: int, pairs: int) -> None:
    for mine, theirs in layer_pairs(student, teacher, pairs):
        assert abs((mine + 1) / student - (theirs + 1) / teacher) <= 0.5 / student + 0.5 / teacher + 1e-9


@given(depth, st.integers(1, 20))
def test_models_of_one_depth_are_compared_block_by_block(layers: int, pairs: int) -> None:
    assert all(mine == theirs for mine, theirs in layer_pairs(layers, layers, pairs))


@given(depth, depth, st.integers(1, 20))
def test_which_one_is_deeper_does_not_matter(student: int, teacher: int, pairs: int) -> None:
    swapped = tuple((theirs, mine) for mine, theirs in layer_pairs(teacher, student, pairs))
    assert layer_pairs(student, teacher, pairs) == swapped


@given(depth, depth, st.integers(1, 100))
def test_a_block_of_the_teacher_may_serve_several_where_it_is_asked_to(student: int, teacher: int, pairs: int) -> None:
    found = layer_pairs(student, teacher, pairs, repeat=True)
    assert len(found) == min(pairs, student)
    assert len({mine for mine, _ in found}) == len(found)
    assert [theirs for _, theirs in found] == sorted(theirs for _, theirs in found)
    assert found[-1] == (student - 1, teacher - 1)
    for mine, theirs in found:
        assert abs((mine + 1) / student - (theirs + 1) / teacher) <= 0.5 / student + 1 / teacher + 1e-9


def test_a_known_case() -> None:
    assert layer_pairs(2, 6, 2) == ((0, 2), (1, 5))
    assert layer_pairs(6, 2, 1) == ((5, 1),)


@pytest.mark.parametrize("wrong", [(0, 3, 1), (3, 0, 1), (3, 3, 0)])
def test_nothing_to_pair_is_an_error(wrong: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        layer_pairs(*wrong)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=6))
def test_named_pairs_are_taken_as_they_are(pairs: list[tuple[int, int]]) -> None:
    assert layer_pairs(4, 9, [list(pair) for pair in pairs]) == tuple(pairs)
    # the student is the deeper one
    assert layer_pairs(9, 4, [[t, s] for s, t in pairs]) == tuple((t, s) for s, t in pairs)


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ([4, 0], "layers: the pair [4, 0] names block 4 of the student, which has 4: blocks are numbered 0 to 3"),
        ([0, 9], "layers: the pair [0, 9] names block 9 of the teacher, which has 9: blocks are numbered 0 to 8"),
        ([-1, 0], "layers: the pair [-1, 0] names block -1 of the student, which has 4: blocks are numbered 0 to 3"),
    ],
)
def test_a_block_that_is_not_there_is_named(pair: list[int], says: str) -> None:
    with pytest.raises(UserError) as caught:
        layer_pairs(4, 9, [[0, 0], pair], key="terms.layerwise.layers")
    assert str(caught.value) == f"terms.layerwise.{says}"
