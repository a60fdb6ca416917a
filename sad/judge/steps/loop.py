"""Someone's step or loop as a trainer: it is run, and its optimizer is watched."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir, nullcontext
from dataclasses import dataclass, field, replace
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sad.judge import own_loaders
from sad.judge.dicts import Batch, anew
from sad.judge.fetched import fetched
from sad.judge.judging import reached
from sad.judge.own_loaders import Data
from sad.judge.reading import reading
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.steps import names
from sad.judge.steps.call import Call, Unit
from sad.judge.steps.clips import lifted
from sad.judge.steps.dropped import drops
from sad.judge.steps.engine import ENGINES, Engine, accelerated
from sad.judge.steps.forms import FORMS, parts, wrapped
from sad.judge.steps.model import SIZES, Bigram, Loader, Next, Splits, batch, count
from sad.judge.steps.roles import is_teacher
from sad.judge.steps.scaler import scaling
from sad.judge.steps.settings import Settings, plain
from sad.judge.steps.sources import BLOCKS, by_score, counted_from
from sad.judge.steps.words import Words, texts_of
from sad.subjects.plain.loop import make_texts
from sad.subjects.schedules import Schedule, factor
from sad.subjects.trainer import Claims, Setup, Trace, Watch, weights

NOISE = 1e-6
"""Relative, of a gradient: a share of two counts is of float32 where its student is of float64."""


@dataclass(frozen=True, slots=True)
class Given:
    """What an adapter gets for a whole run: ``batches`` are the micro-batches of one epoch, ``accumulation`` of them
    are an optimizer step.
    """

    model: nn.Module
    teacher: nn.Module
    batches: Any
    optimizer: torch.optim.Optimizer
    scheduler: Any
    accumulation: int
    epochs: int
    clip: float


@dataclass(frozen=True, slots=True)
class Strange:
    """Someone's step or loop behind the interface of a trainer."""

    call: Call
    teachers: list[bool] = field(default_factory=list)
    """Of each model that it fetched so far, whether that is a teacher."""
    clipped: bool = True
    """Whether its clips are at its own number; else they are at that of the setup."""
    scales: bool = False
    """Whether the scalers of gradients that it makes work here."""
    short: bool = False
    """Whether it gets a last window that is not full where it says that it drops one."""

    @property
    def claims(self) -> Claims:
        """What it can be set: what it takes."""
        adapted = self.call.code.adapter is not None
        stepped = adapted or (bool(self.call.takes(names.SCHEDULERS)) and not by_score(reached(self.call.code)))
        schedules = (Schedule.LINEAR, Schedule.COSINE) if stepped else ()
        clips = adapted or bool(self.call.takes(names.CLIPS))
        return Claims(schedules=schedules, grad_norm=False, noise=NOISE, clips=clips)

    @property
    def drops(self) -> bool:
        """Whether it says that it drops a last window that is not full."""
        return self._whole and self._accumulates and drops(self.call.code)

    def shortened(self) -> Strange:
        """Return the same, which gets such windows."""
        return replace(self, short=True)

    def run(self, setup: Setup) -> Trace:
        """Train as the setup says; texts are taken in their order."""
        full = self.call.goes_round or (self.drops and not self.short)
        if full and len(setup.lengths) % (setup.micro_batch * setup.accumulation):
            # a run that begins its data again in a window fills the last one, another drops it: it has none
            setup = replace(setup, micro_batch=setup.micro_batch * setup.accumulation, accumulation=1)
        if self.call.draws or (self.call.form.startswith("ids") and BLOCKS.search(reached(self.call.code))):
            # it cuts rows of one length out of a corpus, or has a matrix of them
            setup = replace(setup, lengths=(max(setup.lengths),) * len(setup.lengths))
        model, teacher = Bigram(1), Bigram(2, 2.0).eval().requires_grad_(False)
        texts = make_texts(setup.lengths)
        # a step that knows no windows gets them whole
        window = setup.accumulation if self._accumulates else 1
        size = setup.micro_batch * setup.accumulation // window
        batches = [batch(texts[start : start + size]) for start in range(0, len(texts), size)]
        handed = 0

        def counted() -> None:
            nonlocal handed
            handed += 1

        # what it saves on the way goes with the folder
        with Watch() as watch, TemporaryDirectory() as folder, chdir(folder):
            self.train(model.train(), teacher, batches, setup, window, counted)
        if watch.taken and not handed and self.call.loads:
            raise NeedsAdapterError("it goes through data that it makes itself")
        passes = handed // (len(batches) * setup.epochs)
        if self._whole and passes > 1 and len(watch.taken) == passes * setup.steps:
            raise NeedsAdapterError(f"it trains in {passes} phases: name the function of one")
        ends = weights(watch.optimizer) if watch.optimizer else torch.cat([p.flatten() for p in model.parameters()])
        return Trace(watch.taken, [], [], [ends.detach()])

    def gradient(self, texts: Sequence[Int[Tensor, " token"]], padding: int = 0) -> Float[Tensor, " weight"]:
        """Return the gradient of the first step, of these texts at once, with so much more padding behind all."""
        setup, model = Setup((len(texts[0]),) * len(texts), micro_batch=len(texts)), Bigram(1).train()
        with Watch() as watch:
            self.train(model, Bigram(2, 2.0).eval().requires_grad_(False), [batch(texts, padding)], setup, 1)
        return watch.taken[0].gradient

    @property
    def pads(self) -> bool:
        """Whether its texts have several lengths, and it is told which places are padding."""
        rows = self.call.draws or self.call.form.startswith("ids") or bool(BLOCKS.search(reached(self.call.code)))
        return self.call.code.adapter is None and not rows

    @property
    def _whole(self) -> bool:
        """Whether one call is a pass over its data, or several."""
        return self.call.code.adapter is None and self.call.unit in (Unit.EPOCH, Unit.RUN)

    @property
    def _accumulates(self) -> bool:
        return self.call.code.adapter is not None or self.call.accumulates

    def train(
        self,
        model: nn.Module,
        teacher: nn.Module,
        batches: Sequence[Batch],
        setup: Setup,
        window: int,
        look: Callable[[], None] | None = None,
    ) -> None:
        """Run it over the batches, epoch after epoch. ``look`` is called after each batch."""
        model, teacher = (wrapped(self.call.form, one) for one in (model, teacher))
        optimizer = torch.optim.SGD(model.parameters(), lr=setup.learning_rate)
        shape = setup.schedule or Schedule.CONSTANT
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: factor(shape, step, setup.steps, setup.warmup)
        )
        given = [FORMS[self.call.form](one) for one in batches]
        if self.call.code.adapter is not None:
            whole = Given(model, teacher, Loader(given, look), optimizer, scheduler, window, setup.epochs, setup.clip)
            self._adapted(whole)
            return
        # a run may score texts on its way: nobody looks on at that
        loader, other = Loader(given, look), Loader(given)
        loader.other = other
        prepared: Any = loader
        accelerator = None
        if self.call.takes(names.ACCELERATORS):
            accelerator = accelerated(window)
            optimizer, scheduler, prepared = accelerator.prepare(
                optimizer, scheduler, own_loaders.ahead(loader.batches, look)
            )
        if self.call.engine:
            model = Engine(model, optimizer, scheduler, window).train()
        if not hasattr(model, "configure_optimizers"):
            model.__dict__["configure_optimizers"] = lambda *_, **__: optimizer
        total = len(given) * setup.epochs if self.call.counts_batches else setup.steps
        values = self._values(setup, window) | {
            **dict.fromkeys(self.call.on, True),
            **dict.fromkeys(names.TOTALS, total - self.call.one_more),
            **dict.fromkeys((*names.ROWS, *SIZES), SIZES["block_size"]),
            **dict.fromkeys((*names.MODELS, *ENGINES), model),
            **dict.fromkeys(names.TEACHERS, teacher),
            **dict.fromkeys(names.OPTIMIZERS, optimizer),
            **dict.fromkeys(names.SCHEDULERS, scheduler),
            **dict.fromkeys(names.PAIRS, (optimizer, scheduler)),
            **dict.fromkeys(names.LOADERS, prepared),
            **dict.fromkeys(names.OTHER_LOADERS, other),
            **dict.fromkeys(names.SPLITS, Splits(prepared, other)),
            **dict.fromkeys(names.NEXT, Next(given, look)),
            **dict.fromkeys(names.ACCELERATORS, accelerator),
            **dict.fromkeys(names.LENGTHS, len(given)),
            **dict.fromkeys(names.SIZES, len(batches[0]["input_ids"])),
            **dict.fromkeys(names.WHOLE_SIZES, len(batches[0]["input_ids"]) * window),
        }
        data = [Data(prepared, given, look), Data(other, given)]
        making = fetched(model, teacher, Words(), is_teacher)
        known = plain({**names.PLAIN_SETTINGS, **values})
        world = reading(texts_of(batches), lambda name, declares: Settings(name, known, declares, self.call.asked))
        clip = nullcontext() if self.clipped else lifted(setup.clip)
        scaled = scaling() if self.scales else nullcontext()
        with (
            scaled,
            TemporaryDirectory() as folder,
            chdir(folder),
            own_loaders.own_loaders(data),
            world,
            clip,
            making as every,
        ):
            self._run(values, given, batches, setup, window, look)
        self.teachers.extend(every)

    def _run(
        self,
        values: Mapping[str, Any],
        given: Sequence[Any],
        batches: Sequence[Batch],
        setup: Setup,
        window: int,
        look: Callable[[], None] | None,
    ) -> None:
        """Make what is called, and call it for as many micro-batches, steps or epochs as it is called for."""
        accelerator, optimizer = values[names.ACCELERATORS[0]], values[names.OPTIMIZERS[0]]
        state = SimpleNamespace(iteration=0, epoch=1, epoch_length=len(given), max_epochs=setup.epochs)
        ready = self.call.ready({**values, **dict.fromkeys(names.ENGINES, SimpleNamespace(state=state))})

        def called(more: Mapping[str, Any]) -> Any:  # noqa: ANN401 - what it returns
            state.iteration += 1
            return ready(more)

        if self._whole:
            for _ in range(1 if self.call.unit is Unit.RUN else setup.epochs):
                called({})
            return
        for epoch in range(setup.epochs):
            for place, start in enumerate(range(0, len(given), window), 1):
                if accelerator is not None:
                    accelerator.step, accelerator.gradient_accumulation_steps = 0, len(given[start : start + window])
                taken = epoch * setup.steps_per_epoch + place
                self._step(called, anew(given[start : start + window]), batches[start : start + window], taken, look)
                if self.call.leaves_steps:
                    optimizer.step()
                    optimizer.zero_grad()

    def _step(
        self,
        called: Callable[[Mapping[str, Any]], Any],
        given: Sequence[Any],
        batches: Sequence[Batch],
        step: int,
        look: Callable[[], None] | None,
    ) -> None:
        """One window: at once, or micro-batch by micro-batch, of which the last closes it. Steps count from 1."""
        labels, number = sum(map(count, batches)), len(given)
        # a window that is not full has fewer micro-batches: whoever calls a step knows that
        of = {**dict.fromkeys(names.COUNTS, labels), **dict.fromkeys(names.ACCUMULATIONS, number)}
        if self.call.takes(names.WINDOWS):
            called({**of, **dict.fromkeys(names.WINDOWS, tuple(given))})
        else:
            counter = self.call.takes(("global_step",)) if self.call.accumulates else ""
            first = counted_from(self.call.code, counter)
            for place, one in enumerate(given):
                last = place + 1 == number
                # where there are no windows it is told the number of the step
                at = dict.fromkeys(names.PLACES, place if self.call.accumulates else step)
                at["global_step"] = step if first is None else (step - 1) * number + place + first
                at |= dict.fromkeys(names.LASTS, last)
                apart = self.call.takes(names.LABELS, names.MASKS)
                called({**of, **at, **(parts(one) if apart else dict.fromkeys(names.BATCHES, one))})
        if look is not None:
            look()

    def _values(self, setup: Setup, window: int) -> dict[str, Any]:
        return {
            **dict.fromkeys(names.ACCUMULATIONS, window),
            **dict.fromkeys(names.CLIPS, setup.clip),
            **dict.fromkeys(names.EPOCHS, setup.epochs),
            **dict.fromkeys(names.RATES, setup.learning_rate),
            **dict.fromkeys(names.WARMUPS, setup.warmup),
        }

    def _adapted(self, given: Given) -> None:
        function = self.call.code.adapter
        assert function is not None, "called with an adapter"
        if len(inspect.signature(function).parameters) < 2:
            function(given)
            return
        if self.call.code.target is None:
            raise NeedsAdapterError("the adapter's step(given, target) needs --step")
        function(given, self.call.code.target)
