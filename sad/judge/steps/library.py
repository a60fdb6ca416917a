"""A trainer of transformers, subclassed by someone, behind the interface of a trainer: it is made and run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from sad import tiny
from sad.invariants.teacher_isolation import STEPS, Look
from sad.judge.judging import Code
from sad.judge.raising import raised
from sad.judge.stand_in import NeedsAdapterError, untold
from sad.judge.steps import names
from sad.judge.steps.forms import CLASSES_OF_DICTS, FORMS
from sad.judge.steps.model import Told, batch
from sad.judge.steps.older import counting_none, without_counts
from sad.judge.steps.own import Own
from sad.judge.steps.roles import is_config
from sad.judge.steps.sources import CLASSIFIES, GENERATES, module_source
from sad.pair import Pair
from sad.subjects.plain.loop import VOCABULARY, make_texts
from sad.subjects.schedules import Schedule
from sad.subjects.trainer import NEVER, Claims, Line, Setup, Trace, Watch, weights

SCHEDULES = {Schedule.COSINE: "cosine", Schedule.LINEAR: "linear", Schedule.CONSTANT: "constant_with_warmup"}
TEXTS = "texts"
"""The key of a batch under which the numbers of its texts come."""
GIVEN = {
    "model": names.MODELS,
    "args": ("args", "training_args", "train_args", "config"),
    "data_collator": ("data_collator", "collator", "collate_fn"),
    "train_dataset": ("train_dataset", "train_data"),
}
"""What a trainer is made with, and the names under which a constructor of someone's takes it."""
NOTHING = (
    *("eval_dataset", "tokenizer", "processing_class", "compute_metrics", "callbacks", "model_init", "peft_config"),
    *("optimizers", "preprocess_logits_for_metrics", "device"),
)
"""What a constructor may take besides, and is given None for where it must have something."""
ROUNDED = 3e-4
"""What is logged has four digits."""


def is_trainer(code: Code) -> bool:
    """Whether it is a subclass of transformers' trainer, or a method of one."""
    of = code.target if isinstance(code.target, type) else code.owner
    module = sys.modules.get("transformers")
    return of is not None and module is not None and issubclass(of, module.Trainer)


