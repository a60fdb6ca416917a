"""What an alignment returned, as pairs of last tokens."""

import numpy as np
import pytest

from sad.judge.alignments.pairs import WrongPairsError, aligned

PAIRS = [(0, 1), (2, 2)]
GROUPS = [((0,), (0, 1)), ((1, 2), (2,))]


@pytest.mark.parametrize(
    ("returned", "grouped"),
    [
        (PAIRS, False),
        (np.array(PAIRS), False),
        (iter(PAIRS), False),
        ({0: 1, 2: 2}, False),
        ([([0], [0, 1]), ([1, 2], [2])], True),
        ([(0, [0, 1]), ([1, 2], 2)], True),
        (([[0], [1, 2]], [[0, 1], [2]]), True),
        ({"student_groups": [[0], [1, 2]], "teacher_groups": [[0, 1], [2]]}, True),
        # ranges that touch: the second end is not counted
        ([((0, 1), (0, 2)), ((1, 3), (2, 3))], True),
    ],
)
def test_forms(returned, grouped):
    found = aligned(returned, 3, 3)
    assert found.pairs == PAIRS
    assert found.groups == (GROUPS if grouped else None)


def test_two_lists_of_places_are_one_a_side():
    assert aligned(([0, 1, 2], [1, 2, 3]), 4, 4).pairs == [(0, 1), (1, 2), (2, 3)]
    assert aligned([], 3, 3).pairs == []


@pytest.mark.parametrize(
    ("returned", "word"),
    [
        (None, "None"),
        ("ab", "a str"),
        ([1, 2, 3], "an int"),
        ([(0, 3)], "token 0 with token 3"),
        ({"a": [1], "b": [2]}, "a dict with a, b"),
        ([("x", "y")], "a group that is a str"),
    ],
)
def test_what_is_none_is_told(returned, word):
    with pytest.raises(WrongPairsError, match=word):
        aligned(returned, 3, 3)


def test_a_list_for_each_token_of_the_student_is_read():
    found = aligned([[0], [1, 2, 2], [], [3]], 4, 4)
    assert found.groups == [((0,), (0,)), ((1,), (1, 2)), ((3,), (3,))]
    assert found.pairs == [(0, 0), (1, 2), (3, 3)]


def test_the_lists_of_places_are_taken_out_of_several_results():
    found = aligned((["a", "b", "c"], ["x", "y"], "Ġ", [[0], [0, 1], [1]]), 3, 2)
    assert found.groups == [((0,), (0,)), ((1,), (0, 1)), ((2,), (1,))]
    with pytest.raises(WrongPairsError):
        aligned((["a", "b", "c"], ["x", "y"], "Ġ"), 3, 2)
