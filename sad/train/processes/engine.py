"""DeepSpeed's ZeRO, which shards weights, gradients and moments: the only code that knows its engine.

The engine's backward pass and step are driven apart, so that a step can still be left out between them. Its state is
read and written whole, by parameter: a checkpoint is the same as of one process, and goes on as one.
"""

from __future__ import annotations

import logging
import math
import os
import warnings
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Any, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from sad.batch import Batch, Sum
from sad.distiller import Distiller
from sad.models.forward import text_config
from sad.terms import TeacherOutput
from sad.train.processes.zero import Zero

T = TypeVar("T")
MOMENTS = ("exp_avg", "exp_avg_sq")
_HERE = "sad_engine"
"""Attribute of a module that holds the engine it is in."""


class Engine(nn.Module):
    """The distiller in DeepSpeed's engine, called as it is called itself; see :mod:`sad.train.processes.gradients`.

    ``optimizer`` is one that has taken no step yet; :attr:`optimizer` is to be used in its place.
    """

    def __init__(
        self,
        distiller: Distiller,
        optimizer: torch.optim.Optimizer,
        accelerator: Accelerator,
        zero: Zero,
        clip: float,
    ) -> None:
        super().__init__()
        self.stage, self.distiller, self._processes = zero.stage, distiller, accelerator.num_processes
        self.optimizer = Cut(optimizer)
        config = zero.config(self._processes, clip, text_config(distiller.student).hidden_size)
        # a module without arguments of its own: DeepSpeed looks for tensors in what goes in and comes out
        passes = _Passes(distiller, accelerator.autocast)
        self._engine, self._zero, *_ = _deepspeed(accelerator.device).initialize(
            model=passes, optimizer=self.optimizer, config=config
        )
        self.optimizer.bind(self._zero, zero.stage)
        self._used = False
        if zero.stage == 3:
            # an evaluation, too, finds whole only what is gathered in a forward pass of the engine
            distiller.inside = self._inside  # type: ignore[method-assign]
        for module in (distiller, distiller.student):
            # set past ``nn.Module``, which would make the engine a part of the module
            vars(module)[_HERE] = self

    def forward(
        self, batch: Batch, teacher: TeacherOutput, scales: Mapping[str, float] | None = None
    ) -> dict[str, Sum]:
        """Return each term's sum, as the distiller does."""
        sums: dict[str, Sum] = {}

        def act() -> tuple[Tensor, ...]:
            # not a call: the distiller's own hooks would not find the tensors in what it returns
            sums.update(self.distiller.forward(batch, teacher, scales))
            return tuple(one.total for one in sums.values())

        totals = self._inside(act)
        return {name: Sum(total, one.units) for total, (name, one) in zip(totals, sums.items(), strict=True)}

    def passing(self, *, last: bool) -> AbstractContextManager[object]:
        """Say whether the next pass is the last of its step."""
        self._engine.set_gradient_accumulation_boundary(last)
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of a loss that is a sum over all processes."""
        # the engine averages over processes
        self._engine.backward(loss * self._processes)

    def clip(self, _: float) -> Tensor:
        """Return 0: the engine measures and clips in its step, at the norm that it was made with."""
        self._used = False
        return torch.zeros(())

    def norm(self, _: float) -> float:
        """Return the norm of the gradient of the step that was taken or left out; infinite where it is not finite."""
        found = self._engine.get_global_grad_norm()
        return float(found) if self._engine.was_step_applied() and found is not None else math.inf

    def step(self) -> None:
        """Clip, and update the weights, unless the gradient is not finite."""
        self._used = True
        self._engine.step()

    def clear(self) -> None:
        """Forget the gradient; of a step that was not taken, without a change to weights or moments."""
        if not self._used:
            self.optimizer.left_out = True
            try:
                self._engine.step()
            finally:
                self.optimizer.left_out = False

    def loaded(self) -> None:
        """Take over weights that were written into the model."""
        self._zero.refresh_fp32_params()

    def _inside(self, act: Callable[[], T]) -> T:
        passes: _Passes = self._engine.module
        passes.act = act
        try:
            found: T = self._engine()
        finally:
            passes.act = _nothing
        return found


class _Passes(nn.Module):
    """Runs what it was given to run, with the distiller's weights."""

    def __init__(self, distiller: Distiller, autocast: Callable[[], AbstractContextManager[object]]) -> None:
        super().__init__()
        self.distiller, self._autocast = distiller, autocast
        self.act: Callable[[], Any] = _nothing

    def forward(self) -> Any:  # noqa: ANN401 - whatever it is to run
        # the engine turns off what was on outside
        with self._autocast():
            return self.act()


