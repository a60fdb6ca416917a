"""Stands for a `LightningModule` where Lightning is not installed: what its steps ask of it, and no trainer."""

from __future__ import annotations

import inspect
from argparse import Namespace
from typing import Any

import torch
from torch import nn

from sad.judge.dicts import Batch
from sad.judge.stand_in import NeedsAdapterError

NAMES = ("LightningModule", "LightningDataModule")
"""The classes that it stands for."""


class Trainer:
    """Has the ``model`` that it trains; anything else that it is asked for raises ``NeedsAdapterError``."""

    def __init__(self, model: nn.Module) -> None:
        self.model = self.lightning_module = model

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - anything that a trainer has
        raise NeedsAdapterError("it asks its Lightning trainer, which is not there")


class Module(nn.Module):
    """A module that keeps the arguments of its constructor and writes nothing down."""

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()
        self.__dict__["hparams"] = Batch()
        self.current_epoch = self.global_step = 0
        self.automatic_optimization = True

    @property
    def device(self) -> torch.device:
        """The processor."""
        return torch.device("cpu")

    def save_hyperparameters(self, *given: Any, ignore: Any = (), **_: object) -> None:  # noqa: ANN401 - Lightning's
        """Keep the arguments of the constructor that calls it under ``hparams``, but for those to ``ignore``."""
        frame = inspect.currentframe()
        caller = frame.f_back if frame is not None else None
        if caller is None:
            return
        code = caller.f_code
        names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
        left = {ignore} if isinstance(ignore, str) else {*ignore}
        wanted = [name for name in given if isinstance(name, str)] or [name for name in names if name not in left]
        hparams: Batch = self.__dict__["hparams"]
        objects = [one for one in given if not isinstance(one, str)]
        if objects:
            # an object of settings is what is kept, as Lightning does it; several by their names
            said = {name: caller.f_locals[name] for name in names if any(caller.f_locals[name] is one for one in given)}
            one = vars(objects[0]) if isinstance(objects[0], Namespace) else objects[0]
            kept = said if len(given) > 1 else one
            self.__dict__["hparams"] = Batch(kept) if type(kept) is dict else kept
            return
        hparams.update({name: caller.f_locals[name] for name in wanted if name in caller.f_locals})
        if code.co_flags & inspect.CO_VARKEYWORDS:
            last = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & inspect.CO_VARARGS)
            hparams.update(caller.f_locals.get(code.co_varnames[last], {}))

    def log(self, *_: object, **__: object) -> None:
        """Write nothing down."""

    log_dict = print = log

    @property
    def trainer(self) -> Any:  # noqa: ANN401 - it has none
        """Return one that has the module, and nothing else that is known."""
        return Trainer(self)

    def optimizers(self, *_: object, **__: object) -> Any:  # noqa: ANN401 - it has none
        """Raise ``NeedsAdapterError``: it takes its steps itself."""
        raise NeedsAdapterError("it takes its steps itself, from its Lightning trainer's optimizers")

    lr_schedulers = manual_backward = optimizers
