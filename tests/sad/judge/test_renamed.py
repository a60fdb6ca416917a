# ruff: noqa: ARG002
"""Functions and classes whose parameters are told take the others, in their order."""

from __future__ import annotations

import inspect

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