class Cut(torch.optim.AdamW):
    """AdamW over DeepSpeed's flat pieces. Its state dict is whole, by parameter, as before it was cut.

    Every process must ask for it, and load it; the first gets the moments, on the CPU, the others empty ones.
    ``left_out`` lets :meth:`step` change nothing.
    """

    def __init__(self, of: torch.optim.Optimizer) -> None:
        self.order = [p for group in of.param_groups for p in group["params"]]
        sizes = iter(range(len(self.order)))
        self._places = [[next(sizes) for _ in group["params"]] for group in of.param_groups]
        self._flat: list[Tensor] = []
        self._stage = 0
        self.left_out = False
        super().__init__([dict(group) for group in of.param_groups])

    def bind(self, zero: Any, stage: int) -> None:  # noqa: ANN401 - an optimizer of DeepSpeed
        """Find the pieces that the engine has made, and give each its moments, which a first step would."""
        self._stage = stage
        self._flat = list(zero.fp32_partitioned_groups_flat if stage == 3 else zero.single_partition_of_fp32_groups)
        for flat in self._flat:
            step = torch.zeros((), dtype=torch.float32, device=flat.device)
            self.state[flat] = {"step": step, **{name: torch.zeros_like(flat) for name in MOMENTS}}
        if stage < 3:
            zero._lazy_init_hp_params_optimizer_state()

    def step(self, closure: Any = None) -> Any:  # noqa: ANN401
        """Update the pieces of this process."""
        return None if self.left_out else super().step(closure)

    def state_dict(self) -> dict[str, Any]:
        """Return the whole state, gathered."""
        get, state, first = _utils().safe_get_full_optimizer_state, {}, torch.distributed.get_rank() == 0
        count = self.state[self._flat[0]]["step"]
        for number, parameter in enumerate(self.order):
            state[number] = {"step": count.cpu().clone()}
            for name in MOMENTS:
                # one at a time: together they would be whole on each device
                gathered = get(parameter, name)
                state[number][name] = gathered.detach().to("cpu", copy=True) if first else torch.empty(0)
        groups = [
            {**{key: value for key, value in group.items() if key != "params"}, "params": places}
            for group, places in zip(self.param_groups, self._places, strict=True)
        ]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, given: Mapping[str, Any]) -> None:
        """Take this process's pieces of a whole state; what is not in it is 0."""
        state: Mapping[int, Mapping[str, Tensor]] = given["state"]
        counts = [float(of["step"]) for of in state.values()]
        for flat in self._flat:
            self.state[flat]["step"].fill_(max(counts, default=0.0))
        for number, parameter in enumerate(self.order):
            for name in MOMENTS:
                value = state[number][name] if number in state else torch.zeros(shape(parameter))
                self._set(parameter, value.to(self._flat[0].device, torch.float32), name)

    def _set(self, parameter: nn.Parameter, value: Tensor, name: str) -> None:
        if self._stage == 3:
            _utils().safe_set_local_optimizer_state(parameter, _piece(value, parameter), name)
        else:
            _utils().safe_set_full_optimizer_state(parameter, value, name)


def of(module: nn.Module) -> Engine | None:
    """Return the engine that a distiller or its student is in."""
    found: Engine | None = vars(module).get(_HERE)
    return found


def is_piece(tensor: Tensor) -> bool:
    """Return whether a weight is cut by ZeRO of stage 3, and perhaps not there."""
    return hasattr(tensor, "ds_id")


def shape(tensor: Any) -> torch.Size:  # noqa: ANN401 - a weight with DeepSpeed's attributes, or none
    """Return the shape of the whole weight."""
    return torch.Size(tensor.ds_shape) if is_piece(tensor) else torch.Size(tensor.shape)


def whole(weight: Tensor) -> Tensor:
    """Return a copy of the whole weight. Every process must ask for the same ones in the same order."""
    with import_module("deepspeed").zero.GatheredParameters([weight]):
        return weight.detach().clone()


def put(weight: Tensor, values: Tensor) -> None:
    """Write a whole weight, from the first process. Every process must do so."""
    with import_module("deepspeed").zero.GatheredParameters([weight], modifier_rank=0):
        weight.data.copy_(values)


def local(weight: Any) -> Tensor:  # noqa: ANN401 - a weight with DeepSpeed's attributes
    """Return what of a weight is here, flat, without what fills it up to equal pieces."""
    piece: Tensor = weight.ds_tensor.detach().flatten()
    begin = torch.distributed.get_rank() * piece.numel()
    return piece[: max(0, min(piece.numel(), weight.ds_numel - begin))]


def _piece(values: Tensor, weight: Any) -> Tensor:  # noqa: ANN401 - the same
    size = weight.ds_tensor.numel()
    full = nn.functional.pad(values.flatten(), (0, size * torch.distributed.get_world_size() - values.numel()))
    return full.narrow(0, size * torch.distributed.get_rank(), size)


def _deepspeed(device: torch.device) -> Any:  # noqa: ANN401 - a module that need not be there
    if device.type == "cpu":
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    # torch's names that DeepSpeed still calls by the old ones
    warnings.filterwarnings("ignore", category=FutureWarning, module="torch.distributed")
    found = import_module("deepspeed")
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    if device.type == "cpu":
        # it would first compile a faster exchange, for minutes
        found.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return found


def _utils() -> Any:  # noqa: ANN401 - a module that need not be there
    return import_module("deepspeed.utils")


def _nothing() -> None:
    """Do nothing: between passes there is nothing to run."""
