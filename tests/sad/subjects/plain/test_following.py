from dataclasses import replace

import torch

from sad.invariants.objective_follows_the_student import _tasks
from sad.subjects.objective import TEACHER
from sad.subjects.plain.following import PlainFollowing, of
from sad.subjects.plain.objective import PlainObjective


def test_where_nothing_follows_a_step_is_one_by_itself():
    """With powers of 0, no map and no waiting, the last step is that of an objective that does not move."""
    task = next(task for _, task in _tasks())
    still = replace(task, following=replace(of(task), power=0.0, learned=False))
    got = PlainFollowing()(still)
    plain = PlainObjective().account(replace(task, following=None), got.batches, got.projections)
    # what the teacher thinks is told seldom, and tokens are those of the steps before it too
    expected = {name: of for name, of in plain.step.items() if not name.startswith(TEACHER) and name != "tokens"}
    assert got.step.items() >= expected.items()
    assert all(torch.equal(got.gradient[name], of) for name, of in plain.gradient.items())
    assert got.earlier == PlainFollowing().steps(still)[:-1]


def test_the_map_has_a_gradient_of_its_own():
    task = next(task for _, task in _tasks())
    scores = PlainFollowing()(task).gradient[f"projection {len(task.blocks)}"]
    assert scores.shape == (2, 3)
    # a softmax does not mind what is added to all of its scores
    torch.testing.assert_close(scores.sum(dim=1), torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)
    assert float(scores.abs().max()) > 0
