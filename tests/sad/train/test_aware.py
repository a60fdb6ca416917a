"""What follows the student in the loop: the same however a step is cut, on many processes, and after a resume."""

from __future__ import annotations

import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.state import AcceleratorState

from sad import tiny
from sad.data import blank, collate
from sad.errors import UserError
from sad.objective import Objective
from sad.subjects.processes import on_processes
from sad.train import aware
from sad.train.parts import make_parts
from sad.train.saving import checkpoint
from sad.train.step import Learner, take_step
from sad_doctor import names

ALL = {
    "aware": {
        "tokens": {"power": 1.0},
        "layers": {"learned": True},
        "time": {"terms": ["kd"], "begin": 0.0, "end": 0.02},
    },
    "terms": {"layerwise": {"weight": 0.3, "layers": 2}},
}
SHARES = {
    "shares": {"kd": 50.0, "lm": 40.0, "layerwise": 10.0},
    "aware": {"shares": {"of": "gradient", "every": 2}, "tokens": {"power": -0.5}},
}
WHOLE = (8,)


def stepped(given: tuple[dict[str, Any], tuple[int, ...]]) -> tuple[dict[str, Any], list[float], torch.Tensor]:
    """Take three steps of eight windows, in micro-batches of these sizes dealt to the processes."""
    changes, sizes = given
    AcceleratorState._reset_state(reset_partial_state=True)
    plan = tiny.plan(changes)
    accelerator, distiller, _, objective = make_parts(plan)
    wrapped, optimizer = accelerator.prepare(distiller, torch.optim.SGD(distiller.parameters(), lr=0.1))
    objective.begin(5.8, 3.0)
    edges = [sum(sizes[:i]) for i in range(len(sizes) + 1)]
    every = [collate(plan.train[a:b], plan.pair.readers) for a, b in itertools.pairwise(edges)]
    mine = every[accelerator.process_index :: accelerator.num_processes]
    norms = []
    for number in range(1, 4):
        learner = Learner(accelerator, wrapped, optimizer, objective)
        done = take_step(learner, mine, 1e9)
        aware.steer(learner, mine[0], number, done)
        norms.append(done.grad_norm)
        assert done.trained == pytest.approx(done.ledger.loss, rel=1e-5)
    told = {"weights": objective.weights, "means": objective.means, **objective.state()}
    return told, norms, tiny.weights(distiller)


def alike(one: Any, other: Any) -> None:
    flat = [{f"{a}/{b}": v for a, of in told.items() for b, v in of.items()} for told in (one[0], other[0])]
    assert flat[0] == pytest.approx(flat[1], rel=1e-4)
    assert one[1] == pytest.approx(other[1], rel=1e-3)
    torch.testing.assert_close(one[2], other[2], rtol=1e-3, atol=1e-5)


def test_micro_batches_and_processes_change_nothing() -> None:
    whole = stepped((ALL, WHOLE))
    assert 0.0 < whole[0]["weights"]["kd"] < 1.0
    assert whole[0]["gaps"]["size"] != 1.0
    alike(whole, stepped((ALL, (3, 1, 4))))
    two = on_processes(stepped, (ALL, (5, 3)), 2)
    assert two[0][:2] == two[1][:2]
    alike(whole, two[0])


def test_all_processes_hold_the_same_shares_of_the_gradient() -> None:
    one, other = on_processes(stepped, (SHARES, (5, 3)), 2)
    assert one[:2] == other[:2]
    assert one[0]["weights"]["kd"] != 1.0
    assert torch.equal(one[2], other[2])


def test_off_is_what_was_there_before_and_on_is_not() -> None:
    plain = {"terms": ALL["terms"]}
    distiller = make_parts(tiny.plan(plain)).distiller
    assert (distiller.gaps, distiller.layer_map, distiller.teacher_blocks) == (None, None, [1, 2])
    assert (tiny.plan(plain).layers, tiny.plan(ALL).layers) == ({1, 2}, {0, 1, 2})
    off = stepped((plain, WHOLE))
    assert off[0].keys() == {"weights", "means"}
    for part in ALL["aware"]:
        on = stepped(({**plain, "aware": {part: ALL["aware"][part]}}, WHOLE))
        assert on[1][1:] != pytest.approx(off[1][1:], rel=1e-6), part


@pytest.mark.parametrize("changes", [ALL, SHARES])
def test_a_run_that_is_resumed_is_the_run_that_went_on(changes: dict[str, Any], tmp_path: Path) -> None:
    def plan() -> Any:
        return tiny.plan(
            {**changes, "train": {"max_steps": 6, "learning_rate": 0.02, "save_every": 3, "keep_checkpoints": 5}}
        )

    first = plan()
    tiny.train(first, tmp_path / "run")
    state = (checkpoint.newest(tmp_path / "run") / checkpoint.STATE).read_text()
    shutil.rmtree(checkpoint.newest(tmp_path / "run"))
    assert checkpoint.steps_done(tmp_path / "run") == 3
    again = plan()
    found = tiny.train(again, tmp_path / "run", resume=True)
    assert (checkpoint.newest(tmp_path / "run") / checkpoint.STATE).read_text() == state
    assert torch.equal(tiny.weights(again.pair.student), tiny.weights(first.pair.student))
    logged = [line[names.WEIGHT + "kd"] for line in found.record if names.WEIGHT + "kd" in line]
    assert len(set(logged)) > 1
    assert json.loads(state)["aware"]


def test_weights_in_pieces_cannot_be_steered_by_their_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = tiny.plan(SHARES)
    accelerator, distiller, optimizer, objective = make_parts(plan)
    batch = blank(plan.train[0], plan.pair.readers)
    learner = Learner(accelerator, distiller, optimizer, objective)
    done = take_step(learner, [batch], 1.0)
    monkeypatch.setattr(aware.sharded, "in_pieces", lambda _: True)
    with pytest.raises(UserError, match="whole weights"):
        aware.steer(learner, batch, 1, done)
    # not yet time, and not asked for
    aware.steer(learner, batch, 2, done)
    aware.steer(replace(learner, objective=Objective({"kd": 1.0})), batch, 1, done)
