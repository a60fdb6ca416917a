"""A number of micro-batches that a function sets itself becomes a parameter; nothing else does."""

import inspect

from sad.judge.free import is_free
from sad.judge.windows import windowed

NONE = object()


def counts(loader):
    accum_steps = 2
    return [step for step in range(len(loader)) if step % accum_steps == 0]


def shares(loader, size, *, most=4):
    gradient_accumulation_steps = 1
    if size > most:
        gradient_accumulation_steps = size // most
    return [step for step in range(len(loader)) if step % gradient_accumulation_steps == 0]


def adds(loader):
    accumulated = 1
    for step in range(len(loader)):
        accumulated += step % accumulated
    return accumulated


def is_told(loader, accum_steps=3):
    return len(loader) % accum_steps


def never_counts(loader):
    accum_steps = 1
    return [len(loader) / accum_steps]


def test_a_number_that_steps_are_counted_by_is_a_parameter():
    made = windowed(counts, NONE)
    assert inspect.signature(made).parameters["accum_steps"].default is NONE
    assert made([0] * 4, accum_steps=1) == [0, 1, 2, 3]
    assert inspect.getsource(made) == inspect.getsource(counts)
    assert windowed(shares, NONE)([0] * 4, 1, gradient_accumulation_steps=3) == [0, 3]


def test_another_stays_as_it_is():
    assert all(windowed(one, NONE) is one for one in (adds, is_told, never_counts, len, str))
    assert not any(is_free(one) for one in inspect.signature(windowed(is_told, NONE)).parameters.values())
