# ruff: noqa: ARG002
"""Functions and classes whose parameters are told take the others, in their order."""

from __future__ import annotations

import inspect

import pytest

from sad.errors import UserError
from sad.judge import told
from sad.judge.renamed import renamed
from sad.judge.told import Told, telling


class Grouped:
    def __init__(self, paths, how, zs=None):
        self.how, self.zs = how, zs


def test_an_own_order_stays_for_a_class_and_follows_the_names_for_a_function():
    with telling({"zs": Told(4), "theirs": Told(alias="teacher_logits")}):
        with renamed(Grouped, None) as same:
            assert list(inspect.signature(same).parameters) == ["paths", "how"]
            assert Grouped([], "rows", 5).zs == 5
            assert Grouped([], "rows").zs == 4
        with renamed(lambda zs, theirs=1, /, other=2: (zs, theirs, other), None) as shown:
            assert shown(7) == (4, 7, 2)
    assert told.value_of("zs") is told.ABSENT


def test_what_is_by_place_alone_is_given_by_its_new_name_with_the_defaults_before_it():
    names = {"x": Told(alias="labels"), "y": Told(alias="logits")}
    with telling(names), renamed(lambda x, how=2, /, y=None, *, keep: (x, how, y, keep), None) as shown:
        assert shown(labels=1, logits=3, keep=4) == (1, 2, 3, 4)


class Called:
    def __call__(self, x):
        return x


def test_the_methods_of_an_object_are_told_too():
    with telling({"x": Told(alias="labels")}), renamed(Called(), None) as shown:
        assert list(inspect.signature(shown).parameters) == ["labels"]


@pytest.mark.parametrize("other", ["y", "labels"])
def test_two_parameters_of_one_name_are_one_line(other):
    code = {"y": lambda x, y: (x, y), "labels": lambda x, labels: (x, labels)}[other]
    twice = {"x": Told(alias="labels"), "y": Told(alias="labels")}
    with telling(twice), pytest.raises(UserError, match="another parameter is labels too"), renamed(code, None):
        pass