@dataclass(frozen=True)
class Library:
    """The trainer."""

    code: Code
    claims = Claims(schedules=tuple(SCHEDULES), reshuffles=True, noise=ROUNDED)

    @cached_property
    def kind(self) -> Any:  # noqa: ANN401 - a class of transformers
        """Return its class."""
        of = self.code.target if isinstance(self.code.target, type) else self.code.owner
        return without_counts(of) if self.older else of

    @property
    def older(self) -> tuple[str, ...]:
        """Return which of its methods take no number of items, as those for transformers before 4.46."""
        return counting_none(self.code.target if isinstance(self.code.target, type) else self.code.owner)

    @cached_property
    def teacher(self) -> str:
        """Return the name of the parameter that takes a teacher, '' for none."""
        return self._own.teacher

    @cached_property
    def _own(self) -> Own:
        """What its class asks for besides what the base has."""
        return Own(self.code.target if isinstance(self.code.target, type) else self.code.owner)

    @cached_property
    def classifies(self) -> bool:
        """Whether it is for examples of one class each: its module fetches classifiers, and no model of texts."""
        text = module_source(self.code)
        return bool(CLASSIFIES.search(text)) and not GENERATES.search(text)

    def assumed(self) -> list[str]:
        """Say how it is made."""
        said = [f"{self.kind.__name__} is made with model, args, data_collator and train_dataset, on one process"]
        if self.classifies:
            said.append(f"its batches are {CLASSES_OF_DICTS}, as its module fetches")
        if self.older:
            what = " and ".join(self.older)
            said.append(f"{what} takes no num_items_in_batch, as for transformers before 4.46: it is called without")
        return [*said, f"{self.teacher} is a frozen model"] if self.teacher else said

    def run(self, setup: Setup) -> Trace:
        """Train a tiny Llama as the setup says."""
        return self._trained(setup, make_texts(setup.lengths))

    def gradient(self, texts: Sequence[Int[Tensor, " token"]]) -> Float[Tensor, " weight"]:
        """Return the gradient of the first step, of these texts at once."""
        setup = Setup((len(texts[0]),) * len(texts), micro_batch=len(texts))
        return self._trained(setup, texts).taken[0].gradient

    def _trained(self, setup: Setup, texts: Sequence[Int[Tensor, " token"]]) -> Trace:
        data = [{"ids": ids, "text": text} for text, ids in enumerate(texts)]
        alone()
        with TemporaryDirectory() as folder, Watch() as watch:
            student, teacher = (tiny.model(VOCABULARY, layers=1, width=8, seed=seed, sharpness=8.0) for seed in (0, 1))
            made = self._made(student, teacher.eval().requires_grad_(False), setup, Path(folder), data, watch)
            made.train()
            log = [
                Line(line["step"], line["loss"], grad_norm=line.get("grad_norm"))
                for line in made.state.log_history
                if "loss" in line
            ]
        alone()
        ends = [weights(watch.optimizer)] if watch.optimizer is not None else [torch.zeros(1)]
        return Trace(watch.taken, log, [], ends)

    def isolated(self, pair: Pair, look: Look) -> None:
        """Train a pair, with a look after each step."""
        import transformers

        class Looks(transformers.TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:  # noqa: ANN401
                look()

        noise = torch.Generator().manual_seed(0)
        rows = [torch.randint(2, 300, (12,), generator=noise) for _ in range(STEPS)]
        data = [{"ids": ids, "text": text} for text, ids in enumerate(rows)]
        setup = Setup((11,) * STEPS, learning_rate=1e-3)
        alone()
        with TemporaryDirectory() as folder:
            made = self._made(pair.student, pair.teacher, setup, Path(folder), data, Watch())
            made.add_callback(Looks())
            made.train()
        alone()

    def needs_no_more(self) -> None:
        """Raise UserError where its constructor needs what is not known."""
        needed = [
            p.name
            for p in inspect.signature(self.kind).parameters.values()
            if p.default is p.empty and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
            if p.name not in {*self._names(), *NOTHING} and not self._own.knows(p.name)
        ]
        if needed:
            raise untold(*needed, of=f"{self.kind.__name__}()")

    def _names(self) -> dict[str, str]:
        """Return what each parameter is, by its name."""
        known = {alias: what for what, aliases in GIVEN.items() for alias in aliases}
        return known | ({self.teacher: "teacher"} if self.teacher else {})

    def arguments(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what its constructor is called with: all that it names, and what it hands on to its base."""
        every = inspect.signature(self.kind).parameters
        roles, found = self._names(), {}
        for name, parameter in every.items():
            needed, what = parameter.default is parameter.empty, roles.get(name, name)
            if what in values and (needed or name in (what, self.teacher)):
                found[name] = values[what]
            elif needed and name in NOTHING:
                found[name] = None
            elif self._own.knows(name) and (needed or (parameter.default is None and is_config(name))):
                found[name] = self._own.value(name)
        told = {roles.get(name, name) for name in found}
        if any(p.kind is p.VAR_KEYWORD for p in every.values()):
            found |= {what: value for what, value in values.items() if what not in told and what != "teacher"}
            found |= {name: self._own.value(name) for name in self._own.popped if name not in found}
            if self.teacher and self.teacher not in found and "teacher" in values and self._own.takes_teacher:
                found[self.teacher] = values["teacher"]
        return found

    def _made(self, student: Any, teacher: Any, setup: Setup, folder: Path, data: Any, watch: Watch) -> Any:  # noqa: ANN401
        import transformers

        self.needs_no_more()
        arguments = arguments_for(setup, folder, own_arguments(self.kind))
        for name in self._own.arguments(arguments):
            setattr(arguments, name, self._own.value(name))

        def collate(some: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
            whole = batch([one["ids"] for one in some])
            made = FORMS[CLASSES_OF_DICTS](whole) if self.classifies else whole
            return {**made, TEXTS: torch.tensor([one["text"] for one in some])}

        if self.classifies:
            student, teacher = Told(student), Told(teacher).eval()
        values = {"model": student, "args": arguments, "data_collator": collate, "train_dataset": data}
        whole = self.arguments({**values, "teacher": teacher})
        try:
            made = _told(self.kind, watch)(**whole)
            for name in self._own.left(made):
                setattr(made, name, teacher if name == self.teacher else self._own.value(name))
            if self.older:
                # a loss that is told no count is divided by the micro-batches
                made.model_accepts_loss_kwargs = False
        except Exception as error:
            # what it wants besides is not ours to guess
            told = f"{self.kind.__name__}({', '.join(whole)})"
            raise NeedsAdapterError(f"its trainer cannot be made here: {told} {raised(error)}") from None
        # its losses are of a table: whoever reads a test's output looks for those of their run
        made.remove_callback(transformers.PrinterCallback)
        return made


def own_arguments(kind: Any) -> Any:  # noqa: ANN401 - a class of transformers
    """Return the class of a trainer's arguments: the one that its module defines, if it is one, else transformers'."""
    import transformers

    plain = (transformers.TrainingArguments, transformers.Seq2SeqTrainingArguments)
    module = vars(sys.modules.get(kind.__module__, object))
    own = [one for one in module.values() if isinstance(one, type) and issubclass(one, plain[0]) and one not in plain]
    if len(own) == 1:
        return own[0]
    return plain[issubclass(kind, transformers.Seq2SeqTrainer)]


def arguments_for(setup: Setup, folder: Path, kind: Any = None) -> Any:  # noqa: ANN401 - transformers' own
    """Return the arguments of a `transformers.Trainer` that trains as a setting asks, on the CPU, and tells nobody."""
    import transformers

    return (kind or transformers.TrainingArguments)(
        output_dir=str(folder),
        per_device_train_batch_size=setup.micro_batch,
        gradient_accumulation_steps=setup.accumulation,
        num_train_epochs=setup.epochs,
        learning_rate=setup.learning_rate,
        lr_scheduler_type=SCHEDULES[setup.schedule or Schedule.CONSTANT],
        warmup_steps=setup.warmup,
        max_grad_norm=setup.clip,
        seed=setup.seed,
        logging_steps=min(setup.log_every, NEVER),
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        remove_unused_columns=False,
    )


def _told(kind: Any, watch: Watch) -> Any:  # noqa: ANN401 - a class of transformers
    """The same class, which tells which texts it trains on; its own code sees nothing of that."""

    def training_step(self: Any, model: Any, inputs: dict[str, Any], *more: Any, **named: Any) -> Any:  # noqa: ANN401
        for text in inputs.pop(TEXTS).tolist():
            watch.read(text)
        return kind.training_step(self, model, inputs, *more, **named)

    return type(kind.__name__, (kind,), {"training_step": training_step})


def alone() -> None:
    """Forget the accelerator of the run before."""
    from accelerate.state import AcceleratorState

    AcceleratorState._reset_state(reset_partial_state=True)
