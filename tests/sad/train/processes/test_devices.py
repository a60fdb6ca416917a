"""What is taken from accelerate's configuration, and how held-out text is dealt and its totals added."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch.nn.parallel import DistributedDataParallel

from sad import tiny
from sad.batch import Batch
from sad.data import blank, collate
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import evaluate, likelihood
from sad.objective import Objective
from sad.recipe.terms import Terms
from sad.subjects.processes import on_processes
from sad.train.processes import devices
from sad.train.processes.devices import USE_FSDP, Sharding, dealt, make_accelerator, reducer, sharding

FSDP = {USE_FSDP: "true", "FSDP_VERSION": "2"}


def test_without_a_word_of_it_nothing_is_sharded() -> None:
    assert sharding({}) is None
    assert sharding({USE_FSDP: "false", "FSDP_OFFLOAD_PARAMS": "true"}) is None


@pytest.mark.parametrize(("told", "reshard"), [({}, True), ("true", True), ("false", False), ("FULL_SHARD", True)])
def test_the_second_fsdp_is_taken(told: Any, reshard: bool) -> None:
    more = {"FSDP_RESHARD_AFTER_FORWARD": told} if told else {}
    assert sharding({**FSDP, **more}) == Sharding(reshard=reshard)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"ACCELERATE_USE_MEGATRON_LM": "true"}, "asks for Megatron-LM"),
        ({"ACCELERATE_USE_PARALLELISM_CONFIG": "true"}, "only data parallelism"),
        ({"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"}, "set train.accumulation instead"),
        ({USE_FSDP: "true"}, "set fsdp_version: 2"),
        ({**FSDP, "FSDP_VERSION": "1"}, "set fsdp_version: 2"),
        ({**FSDP, "FSDP_OFFLOAD_PARAMS": "true"}, "fsdp_offload_params is not supported"),
        ({**FSDP, "FSDP_ACTIVATION_CHECKPOINTING": "True"}, "fsdp_activation_checkpointing would hide"),
    ],
)
def test_what_cannot_be_taken_is_one_line(environment: dict[str, str], told: str) -> None:
    with pytest.raises(UserError, match=told) as error:
        sharding(environment)
    assert "\n" not in str(error.value)


def test_accelerate_is_not_to_shard_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str | None] = []

    class Seeing(Accelerator):
        def __init__(self, **how: Any) -> None:
            seen.append(os.environ.get(USE_FSDP))
            super().__init__(**how)

    monkeypatch.setattr(devices, "Accelerator", Seeing)
    for name, value in FSDP.items():
        monkeypatch.setenv(name, value)
    make_accelerator("cpu", "fp32", ("kd",))
    assert seen == [None]
    assert os.environ[USE_FSDP] == "true"
    AcceleratorState._reset_state()


@pytest.mark.parametrize(("environment", "keeps"), [({}, True), (FSDP, False)])
def test_no_copy_of_the_whole_model_is_kept_where_its_weights_are_in_pieces(
    environment: dict[str, str], keeps: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    accelerator = make_accelerator("cpu", "bf16", ("kd",))
    with accelerator.autocast():
        assert torch.is_autocast_enabled("cpu")
        assert torch.is_autocast_cache_enabled() == keeps
    AcceleratorState._reset_state()


def test_accelerate_is_not_to_divide_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "2")
    with pytest.raises(UserError, match="accumulation"):
        make_accelerator("cpu", "fp32", ("kd",))


@pytest.mark.parametrize("processes", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_every_group_is_scored_once_and_all_processes_have_as_many(count: int, processes: int) -> None:
    groups, every = [[number] for number in range(count)], []
    for process in range(processes):
        accelerator: Any = SimpleNamespace(num_processes=processes, process_index=process)
        every.append(dealt(groups, accelerator))
    assert len({len(mine) for mine in every}) == 1
    assert sorted(number for mine in every for group in mine for number in group) == list(range(count))


def batches(of: Any) -> list[Batch]:
    return [collate(of.held_out[i : i + 2], of.pair.readers) for i in range(0, len(of.held_out), 2)]


def scored(given: int) -> tuple[Any, Any]:
    AcceleratorState._reset_state(reset_partial_state=True)
    of = tiny.plan({"data": {"eval_windows": given}})
    accelerator = make_accelerator("cpu", "fp32", tuple(of.recipe.terms.weights))
    pair = of.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, of.recipe.terms)
    for projector in distiller.projectors.parameters():
        projector.data.fill_(0.1)
    objective = Objective(dict(of.recipe.terms.weights))

    groups = [of.held_out[i : i + 2] for i in range(0, len(of.held_out), 2)]

    def mine() -> Any:
        return [
            collate(g, pair.readers) if g else blank(of.held_out[0], pair.readers) for g in dealt(groups, accelerator)
        ]

    reduce = reducer(accelerator)
    return evaluate(distiller, mine(), objective, reduce), likelihood(distiller, mine(), reduce)


@pytest.mark.parametrize("windows", [1, 5])
def test_the_scores_of_two_processes_are_those_of_one(windows: int) -> None:
    ((alone, known),) = on_processes(scored, windows, 1)
    for scores, teacher in on_processes(scored, windows, 2):
        assert scores.likelihood.tokens == alone.likelihood.tokens
        assert scores.likelihood.bytes == alone.likelihood.bytes
        assert scores.likelihood.nats == pytest.approx(alone.likelihood.nats, rel=1e-6)
        assert (scores.kl, scores.agreement, scores.mapped) == pytest.approx(
            (alone.kl, alone.agreement, alone.mapped), rel=1e-6
        )
        assert scores.ledger.raw == pytest.approx(alone.ledger.raw, rel=1e-6)
        assert teacher.nats == pytest.approx(known.nats, rel=1e-6)


def backward(names: tuple[str, ...]) -> bool:
    AcceleratorState._reset_state(reset_partial_state=True)
    weights = {name: {"weight": 0.0} for name in ("kd", "lm", "layerwise", "contrastive")}
    of = tiny.plan({"terms": {**weights, **{name: {"weight": 1.0} for name in names}}})
    accelerator = make_accelerator("cpu", "fp32", names)
    pair = of.pair
    distiller = Distiller(pair.student, pair.teacher, pair.vocab, of.recipe.terms)
    devices.place(distiller, accelerator)
    wrapped, _ = devices.prepare(accelerator, distiller, tiny_optimizer(distiller), 1.0)
    objective = Objective(dict(of.recipe.terms.weights))
    for batch in batches(of)[:2]:
        # a second pass finds what the first one left undone
        sums = wrapped(batch, distiller.ask_teacher(batch))
        accelerator.backward(objective.part(sums, batch.counts()))
    return isinstance(wrapped, DistributedDataParallel)


def tiny_optimizer(distiller: Distiller) -> Any:
    return torch.optim.SGD(distiller.parameters(), lr=0.1)


@pytest.mark.parametrize("names", [("layerwise",), ("lm",)])
def test_weights_that_no_term_reaches_do_not_stop_two_processes(names: tuple[str, ...]) -> None:
    assert on_processes(backward, names, 2) == [True, True]


def test_both_models_and_what_trains_beside_them_are_put_on_the_device() -> None:
    pair = tiny.pair()
    made = Distiller(pair.student, pair.teacher, pair.vocab, Terms())
    devices.place(made, SimpleNamespace(device=torch.device("meta"), num_processes=1))  # type: ignore[arg-type]
    assert {p.device.type for module in (made, made.teacher) for p in module.parameters()} == {"meta"}
