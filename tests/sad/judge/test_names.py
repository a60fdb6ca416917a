"""The names of what losses take: none stands for two things."""

from __future__ import annotations

import itertools

import pytest

from sad.judge import names
from sad.judge.names import says_labels, tokens, told_by_its_end

WHOLE = ("LABELS", "MASKS", "PADS", "BATCHES", "COUNTS", "IGNORES", "LABEL_LOSSES", "CONFIGS", "OFFS", "ONS", "EAGERS")
WHOLE += ("TEACHER_MODELS", "MODELS", "OBJECTS", "ONES", "CRITERIA", "KINDS")


@pytest.mark.parametrize(("one", "other"), itertools.combinations(WHOLE, 2))
def test_no_name_has_two_roles(one, other):
    assert not getattr(names, one) & getattr(names, other)


@pytest.mark.parametrize("group", WHOLE)
def test_names_are_as_they_are_compared(group):
    assert all("_".join(tokens(name)) == name.rstrip("_") for name in getattr(names, group))


@pytest.mark.parametrize(
    ("name", "told"),
    [("normalize_hidden", "flag"), ("sentence_avg", "flag"), ("is_padding", ""), ("matches", "layers"), ("k", "topk")],
)
def test_a_required_name_tells_by_its_end_or_its_beginning(name, told):
    assert told_by_its_end(name, set(tokens(name))) == told


def test_an_empty_name_says_nothing_of_labels():
    assert not says_labels("")
    assert says_labels("answer_labels")
