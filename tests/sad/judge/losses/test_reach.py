# ruff: noqa: ARG001
"""How far a parameter reaches, by a function's source."""

from __future__ import annotations

from sad.judge.losses.reach import Reach, reach


def unread(x, labels):
    return x


def looked_at(x, labels):
    assert labels is not None
    mask = labels != -100  # noqa: F841
    return x


def used(x, labels):
    mask = labels != -100
    x = x * mask
    return x.sum()


def written_into(x, labels):
    x[labels == -100] = 0
    return x.sum()


def gathered(x, labels):
    parts = [x]
    parts.append(labels)
    return sum(parts)


def branched(x, labels):
    if labels is None:
        return x
    return x + 1


def optional(x, labels, hard=None):
    if hard is not None:
        x = x + hard(x, labels)
    return x


def chosen(x, labels, alpha=0.0):
    return x + labels if alpha > 0 else x


def test_how_far():
    assert reach(unread, "labels") == Reach(returned=False, optional=False)
    assert reach(looked_at, "labels") == Reach(returned=False, optional=False)
    for function in (used, written_into, gathered, branched):
        assert reach(function, "labels") == Reach(returned=True, optional=False), function.__name__
    for function in (optional, chosen):
        assert reach(function, "labels") == Reach(returned=True, optional=True), function.__name__


def test_without_source_nothing_is_told():
    assert reach(eval("lambda x, labels: x"), "labels") is None
    assert reach(len, "labels") is None
