# ruff: noqa: ARG001, ARG002
"""An exit for want of an adapter says what the adapter is, but for what must be filled in."""

from __future__ import annotations

import pytest

from sad.judge.losses.call import Call
from sad.judge.losses.session import session
from sad.judge.losses.sketch import sketched
from sad.judge.stand_in import NeedsAdapterError


def pruned(student_logits, teacher_logits, mask, zs, T=2.0):  # noqa: N803
    raise AssertionError(zs)


class Made:
    def __init__(self, paths, weight=1.0):
        self.paths = paths

    def __call__(self, y_s, y_t):
        raise AssertionError(self.paths)


def whole(student_logits, teacher_logits):
    return (student_logits - teacher_logits).square().mean()


def test_what_names_tell_is_filled_in():
    says = (
        "; an adapter is: def loss(given, target): return target(student_logits=given.student_logits, "
        "teacher_logits=given.teacher_logits, mask=given.labels != -100, T=given.temperature, zs=...)"
    )
    assert sketched(Call(pruned)) == says
    with pytest.raises(NeedsAdapterError) as raised:
        list(session(Call(pruned), "pruned"))
    assert f"zs should be cannot be told from the name{says}; say how" in str(raised.value)


def test_an_object_is_made_first_and_what_is_known_needs_none():
    made = "return target(paths=...)(y_s=given.student_logits, y_t=given.teacher_logits)"
    assert sketched(Call(Made)).endswith(made)
    assert sketched(Call(whole)) == sketched(object()) == ""
