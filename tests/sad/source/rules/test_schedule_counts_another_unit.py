"""Schedules and their lengths, in micro-batches and in windows."""

from __future__ import annotations

import pytest

from sad.source.read import of_text
from sad.source.rules.schedule_counts_another_unit import RULE
from tests.sad.source.rules.loop_text import changed

IN_WINDOW, IN_EACH = {"step": "optimizer.step(); scheduler.step()"}, {"each": "scheduler.step()"}


@pytest.mark.parametrize(
    ("length", "parts", "seen"),
    [
        ("len(loader) * epochs", IN_WINDOW, True),
        ("args.epochs * len(loader)", IN_WINDOW, True),
        ("len(loader) // accum * epochs", IN_WINDOW, False),
        ("len(loader) * epochs", IN_EACH, False),
        ("len(loader) // accum * epochs", IN_EACH, True),
        ("math.ceil(len(loader) / args.grad_accum) * epochs", IN_EACH, True),
        ("args.max_steps", IN_WINDOW, False),
        ("len(loader) * epochs", {"each": "if i == last: scheduler.step()"}, False),
        ("len(loader) // accum * epochs", {"each": "if i == last: scheduler.step()"}, False),
        ("len(loader) * epochs / 2", IN_WINDOW, False),
        ("len(loader) * accum", IN_WINDOW, False),
        ("len(loader) // accum * epochs", {"each": "scheduler.step(i)"}, False),
        ("len(loader) * epochs", IN_WINDOW | {"test": "i % every == 0"}, False),
    ],
)
def test_what_is_seen(length, parts, seen):
    made = f"total = {length}\nscheduler = make(optimizer, num_training_steps=total)\n"
    assert bool(of_text(made + changed(parts), "a.py", [RULE])) is seen


def test_a_length_kept_on_an_object():
    made = "args.steps = args.epochs * len(loader)\nscheduler = make(optimizer, num_training_steps=args.steps)\n"
    assert of_text(made + changed(IN_WINDOW), "a.py", [RULE])
    assert not of_text("args.steps = 7\n" + made + changed(IN_WINDOW), "a.py", [RULE])
