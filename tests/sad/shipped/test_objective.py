import copy

import torch

from sad.invariants._pairs import tasks
from sad.shipped.objective import shipped_objective
from sad.subjects.objective import AGREEMENT, LOSS, RAW, TEACHER
from sad.subjects.plain.objective import PlainObjective


def test_it_gives_an_account_of_everything_and_leaves_the_task_alone():
    name, task = next(tasks())
    assert name == "two tokenizers"
    before = copy.deepcopy(task.student.state_dict())
    account = shipped_objective()(task)
    right = PlainObjective().account(task, account.batches, account.projections)
    assert account.step.keys() == right.step.keys()
    assert account.held_out.keys() == right.held_out.keys()
    assert account.gradient.keys() == right.gradient.keys()
    assert all(torch.equal(of, before[name]) for name, of in task.student.state_dict().items())
    assert [len(batch) for batch in account.batches] == [2, 2, 1]
    assert [tuple(one.shape) for one in account.projections] == [(24, 16), (24, 16)]
    assert {LOSS, RAW + "kd", RAW + "contrastive"} <= account.step.keys()
    assert 0 < account.held_out[AGREEMENT] < 1
    assert TEACHER + "lm loss" in account.held_out


def test_it_gives_the_same_account_twice():
    _, task = next(tasks())
    first, second = (shipped_objective()(task) for _ in range(2))
    assert first.step == second.step
    assert first.held_out == second.held_out
    assert all(torch.equal(of, second.gradient[name]) for name, of in first.gradient.items())
