"""Calls someone's step or loop: what each of its parameters is by its name, and in which unit it is called."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import torch

from sad.judge.judging import Code
from sad.judge.stand_in import NeedsAdapterError
from sad.subjects.text_loss import IGNORED

MODELS = ("model", "student", "student_model", "net", "module", "lm")
TEACHERS = ("teacher", "teacher_model", "ref_model")
OPTIMIZERS, SCHEDULERS = ("optimizer", "optim", "opt"), ("scheduler", "lr_scheduler", "sched")
BATCHES = ("batch", "inputs", "micro_batch", "microbatch", "minibatch", "mini_batch", "examples", "x")
WINDOWS = ("micro_batches", "microbatches", "window", "minibatches")
LOADERS = (
    *("loader", "dataloader", "train_loader", "train_dataloader", "data_loader", "batches", "train_batches", "dataset"),
    *("train_dataset", "data", "train_data", "iterator", "dl"),
)
ACCUMULATIONS = (
    *("gradient_accumulation_steps", "grad_accumulation_steps", "accumulation_steps", "accum_steps", "accumulation"),
    *("grad_accum_steps", "grad_accum", "accumulate", "accumulate_grad_batches", "n_accum"),
)
CLIPS = ("max_grad_norm", "clip", "grad_clip", "max_norm", "clip_grad_norm", "gradient_clipping", "clip_norm")
PLACES = ("step", "batch_idx", "batch_index", "i", "idx", "micro_step", "iteration", "it", "step_idx")
LASTS = ("do_step", "should_step", "is_last", "last", "sync", "update", "sync_gradients", "is_accumulation_boundary")
EPOCHS = ("epochs", "num_epochs", "n_epochs", "num_train_epochs")
RATES = ("lr", "learning_rate")
WARMUPS = ("warmup_steps", "num_warmup_steps", "warmup")
TOTALS = ("max_steps", "num_steps", "total_steps", "num_training_steps", "steps")
COUNTS = ("num_items_in_batch", "num_items", "num_tokens", "total_tokens")
ACCELERATORS = ("accelerator",)
SETTINGS: Mapping[str, Any] = {
    "device": "cpu",
    **dict.fromkeys(("temperature", "t", "tau", "temp", "kd_temperature"), 1.0),
    **dict.fromkeys(("alpha", "beta", "lam", "kd_weight", "lm_weight", "ce_weight", "lambda_kd", "gamma"), 0.5),
    **dict.fromkeys(("ctx", "autocast", "autocast_ctx", "amp_ctx"), nullcontext()),
    **dict.fromkeys(("use_amp", "amp", "fp16", "bf16"), False),
    **dict.fromkeys(("epoch", "global_step", "current_epoch"), 0),
    "ignore_index": IGNORED,
    "pad_token_id": 0,
    "seed": 0,
    "log_every": 10**9,
    "args": SimpleNamespace(device="cpu", temperature=1.0, alpha=0.5),
}


class Unit(StrEnum):
    """What one call is."""

    MICRO_BATCH = "a micro-batch"
    STEP = "an optimizer step"
    EPOCH = "an epoch"
    RUN = "a whole run"


@dataclass(frozen=True, slots=True)
class Call:
    """A step or loop, and in which form it gets its batches."""

    code: Code
    form: str

    def takes(self, *groups: tuple[str, ...]) -> str:
        """Return which parameter of these names it has, '' for none."""
        names = {p.name.lower(): p.name for p in (*self.parameters(), *self.built())}
        return next((names[name] for group in groups for name in group if name in names), "")

    @property
    def unit(self) -> Unit:
        """What one call is: told by what it takes. Raises UserError where it takes no batch."""
        if self.code.adapter is not None:
            return Unit.RUN
        if self.takes(WINDOWS):
            return Unit.STEP
        if self.takes(LOADERS):
            return Unit.RUN if self.takes(EPOCHS) else Unit.EPOCH
        if not self.takes(BATCHES):
            raise NeedsAdapterError("it takes neither a batch nor a loader")
        return Unit.MICRO_BATCH if self.accumulates else Unit.STEP

    @property
    def accumulates(self) -> bool:
        """Whether it is told of windows of micro-batches."""
        return bool(
            self.takes(ACCUMULATIONS, LASTS, ACCELERATORS) or (self.code.adapter is None and self.takes(WINDOWS))
        )

    def parameters(self) -> list[inspect.Parameter]:
        """Return its parameters, without `self`."""
        if self.code.adapter is not None:
            return []
        target: Any = self.code.target
        if isinstance(target, type):
            target = vars(target).get("train_step") or vars(target).get("train") or vars(target).get("__call__")
            if target is None:
                raise NeedsAdapterError("it has no method train_step or train: name one, as in Class.method")
        try:
            every = list(inspect.signature(target).parameters.values())
        except (TypeError, ValueError):
            raise NeedsAdapterError(f"{getattr(target, '__name__', target)} has no signature to read") from None
        return every[1:] if every and every[0].name == "self" else every

    def built(self) -> list[inspect.Parameter]:
        """Return the parameters of the constructor that is called first, none for a function."""
        of = self.code.target if isinstance(self.code.target, type) else self.code.owner
        if self.code.adapter is not None or of is None or not self._method:
            return []
        made = inspect.getattr_static(of, "__init__")
        return [] if made is object.__init__ else list(inspect.signature(made).parameters.values())[1:]

    @property
    def _method(self) -> bool:
        if isinstance(self.code.target, type):
            return True
        return next(iter(inspect.signature(self.code.target).parameters), "") == "self"

    def ready(self, values: Mapping[str, Any]) -> Callable[..., Any]:
        """Return what is called with further values, by name: a function, or a method of an object that was made."""
        target: Any = self.code.target
        if not self._method:
            return lambda more: target(**self._arguments(self.parameters(), {**values, **more}))
        of = target if isinstance(target, type) else self.code.owner
        assert of is not None, "a method has a class"
        made = of(**self._arguments(self.built(), values))
        if isinstance(target, type):
            name = next(n for n in ("train_step", "train", "__call__") if n in vars(target))
            bound = getattr(made, name)
        else:
            bound = target.__get__(made)
        return lambda more: bound(**self._arguments(self.parameters(), {**values, **more}))

    def _arguments(self, every: list[inspect.Parameter], values: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for parameter in every:
            if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                continue
            name, needed = parameter.name.lower(), parameter.default is parameter.empty
            if name in values:
                found[parameter.name] = values[name]
            elif needed and name in SETTINGS:
                found[parameter.name] = SETTINGS[name]
            elif needed and name in ("scaler", "grad_scaler"):
                found[parameter.name] = torch.amp.GradScaler("cpu", enabled=False)
            elif needed:
                raise NeedsAdapterError(f"what {parameter.name} should be cannot be told from the name")
        return found
