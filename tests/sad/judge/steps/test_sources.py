"""What counts micro-batches, and from which number."""

from __future__ import annotations

import pytest

from sad.judge.judging import Code
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.steps.sources import by_score, counted_from, one_more


def from_nought(current_step, accumulation_steps):
    return (current_step + 1) % accumulation_steps == 0


def goes_on_by_one(iter_num, args):
    iter_num += 1
    return iter_num % args.gradient_accumulation_steps == 0


def from_one(iter_count, config):
    return iter_count % config["accumulation_steps"] == 0


def of_steps(global_step, accumulation_steps, warmup):
    return global_step % warmup + accumulation_steps


def by_rows(batch, samples_seen, accum):
    samples_seen += len(batch)
    return samples_seen % accum == 0


@pytest.mark.parametrize(
    ("step", "counter", "begins"),
    [
        (from_nought, "current_step", 0),
        (goes_on_by_one, "iter_num", 0),
        (from_one, "iter_count", 1),
        (of_steps, "global_step", None),
        (of_steps, "", None),
    ],
)
def test_where_a_counter_begins(step, counter, begins):
    assert counted_from(Code(step), counter) == begins


def test_a_counter_of_something_else_is_not_told():
    with pytest.raises(NeedsAdapterError, match="what samples_seen should be"):
        counted_from(Code(by_rows), "samples_seen")


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("scheduler.step(val_loss)", True),
        ("lr_scheduler.step(metrics=evaluate(model))", True),
        ("self.sched.step(loss)\nself.sched.step(loss)", True),
        ("scheduler.step()", False),
        ("scheduler.step(epoch)", False),
        ("scheduler.step(epoch=None)", False),
        ("scheduler.step(i)", False),
        ("scheduler.step(global_step + 1)", False),
        ("scheduler.step(val_loss)\nscheduler.step()", False),
        ("optimizer.step(closure)", False),
    ],
)
def test_a_schedule_that_a_score_steps_is_told(text, is_one):
    assert by_score(text) is is_one


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("optimizer.step()\nn += 1\nlocal += 1\n\n# the end\nif n > max_iters:\n    break", True),
        ("opt.step()\nn = n + 1\nif n > args.max_iters: break", True),
        ("opt.step()\nn += 1\nif n >= max_iters:\n    break", False),
        ("for n, batch in enumerate(loader, start=1):\n    if n > max_iters:\n        break\n    opt.step()", False),
        ("while True:\n    if n > max_iters:\n        break\n    opt.step()\n    n += 1\n", False),
        ("n += 1\nopt.step()\nif m > max_iters:\n    break", False),
    ],
)
def test_a_loop_that_is_left_once_its_count_is_above_the_total_takes_one_more(text, more):
    assert one_more(text, "max_iters") is more
