"""The weights never moved

## What it sees
The evaluation gives the same number, bit for bit, at two or more steps in a row while training goes on; a value that
a loop writes into every row until the next evaluation counts once, and so does an evaluation that is told twice. Or the
learning rate or the gradient norm is exactly 0, or the update is too small for the precision of the weights, wherever
it was logged. Each is evidence of the same thing, so they are told together. An evaluation that changes overrules a
learning rate that was logged as 0.

## Why it is bad
Nothing was learned, and everything else in the log is noise of the batches: a flat loss, a high perplexity and an
early stop are consequences, not causes. No weight of a term, no patience and no curriculum can help.
The usual reason is a gate of the gradient accumulation that never opens: a method that tells whether the window is
full also advances its own counter and is called twice a batch, so that the gate sees only odd counts and never meets
an even accumulation. Others: the optimizer holds parameters that the model no longer uses, everything is
`requires_grad=False`, or every step is skipped for its gradient.

## Thresholds
- `digits = 5`: an evaluation must show so many significant digits; a loss printed as 2.3 repeats by chance. One digit
  less takes `fewer_digits = 8` equal evaluations in a row. With fewer still, or fewer of them, it does not judge.
- `evaluations = 3`: so many equal evaluations in a row, or else all of them, or full float precision (9 digits).
- `jump = 50`: before such a stretch the evaluation must have moved by so many units of its last digit: one that has
  converged creeps to rest. A stretch at less than 2% of the largest learning rate is the schedule's end.
- `rate_after = 300`: so many steps, or an epoch, or half of the planned steps, with a learning rate of 0; fewer may be
  the batches before the first step of a warm-up.
- `zero_records = 5`: so many records of an update or of a gradient of 0; `zeros_both = 3` where the learning rate is 0
  in all of them too.
- `update = 1e-08`: an update below this share of the weights is lost in float32, whose steps are 6e-08.

## Example
```run fires
steps: 100 every 10
train/loss: 29 ~ 4
train/lr: 0
steps: 499, 999
eval/loss: 51.7094, 51.7094
```

```run quiet
steps: 100 every 10
train/loss: 29 -> 9 ~ 1
train/lr: 0 -> 2e-5 -> 0
steps: 499, 999
eval/loss: 21.4088, 9.8172
```

## Remedy
First make a step happen. Count the optimizer's steps, and print the norm of one weight before and after ten of them.
`sad verify` runs this check on odd and even accumulations up to 8; in a recipe for `sad train` the two numbers are

```toml
[train]
accumulation = 8
learning_rate = 2e-5
```

## Sources
- The failed runs this project starts from: 1,000 batches, 0 steps, evaluation 51.7094 at steps 499 and 999.
- Amazon SageMaker Debugger, rule "UnchangedTensor"; trainproof, rule of the learning rate at 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from sad_doctor import names, signals, words
from sad_doctor.finding import Finding, Level, Reading
from sad_doctor.rule import Rule, Thresholds, TooFew
from sad_doctor.run import Column, Run
from sad_doctor.sealed import sealed

FULL_PRECISION = 9
"""Significant digits from which one repetition cannot be chance: a float32 has 7 to 9."""

_NORM, _RATE = "the gradient norm", "the learning rate"
ENDED = 0.02
"""Share of the largest learning rate below which a schedule is over."""

_THRESHOLDS: Thresholds = {
    **{"digits": 5, "fewer_digits": 8, "evaluations": 3, "jump": 50},
    **{"rate_after": 300, "zero_records": 5, "update": 1e-8, "zeros_both": 3},
}


@sealed
class _Evaluation:
    column: str
    still: signals.Still
    whole: bool


def check(run: Run, t: Thresholds) -> Iterator[Finding | Reading]:
    """Yield one finding with all evidence."""
    evaluation = _evaluation(run, t)
    evidence = _zeros(run, t)
    yield from _measured(run)
    if evaluation is None and (not evidence or signals.evaluation_moves(run) or signals.loss_falls(run)):
        if not evidence and not _judgeable(run, t):
            raise TooFew("fewer than 2 evaluations, and too few records of the learning rate or of the update")
        if untold := _too_few_digits(run, t):
            raise TooFew(untold)
        return
    lines = [*([_repeats(evaluation)] if evaluation else []), *evidence]
    yield RULE.finding(
        headline=_headline(run, evaluation, lines),
        evidence=tuple(words.capital(line) for line in lines),
        cause=_cause(run, evidence),
        remedy=(
            "Judge nothing else before a step happens: count the optimizer's steps and compare the norm of one weight "
            "before and after. Is the optimizer made of what is trained, after it was wrapped or replaced?"
        ),
        first_step=evaluation.still.first if evaluation and not evaluation.whole else run.first_step,
        last_step=run.last_step,
        numbers=_numbers(run, evaluation),
    )


def _measured(run: Run) -> Iterator[Reading]:
    for name, column in list(signals.evaluations(run).items())[:1]:
        still = signals.still(column)
        yield Reading(f"longest stretch of equal values of {name}", 0 if still is None else still.count, "evaluations")
    update = run.get(names.UPDATE_RATIO)
    if update is not None:
        yield Reading("largest update of the weights", float(np.max(update.value)), "update")


def _evaluation(run: Run, t: Thresholds) -> _Evaluation | None:
    """Return the stretch over which all evaluation losses stay the same, if it proves something."""
    columns = signals.evaluations(run)
    if not columns:
        return None
    name, column = next(iter(columns.items()))
    still = signals.still(column)
    if still is None:
        return None
    whole = still.count == len(column)
    moving = [name for name, other in columns.items() if _changes(other, still)]
    if moving and not (whole and still.count > t["evaluations"] and name == names.EVAL_LM_LOSS and _beside(moving)):
        return None
    digits = signals.significant_digits(still.value)
    often = (
        whole or still.count >= t["evaluations"] or (digits >= FULL_PRECISION and not _best_again(run, column, still))
    )
    if not often or (not whole and (_schedule_ended(run, still) or _learns_on(run, still))):
        return None
    shown = digits >= t["digits"] or (digits >= t["digits"] - 1 and still.count >= t["fewer_digits"])
    proven = shown and (whole or _moved_before(column, still) >= t["jump"] * signals.unit(still.value))
    return _Evaluation(name, still, whole) if proven or digits >= FULL_PRECISION else None


def _beside(moving: list[str]) -> bool:
    """Whether what moves may be a projector's doing alone: terms of states, and the total that they are in."""
    own = {*names.ANCHORS, names.KD, None}
    return all(name == names.EVAL_LOSS or names.term_of(name) not in own for name in moving)


