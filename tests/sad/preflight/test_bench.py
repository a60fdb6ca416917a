from __future__ import annotations

import numpy as np
import torch

from sad import tiny
from sad.data import collate
from sad.preflight.bench import heaviest, padded, shortened, within
from sad.train.step import take_step


def test_a_kit_leaves_the_student_as_it_was_loaded(bench) -> None:
    made = bench()
    student = made.plan.pair.student
    before = tiny.weights(student)
    with made.kit() as kit:
        take_step(kit.learner, [kit.collated(made.first)], 1.0)
        assert not torch.equal(tiny.weights(student), before)
    assert torch.equal(tiny.weights(student), before)
    assert all(p.grad is None for p in student.parameters())


def test_an_exact_kit_carries_the_teacher_to_float32_and_back(bench) -> None:
    made = bench()
    teacher = made.plan.pair.teacher.to(torch.bfloat16)
    with made.kit(exact=True) as kit:
        assert next(teacher.parameters()).dtype == torch.float32
        assert not kit.distiller.training
    assert next(teacher.parameters()).dtype == torch.bfloat16
    assert made.tolerance == 1e-4


def test_what_is_measured_once_is_measured_once(bench) -> None:
    made, calls = bench(), []
    for _ in range(2):
        made.once(calls.append)
    assert calls == [made]


def test_a_shortened_window_ends_at_a_common_boundary_and_is_a_batch(bench) -> None:
    made = bench()
    readers = made.plan.pair.readers
    for example in made.plan.train:
        cut = shortened(example, 16)
        assert len(cut.student) <= 17
        assert len(cut.teacher) <= 17
        assert len(cut.at_student) >= 2
        # the last label of either side ends at one byte
        ends = [
            sum(len(r.bytes[i] or b"") for i in ids)
            for r, ids in ((readers.student, cut.student), (readers.teacher, cut.teacher))
        ]
        assert ends[0] == ends[1]
        batch = collate([cut], readers)
        assert len(batch.boundaries) == len(cut.at_student)
        assert int(batch.boundaries.target.max()) < len(batch.targets)
    whole = made.plan.train[0]
    assert shortened(whole, 10_000) is whole


def test_the_small_cut_has_unequal_lengths(bench) -> None:
    few = bench().few
    assert len({len(e.student) for e in few}) > 1
    assert len(few) == 4


def test_within_keeps_at_least_one_window(bench) -> None:
    every = bench().plan.train
    assert within(every, 1) == every[:1]
    assert sum(len(e.student) for e in within(every, 60)) <= 60


def test_the_heaviest_micro_batch_is_one_of_the_run(bench) -> None:
    plan = bench().plan
    every = [m for step in range(plan.steps) for m in plan.schedule().micro_batches(step)]
    sizes = [padded([plan.train[i] for i in numbers]) for numbers in every]
    assert padded(heaviest(plan)) == max(sizes)
    assert np.array(sizes).min() < max(sizes)


def test_the_heaviest_rows_hold_as_many_tokens_as_full_ones(bench) -> None:
    plan = bench({"train": {"packing": True, "batch_size": 2}}).plan
    some = heaviest(plan)
    longest = max(max(len(e.student), len(e.teacher)) for e in plan.train)
    full = 2 * plan.recipe.data.max_length
    assert len(some) == -(-full // longest)
    assert max(len(e.student) for e in some) * len(some) <= full + longest
