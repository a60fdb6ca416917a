"""From someone's step, loop or trainer to what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from sad.invariants.teacher_isolation import STEPS, Look
from sad.judge.judging import Code, Judged, reached, source
from sad.judge.raising import raised, refused, refuses, telling
from sad.judge.stand_in import NeedsAdapterError
from sad.judge.steps import checks, names
from sad.judge.steps.call import Call, Unit
from sad.judge.steps.checks import ONE, Step, batches_of_pair
from sad.judge.steps.clips import fixed
from sad.judge.steps.forms import CLASSES_OF_DICTS, FORMS
from sad.judge.steps.itself import trains_itself
from sad.judge.steps.library import Library, is_trainer
from sad.judge.steps.loop import Strange
from sad.judge.steps.model import Answer
from sad.judge.steps.scaler import HALF, MAKES_SCALER
from sad.judge.steps.settings import settings_read
from sad.judge.steps.sources import CLASSIFIES, OPTIMIZES, by_score, whole_source
from sad.judge.steps.switched import needed, stepping
from sad.judge.unknown import deciding, guessed, unknown
from sad.pair import Pair
from sad.subjects.trainer import Setup, Trace
from sad.verdict import Verdict

CHECKS: dict[str, Callable[[Step], Verdict]] = {
    "can_be_called": checks.can_be_called,
    "step_accounting": checks.accounting,
    "split_invariance": checks.splits,
    "text_length": checks.lengths,
    "configuration_has_effect": checks.configuration,
    "teacher_isolation": checks.isolation,
}


CUTS = re.compile(r"\b(data|\w*_data|dataset|corpus|tokens)\[\s*\w+\s*:\s*\w+")
"""Where a source cuts a corpus."""
READ = re.compile(r"\.(?:config|args|cfg|hparams)\.(\w+)")
"""What a class reads of the settings that it keeps."""
NUMBERS = re.compile(r"mse_loss|MSELoss|l1_loss|L1Loss|huber_loss|HuberLoss|binary_cross_entropy\w*|BCE\w*Loss")
"""Losses of labels that are numbers."""


def found(code: Code) -> Judged:
    """Find out how a step is called. Raises ``CannotRunError`` where it raises however it is called, UserError where it
    cannot be told how it is called.
    """
    if is_trainer(code):
        library = Library(code)
        # what it cannot be made with is told before anything is judged
        try:
            library.run(ONE)
        except RuntimeError as error:
            if used := NUMBERS.search(source(code)):
                raise NeedsAdapterError(f"its labels are numbers, not tokens: it uses {used[0]}") from error
            raise
        except (AttributeError, KeyError, TypeError) as error:
            # a part of the trainer or of its batches that its program would give it
            raise NeedsAdapterError(f"it {raised(error)}: a guess in part", *guessed(str(error))) from error
        isolated = library.isolated if library.teacher else None
        of = Step(library, isolated, accumulates=True, code=code, gradient=library.gradient)
        return Judged("a trainer of transformers", library.assumed(), _checks(of))
    trainer = _discovered(code)
    call = trainer.call
    adapted = code.adapter is not None
    teacher = adapted or call.teacher or True in trainer.teachers
    of = Step(
        trainer,
        partial(_isolated, trainer) if teacher else None,
        accumulates=adapted or call.accumulates,
        scheduled=bool(call.takes(names.SCHEDULERS)) and bool(trainer.claims.schedules),
        scaled=bool(call.takes(names.SCALERS)),
        code=code,
        gradient=None if adapted else trainer.gradient,
        unclipped=replace(trainer, clipped=False) if not adapted and fixed(reached(code)) else None,
        padded=replace(trainer, clipped=False).gradient if trainer.pads and not call.accumulates else None,
        dropping=trainer if trainer.drops else None,
        halved=_halved(trainer),
        fixed_rate=not (adapted or call.optimized or call.takes(names.RATES)),
    )
    what = f"a step that is called for {call.unit.value}" if not adapted else "a run, as its adapter says"
    return Judged(what, _said(call), _checks(of))


def _checks(of: Step) -> dict[str, Callable[[], Verdict]]:
    return {name: partial(check, of) for name, check in CHECKS.items()}


def _said(call: Call) -> list[str]:
    if call.code.adapter is not None:
        return ["called as its adapter says"]
    said = [
        f"its batches are {call.form}; the models are called as those of transformers, the student in training mode"
    ]
    groups = (names.ACCUMULATIONS, names.ACCELERATORS, names.CLIPS, names.SCHEDULERS, names.LASTS, names.PLACES)
    taken = [name for group in groups if (name := call.takes(group))]
    said.append(f"it is set by {', '.join(taken)}" if taken else "it takes no accumulation, clip or schedule")
    if trains_itself(of := call.code.owner or call.code.target, call.code.target):
        said.append(f"{of.__name__} trains itself: its layers are not judged, a table stands for what they answer")
    if call.loads:
        said.append("it reads its data itself: every loader that it makes goes through batches made here")
    if call.draws:
        said.append("its own function that draws batches is not judged: batches are made here in its place")
    if call.engine:
        said.append(
            "its model is an engine as DeepSpeed's: it divides losses by the micro-batches of a step, and counts"
        )
    if call.leaves_loss:
        said.append("it returns a loss, from which a step of plain SGD is taken; it is asked of all texts at once")
    if call.leaves_steps:
        said.append("it adds gradients, and the step is taken for it after each window")
    if call.takes(names.SCHEDULERS) and by_score(reached(call.code)):
        said.append("its schedule is stepped by a score: what rates that gives is not asked")
    if not call.accumulates:
        said.append("it knows no windows of micro-batches: a step gets all its texts at once")
    return said


def _isolated(trainer: Strange, pair: Pair, look: Look) -> None:
    """Train a pair, with a look after each step."""
    setup = Setup((11,) * 2 * STEPS, micro_batch=2, learning_rate=1e-3)
    looks = 0

    def counted() -> None:
        nonlocal looks
        looks += 1
        look()

    # a step may unpack what it asks its model, as a bare one's
    hooks = [one.register_forward_hook(_answered) for one in (pair.student, pair.teacher)]
    try:
        trainer.train(pair.student.train(), pair.teacher, batches_of_pair(), setup, 1, counted)
    finally:
        for one in hooks:
            one.remove()
    if looks == STEPS - 1 and trainer.call.unit in (Unit.EPOCH, Unit.RUN):
        # a loader that is asked for no more after its last batch
        look()


def _answered(_: object, __: object, output: Any) -> Any:  # noqa: ANN401 - whatever models return
    """Return an output of transformers as the stand-ins give it."""
    return Answer(output) if isinstance(output, Mapping) else output


def _run(trainer: Strange) -> tuple[Strange, Trace]:
    """Run a trainer, with the switches on that it needs on. Raises whatever it raises."""
    try:
        with deciding() as asked:
            trace = trainer.run(ONE)
            # two rows may be taken apart as if they were a pair
            trainer.run(replace(ONE, micro_batch=3, accumulation=1))
    except UnboundLocalError as error:
        on = needed(error) - trainer.call.on
        if not on:
            raise
        return _run(replace(trainer, call=replace(trainer.call, on=trainer.call.on | on)))
    call = trainer.call
    text = reached(call.code) if call.code.adapter is None and not trace.taken else ""
    if on := stepping(text) - call.on:
        return _run(replace(trainer, call=replace(call, on=call.on | on)))
    if asked and OPTIMIZES.search(text):
        # whether it steps may be what was asked
        raise unknown([*asked][-1])
    return trainer, trace


def _halved(trainer: Strange) -> Strange | None:
    """Return the same at half precision, where a switch makes it scale its gradients; None where there is none."""
    call = trainer.call
    if call.code.adapter is not None or not MAKES_SCALER.search(text := whole_source(call.code)):
        return None
    every = [p.name for p in (*call.parameters(), *call.built())]
    on = {one for one in (*settings_read(text, every), *call.asked, *every) if HALF.fullmatch(one.lower())}
    on |= {found[1] for found in READ.finditer(text) if HALF.fullmatch(found[1].lower())}
    clipped = not fixed(reached(call.code))
    return replace(trainer, call=replace(call, on=call.on | on), scales=True, clipped=clipped) if on else None


def _discovered(code: Code) -> Strange:
    """Try the forms of batches: the first that moves the weights is meant."""
    runs: list[Strange] = []
    failed: list[Exception | SystemExit] = []
    # what fetches a classifier has examples of one class each, and its texts would have more labels
    first = [CLASSES_OF_DICTS] if CLASSIFIES.search(reached(code)) else []
    for form in dict.fromkeys((*first, *FORMS)) if code.adapter is None else list(FORMS)[:1]:
        trainer = Strange(Call(code, form))
        try:
            trainer, trace = _run(trainer)
        except NeedsAdapterError:
            raise
        except (Exception, SystemExit) as error:
            failed.append(error)
            continue
        if any(bool(taken.change.any()) for taken in trace.taken):
            return trainer
        if not trace.taken and code.adapter is None and not trainer.call.takes(names.OPTIMIZERS):
            raise NeedsAdapterError("it takes no optimizer and takes no step; a loss is judged with --loss")
        runs.append(trainer)
    if runs:
        return runs[0]
    if code.adapter is None and CUTS.search(source(code)):
        raise NeedsAdapterError("it cuts its batches out of a corpus at places that it draws")
    if Call(code, next(iter(FORMS))).loads:
        said = f"it reads its data itself, and {raised(telling(failed))}: a guess in part"
        raise NeedsAdapterError(said, *guessed(str(telling(failed))))
    if code.adapter is None and Call(code, next(iter(FORMS))).configured and refuses(telling(failed)):
        said = f"it checks its settings, and {raised(telling(failed))}: a guess in part"
        raise NeedsAdapterError(said, *guessed(str(telling(failed))))
    raise refused(telling(failed), next(iter(FORMS)), failed[0])