def _too_few_digits(run: Run, t: Thresholds) -> str:
    """What to say of evaluations that are all equal, but printed too coarsely to tell; else nothing."""
    columns = signals.evaluations(run)
    if not columns or signals.evaluation_moves(run):
        return ""
    name, column = next(iter(columns.items()))
    digits = signals.significant_digits(column.last)
    if len(column) < 2 or digits >= t["digits"]:
        return ""
    return (
        f"{words.called(name)} is {words.number(column.last, 6)} in {len(column)} of {len(column)} evaluations, but "
        f"{digits} digits are too few to tell whether it moves"
    )


def _moved_before(column: Column, still: signals.Still) -> float:
    earlier = column.value[column.step < still.first]
    return abs(float(earlier[-1]) - still.value) if earlier.size else float("inf")


def _best_again(run: Run, column: Column, still: signals.Still) -> bool:
    """Whether the last evaluation repeats the best one and ends the log: the best checkpoint was loaded again."""
    loss = run.get(names.LOSS)
    ends = loss is None or float(loss.step.max()) <= still.last
    return ends and still.last == column.step[-1] and still.value == float(np.min(column.value))


def _schedule_ended(run: Run, still: signals.Still) -> bool:
    """Whether the learning rate is nearly 0 during the stretch, and was not before."""
    if (rate := run.get(names.LEARNING_RATE)) is None:
        return False
    within = rate.value[(rate.step >= still.first) & (rate.step <= still.last)]
    return bool(within.size) and float(np.max(within)) < ENDED * float(np.max(rate.value))


def _learns_on(run: Run, still: signals.Still) -> bool:
    """Whether the training's total surely falls within the stretch: then the evaluation is an old number."""
    loss = signals.tidy(run.columns.get(names.LOSS, Column(np.empty(0), np.empty(0))))
    within = (loss.step >= still.first) & (loss.step <= still.last)
    return signals.falls(Column(loss.step[within], loss.value[within]))


def _changes(column: Column, still: signals.Still) -> bool:
    within = column.value[(column.step >= still.first) & (column.step <= still.last)]
    return bool(within.size) and not bool(np.all(within == within[0]))


