"""Weights in pieces train as whole ones do: two processes joined by gloo against one, and checkpoints of either."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from together import Given, run, same_run
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from sad import tiny
from sad.subjects.processes import on_processes
from sad.train.processes import engine, sharded
from sad.train.processes.devices import USE_FSDP
from sad.train.saving import checkpoint

FSDP = {USE_FSDP: "true", "FSDP_VERSION": "2"}


@pytest.mark.parametrize(("tied", "reshard"), [(True, "true"), (False, "false")])
def test_two_processes_with_pieces_train_as_one_that_has_all(tmp_path: Path, tied: bool, reshard: str) -> None:
    run(Given(tmp_path / "one", 1, tied=tied))
    environment = {**FSDP, "FSDP_RESHARD_AFTER_FORWARD": reshard}
    student, teacher = run(Given(tmp_path / "two", 2, tied=tied, environment=environment))
    assert all(student)
    # its embedding, its head and its last norm are whole
    assert 0 < sum(teacher) < len(teacher)
    same_run(tmp_path / "one", tmp_path / "two")


def test_a_teacher_of_experts_is_asked_in_pieces(tmp_path: Path) -> None:
    run(Given(tmp_path / "one", 1, experts=True))
    _, teacher = run(Given(tmp_path / "two", 2, experts=True, environment=FSDP))
    assert 0 < sum(teacher) < len(teacher)
    same_run(tmp_path / "one", tmp_path / "two")


def test_activations_that_are_computed_again_find_the_pieces(tmp_path: Path) -> None:
    again = {"gradient_checkpointing": True}
    run(Given(tmp_path / "one", 1, train=again))
    run(Given(tmp_path / "two", 2, train=again, environment=FSDP))
    same_run(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(("pieces", "last"), [(True, 4), (False, 1)])
def test_a_run_goes_from_one_process_to_two_and_on_with_others(tmp_path: Path, pieces: bool, last: int) -> None:
    environment = FSDP if pieces else {}
    run(Given(tmp_path / "whole", 1))
    run(Given(tmp_path / "cut", 1, stop=1))
    run(Given(tmp_path / "cut", 2, stop=3, environment=environment, resume=True))
    assert checkpoint.steps_done(tmp_path / "cut") == 3
    run(Given(tmp_path / "cut", last, environment=environment, resume=True))
    same_run(tmp_path / "whole", tmp_path / "cut")


def test_steps_of_another_size_are_refused(tmp_path: Path) -> None:
    run(Given(tmp_path, 1, stop=1))
    with pytest.raises(RuntimeError, match="takes 4 windows, and here it would take 8"):
        run(Given(tmp_path, 2, resume=True, train={"batch_size": 4}))


@pytest.mark.parametrize("asked", [True, False])
def test_the_teacher_is_cut_where_it_is_asked_for(tmp_path: Path, asked: bool) -> None:
    environment = {} if asked else FSDP
    more = {"shard_teacher": asked}
    student, teacher = run(Given(tmp_path, 2, stop=1, environment=environment, train=more))
    assert (any(student), any(teacher)) == (not asked, asked)


def parts(_: None) -> dict[str, Any]:
    torch.manual_seed(0)
    module = nn.Linear(5, 3)
    full = [p.detach().clone() for p in module.parameters()]
    mesh = init_device_mesh("cpu", (2,))
    fully_shard(module, mesh=mesh)
    cut = list(module.parameters())
    module(torch.zeros(1, 5))
    gathered = [not isinstance(p, DTensor) for p in module.parameters()]
    sharded.settle(module)
    found = {
        "sharded": sharded.is_sharded(module),
        "settled": all(gathered) and all(isinstance(p, DTensor) for p in module.parameters()),
        "norm": float(sharded.norm([*cut, full[0]])),
        "expected": float(torch.cat([t.flatten() for t in [*full, full[0]]]).norm()),
        "whole": all(torch.equal(sharded.whole(a.detach()), b) for a, b in zip(cut, full, strict=True)),
        "like": torch.equal(sharded.whole(sharded.like(full[0] * 2, cut[0])), full[0] * 2),
        "piece": cut[0].to_local().numel(),
    }
    with pytest.raises(RuntimeError, match="weight is"):
        sharded.load_state(module, {"weight": torch.zeros(3, 4), "bias": full[1]})
    sharded.load_state(module, {"weight": full[0] + 1, "bias": full[1]})
    state = sharded.whole_state(module, keep=torch.distributed.get_rank() == 0)
    return {**found, "state": {name: value.tolist() for name, value in state.items()}, "full": full[0].tolist()}


def test_pieces_are_gathered_measured_and_loaded_as_the_whole() -> None:
    first, other = on_processes(parts, None, 2)
    for one in (first, other):
        assert one["sharded"]
        assert one["settled"]
        assert one["whole"]
        assert one["like"]
        assert one["norm"] == pytest.approx(one["expected"], rel=1e-6)
    assert first["piece"] != other["piece"]
    assert other["state"] == {}
    assert torch.allclose(torch.tensor(first["state"]["weight"]), torch.tensor(first["full"]) + 1)


def test_of_whole_weights_nothing_is_changed() -> None:
    module = nn.Linear(2, 2)
    assert not sharded.is_sharded(module)
    sharded.settle(module)
    assert sharded.whole(module.weight) is module.weight
    assert float(sharded.norm([torch.tensor([3.0]), torch.tensor([[4.0]])])) == 5.0
    with pytest.raises(RuntimeError, match="its weights are others: bias"):
        sharded.load_state(module, {"weight": torch.zeros(2, 2)})


def test_what_an_engine_holds_is_known_by_its_marks() -> None:
    module, told = nn.Linear(2, 2), list[str]()
    state = {name: torch.ones_like(p) for name, p in module.named_parameters()}
    vars(module)[engine._HERE] = SimpleNamespace(loaded=lambda: told.append("loaded"))
    assert sharded.is_sharded(module)
    sharded.load_state(module, state)
    assert told == ["loaded"]
    # as DeepSpeed marks a weight that it has cut
    marks: Any = module.weight
    marks.ds_id, marks.ds_shape = 0, (4, 2)
    with pytest.raises(RuntimeError, match=re.escape("weight is [2, 2], and here [4, 2]")):
        sharded.load_state(module, state)


def test_a_teacher_of_few_bits_is_refused() -> None:
    teacher = tiny.pair().teacher
    first = next(p for name, p in teacher.named_parameters() if "layers" in name)
    first.data = first.data.to(torch.int8)
    with pytest.raises(RuntimeError, match="few bits cannot be sharded"):
        on_processes(_shard, teacher, 1)


def _shard(teacher: nn.Module) -> None:
    sharded.shard_teacher(teacher, torch.device("cpu"))


def mesh(_: None) -> tuple[str, int]:
    made = sharded._mesh(torch.device("cpu"))
    return made.device_type, made.size()


def test_the_pieces_are_where_the_run_is_and_one_for_each_process() -> None:
    """Without a mesh of our own torch takes a GPU where there is one, whatever the run is on."""
    assert on_processes(mesh, None, 2) == [("cpu", 2)] * 2
