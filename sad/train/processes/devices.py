"""Devices and processes of a run: what is supported of accelerate's configuration, and which process scores what.

A launcher tells each process its place and accelerate's configuration by environment variables. The configuration's
FSDP part is read here and the sharding done by :mod:`sad.train.processes.sharded`, since the head is read outside its
module.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import AutocastKwargs, DistributedDataParallelKwargs
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from sad.batch import KD, LM, widest
from sad.distiller import Distiller
from sad.errors import UserError
from sad.evaluate import Reduce
from sad.recipe.schema import Train
from sad.train.precision import HalfAccelerator
from sad.train.processes import sharded, zero
from sad.train.processes.engine import Engine
from sad.train.processes.zero import USE_DEEPSPEED, Zero, hidden

Item = TypeVar("Item")
YES = frozenset({"1", "true", "yes", "on"})
USE_FSDP = "ACCELERATE_USE_FSDP"


@dataclass(frozen=True, slots=True)
class Sharding:
    """How the student is cut. ``reshard`` frees a block's weights after its forward pass and gathers them again."""

    reshard: bool = True


def sharding(environment: Mapping[str, str] | None = None, clip: float | None = None) -> Sharding | Zero | None:
    """Return what accelerate's configuration says of sharding; None where each process keeps the whole student.

    Raises UserError for what cannot be taken from it: FSDP of version 1, offloading, a gradient clipped otherwise than
    the recipe's ``clip``, and so on.
    """
    told = os.environ if environment is None else environment

    def yes(name: str) -> bool:
        return told.get(name, "").strip().lower() in YES

    for name, what in (("ACCELERATE_USE_MEGATRON_LM", "Megatron-LM"), ("ACCELERATE_USE_PARALLELISM_CONFIG", "it")):
        if yes(name):
            raise UserError(
                f"accelerate's configuration asks for {what}: only data parallelism is known here, take it out"
            )
    if told.get("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "1").strip() not in {"", "1"}:
        # accelerate would divide the loss by it
        raise UserError("accelerate's configuration sets gradient_accumulation_steps: set train.accumulation instead")
    if yes(USE_DEEPSPEED):
        return zero.asked(told, clip)
    if not yes(USE_FSDP):
        return None
    if told.get("FSDP_VERSION", "1").strip() != "2":
        raise UserError("accelerate's configuration asks for FSDP 1: set fsdp_version: 2 in it")
    if yes("FSDP_OFFLOAD_PARAMS"):
        raise UserError("fsdp_offload_params is not supported: take it out of accelerate's configuration")
    if yes("FSDP_ACTIVATION_CHECKPOINTING"):
        raise UserError(
            "fsdp_activation_checkpointing would hide the blocks whose states are compared: take it out of "
            "accelerate's configuration and set train.gradient_checkpointing = true"
        )
    return Sharding(reshard=told.get("FSDP_RESHARD_AFTER_FORWARD", "true").strip().lower() in {*YES, "full_shard"})


def check(recipe: Train) -> None:
    """Raise UserError where accelerate's configuration cannot be taken with this recipe; before anything is loaded."""
    how = sharding(clip=recipe.clip)
    if recipe.compile and isinstance(how, Zero) and how.stage == 3:
        # its hooks are inside the blocks: each module is compiled anew until torch gives up
        raise UserError("train.compile does not work with ZeRO of stage 3: set it to false, or use FSDP 2 or stage 2")


def make_accelerator(device: str, precision: str, terms: Sequence[str]) -> Accelerator:
    """Join the processes of this run for ``device`` (cpu, cuda or mps). ``terms`` are those with a weight.

    Raises UserError for what cannot be taken of accelerate's configuration, or not with these terms.
    """
    how = sharding()
    # accelerate keeps the first precision for the life of the process; ours may train again in another
    AcceleratorState._reset_state()
    # without a term over the vocabulary the head, the last norm and later blocks have no gradient
    unused = not {KD, LM} & set(terms)
    if unused and isinstance(how, Zero):
        # to the optimizer its flat pieces are one parameter, all of which it then moves
        raise UserError("under DeepSpeed every weight needs a gradient: give the term kd or lm a weight, or use FSDP 2")
    if precision == "fp16" and how is not None:
        raise UserError(
            "train.precision is fp16, which is for whole weights: with FSDP or DeepSpeed set it to bf16 or fp32"
        )
    with hidden(USE_FSDP, USE_DEEPSPEED):
        return (HalfAccelerator if precision == "fp16" else Accelerator)(
            mixed_precision="bf16" if precision == "bf16" else "no",
            cpu=device == "cpu",
            kwargs_handlers=[
                DistributedDataParallelKwargs(find_unused_parameters=unused),
                # autocast keeps what it has cast to the end of the pass: of weights in pieces, all of the model
                AutocastKwargs(cache_enabled=not _in_pieces(how)),
            ],
        )


def place(distiller: Distiller, accelerator: Accelerator, shard_teacher: bool | None = None) -> None:
    """Put both models on this process's device, sharded where accelerate's configuration says so.

    ``shard_teacher`` shards the teacher's blocks too; None means where the student is sharded. Raises UserError where
    it cannot be.
    """
    how, device = sharding(), accelerator.device
    several = accelerator.num_processes > 1
    if several and (_in_pieces(how) if shard_teacher is None else shard_teacher):
        sharded.shard_teacher(distiller.teacher, device)
    distiller.teacher.to(device)
    if several and isinstance(how, Sharding):
        sharded.shard_student(distiller, device, reshard=how.reshard)
    distiller.to(device)


def prepare(
    accelerator: Accelerator, distiller: Distiller, optimizer: torch.optim.Optimizer, clip: float
) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Join the processes' gradients, to be clipped at ``clip``: by accelerate, by DeepSpeed's engine, or by the
    shards, which do it by themselves.
    """
    how = sharding(clip=clip)
    if isinstance(how, Zero) and accelerator.num_processes > 1:
        engine = Engine(distiller, optimizer, accelerator, how, clip)
        return engine, engine.optimizer
    if sharded.is_sharded(distiller):
        return distiller, optimizer
    prepared: tuple[nn.Module, torch.optim.Optimizer] = accelerator.prepare(distiller, optimizer)
    if isinstance(prepared[0], DistributedDataParallel):
        # they are constants, rotary frequencies: to send them again in a forward pass would make a process wait there
        # for one that was out of memory before it
        prepared[0].broadcast_buffers = False
    return prepared


def dealt(groups: Sequence[list[Item]], accelerator: Accelerator) -> list[list[Item]]:
    """Deal the groups in turn; return this process's. Each gets equally many, the last of which may be empty.

    Equally many, since processes that hold pieces of one model wait for each other in every pass.
    """
    mine = list(groups[accelerator.process_index :: accelerator.num_processes])
    most = -(-len(groups) // accelerator.num_processes)
    return mine + [[]] * (most - len(mine))


def reducer(accelerator: Accelerator) -> Reduce:
    """Return what adds totals over the processes, in float64 where the device has it."""

    def reduce(totals: dict[str, float]) -> dict[str, float]:
        if accelerator.num_processes == 1:
            return totals
        names, device = sorted(totals), accelerator.device
        local = torch.tensor([totals[name] for name in names], dtype=widest(device), device=device)
        return dict(zip(names, accelerator.reduce(local, "sum").tolist(), strict=True))

    return reduce


def _in_pieces(how: Sharding | Zero | None) -> bool:
    """Return whether the student's weights are in pieces between its passes."""
    return isinstance(how, Sharding) or (isinstance(how, Zero) and how.stage == 3)