def _zeros(run: Run, t: Thresholds) -> list[str]:
    lines = []
    rate = run.get(names.LEARNING_RATE)
    if signals.never_steps(run, t["rate_after"]) and rate is not None:
        lines.append(_always(rate, _RATE))
    update, norm = run.get(names.UPDATE_RATIO), run.get(names.GRAD_NORM)
    if signals.always_zero(update, int(t["zero_records"])) and update is not None:
        lines.append(_always(update, "the update of the weights"))
    elif update is not None and len(update) >= t["zero_records"] and bool(np.all(update.value < t["update"])):
        largest = words.number(float(np.max(update.value)))
        lines.append(f"the update is at most {largest} of the weights in {len(update):,} of {len(update):,} records")
    # a warm-up begins with a rate of 0 too, but with a gradient
    still = rate is not None and signals.always_zero(rate, int(t["zeros_both"]))
    if norm is not None and signals.always_zero(norm, int(t["zeros_both" if still else "zero_records"])):
        lines += [_always(norm, _NORM), *([_always(rate, _RATE)] if rate and still and not lines else [])]
    return lines


def _always(column: Column, what: str) -> str:
    return f"{what} is exactly 0 in {len(column):,} of {len(column):,} records"


def _judgeable(run: Run, t: Thresholds) -> bool:
    rate, update = run.get(names.LEARNING_RATE), run.get(names.UPDATE_RATIO)
    moving = rate is not None and bool(np.any(rate.value != 0))
    stepped = update is not None and len(update) >= t["zero_records"]
    return moving or stepped or any(len(c) >= 2 for c in signals.evaluations(run).values())


def _repeats(evaluation: _Evaluation) -> str:
    still = evaluation.still
    where = [still.first, still.last] if still.count == 2 else []
    spread = f"in {still.count} evaluations from step {words.step(still.first)} to {words.step(still.last)}"
    at = f"at {words.steps(where)}" if where else spread
    return f"{words.called(evaluation.column)} is {words.number(still.value, 6)} {at}, the same to the last digit"


def _headline(run: Run, evaluation: _Evaluation | None, lines: list[str]) -> str:
    if evaluation is None:
        return f"The weights never moved: {', and '.join(lines)}."
    if not evaluation.whole and len(lines) == 1:
        return f"The weights stopped moving at step {words.step(evaluation.still.first)}: {lines[0]}."
    if signals.loss_falls(run):
        return f"The evaluated weights never moved, though the training loss falls: {', and '.join(lines)}."
    return f"The weights never moved: {', and '.join(lines[:2])}."


def _cause(run: Run, zeros: list[str]) -> str:
    """The cause that fits what was found: no gradient at all is another thing than a step that never happens."""
    if signals.loss_falls(run):
        return (
            "Something else than the evaluated student learns: a projector or a target that can be trained, or the "
            "evaluation uses another copy of the model."
        )
    rate = run.get(names.LEARNING_RATE)
    if _NORM in " ".join(zeros) and rate is not None and bool(np.any(rate.value != 0)):
        return (
            "No gradient reaches the weights, though there is a rate: the loss is of detached values or under no_grad, "
            "all is frozen, or the logits are clamped. Or the norm is taken after zero_grad: then the weights do move."
        )
    if zeros and all("update" in line for line in zeros):
        return (
            "The optimizer steps by nothing: its learning rate is too small for the precision of the weights, or it "
            "holds parameters without a gradient."
        )
    if zeros:
        return (
            "The optimizer takes no step. Most often the gate of the gradient accumulation never opens: a counter "
            "advanced twice a batch skips every even one. A rate printed as 0.000e+00 is zero, not rounded."
        )
    return "The optimizer holds other parameters than the evaluated model, or all are frozen, or it is never stepped."


def _numbers(run: Run, evaluation: _Evaluation | None) -> dict[str, float]:
    numbers: dict[str, float] = {}
    if evaluation is not None:
        numbers |= {"value": evaluation.still.value, "evaluations": float(evaluation.still.count)}
    rate = run.get(names.LEARNING_RATE)
    if rate is not None:
        numbers |= {"lr_zero_records": float(np.sum(rate.value == 0)), "lr_records": float(len(rate))}
    return numbers


RULE = Rule(
    code="R101",
    name="weights-frozen",
    level=Level.ERROR,
    page=__doc__,
    needs=(
        "eval/loss|eval/lm_loss|eval/bits_per_byte|eval/kl|eval/raw/|eval/weighted/|"
        "train/lr|train/update_ratio|train/grad_norm",
    ),
    check=check,
    thresholds=_THRESHOLDS,
)
